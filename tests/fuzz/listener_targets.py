"""The listener: a whole connection, and the data set of one C-STORE."""

import itertools
import shutil
import socket
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any
from xml.etree import ElementTree

import structlog
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SegmentationStorage,
)
from pydicom.uid import ImplicitVRLittleEndian as Implicit

from fuzz.folders import folder_of_this_process
from fuzz.fuzz_target import Flaw, FuzzTarget
from listener.audit.events import Node
from listener.audit.received_studies import ReceivedStudies
from listener.audit.rejected_peers import RejectedPeers
from listener.audit.trail import BOM, AuditLog, audit_files
from listener.metrics.counters import ListenerMetrics
from listener.pairing.arrivals import Arrivals
from listener.scp.admission import Admission
from listener.scp.association import Association
from listener.scp.c_store import Inbox, IncomingObject
from listener.scp.command_set import Command
from listener.scp.connection import Connection
from listener.scp.part_files import PartFiles
from listener.scp.presentation_contexts import Context, supported_contexts
from listener.scp.quarantine import Quarantine
from listener.scp.statuses import Status
from listener.settings import AuditSettings, ListenerSettings
from listener.spool.spool import Spool
from support.dicom_objects import data_set_bytes, file_bytes, image, image_uid, outline, outline_uid, transcoded
from support.hostile_objects import deflated, many_items, nested, segmentation
from support.hostile_peers import MR_CONTEXT, RELEASE, SEG_CONTEXT, data_pdus, store_request
from support.listening import association_request

SYNTAXES = (ExplicitVRLittleEndian, Implicit, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
OBJECTS = ((str(MRImageStorage), image_uid(1)), (str(SegmentationStorage), outline_uid(1)))
MAX_STREAM_BYTES = 100_000
"""So much fits into a connection whose other end is not read yet."""
_NUMBERS = itertools.count()


def no_errors(_: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Raise for log events that report an internal error."""
    if method in ("error", "exception", "critical"):
        raise Flaw(f"{event.get('event')}: {event.get('error', '')}")
    raise structlog.DropEvent


@cache
def _inbox() -> Inbox:
    structlog.configure(processors=[no_errors])
    root = folder_of_this_process()
    settings = ListenerSettings(
        spool=root / "spool", min_free_bytes=0, acse_timeout_seconds=5, idle_timeout_seconds=5, pdu_timeout_seconds=5
    )
    spool = Spool(settings.spool)
    spool.prepare()
    quarantine, audit = Quarantine(spool, 1 << 20, 50), AuditLog(AuditSettings(root / "audit"))
    return Inbox(
        spool,
        settings,
        quarantine,
        lambda *_: None,
        lambda _: None,
        Arrivals(spool.receiving),
        audit,
        RejectedPeers(audit),
    )


def _check_audit(inbox: Inbox) -> None:
    """See that what was written of foreign names and identifiers is XML, and take it away."""
    for path in audit_files(inbox.spool.root.parent / "audit"):
        for line in path.read_text().splitlines():
            ElementTree.fromstring(line.partition(BOM)[2])  # noqa: S314 written by us a moment ago
        path.unlink()


@cache
def _server() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@cache
def _metrics() -> ListenerMetrics:
    return ListenerMetrics()


@cache
def _data_sets() -> dict[tuple[int, int], bytes]:
    """Return the data set of an image and of an outline in each transfer syntax, by their numbers."""
    folder = folder_of_this_process()
    found = {}
    for kind, object_ in enumerate((image(1), outline(images=[1, 2]))):
        plain = folder / f"{kind}.dcm"
        plain.write_bytes(file_bytes(object_))
        for number, syntax in enumerate(SYNTAXES[:3]):
            found[kind, number] = data_set_bytes(transcoded(plain, syntax, folder / "other.dcm"))
        found[kind, 3] = deflated(found[kind, 0])
    shutil.rmtree(folder)
    return found


def association_seeds() -> list[bytes]:
    """Whole conversations: associate, store an image or an outline, release."""
    request = association_request()
    seeds = [request, request + RELEASE]
    for kind, context in ((0, MR_CONTEXT), (1, SEG_CONTEXT)):
        sop_class, uid = OBJECTS[kind]
        message = store_request(uid, sop_class, context) + data_pdus(context, _data_sets()[kind, 0], 700)
        seeds.append(request + message + RELEASE)
    return seeds


def run_association(content: bytes) -> None:
    """Serve a connection that brings these bytes and ends."""
    inbox = _inbox()
    theirs = socket.create_connection(_server().getsockname())
    ours, _ = _server().accept()
    with theirs:
        theirs.setblocking(False)
        theirs.send(content[:MAX_STREAM_BYTES])
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours, inbox.settings.max_pdu_bytes, inbox.settings.pdu_timeout_seconds)
        admission = Admission(4, 4, 4, 4)
        if not admission.admit_connection("peer"):
            raise Flaw("a place is not free")
        serve_association(connection, inbox, admission)
    _check_audit(inbox)
    if admission.open_associations or list(inbox.spool.receiving.iterdir()):
        raise Flaw("something of the association is left")


def serve_association(connection: Connection, inbox: Inbox, admission: Admission) -> None:
    """Run the association as the server does."""
    Association(connection, "peer", inbox, admission, supported_contexts(), _metrics()).run()


def store_seeds() -> list[bytes]:
    """One byte that chooses class and transfer syntax, then the data set."""
    seeds = [bytes([kind * 4 + number]) + content for (kind, number), content in _data_sets().items()]
    hostile = [segmentation(nested(40)), segmentation(after=[many_items(50)])]
    return seeds + [b"\x04" + content for content in hostile]


def run_store(content: bytes) -> None:
    """Take a data set as an association would, in two fragments."""
    inbox, kind, number = _inbox(), (content[:1] or b"\0")[0] >> 2 & 1, (content[:1] or b"\0")[0] & 3
    sop_class, uid = OBJECTS[kind]
    folder = inbox.spool.receiving / f"fuzz-{next(_NUMBERS)}"
    folder.mkdir()
    parts = PartFiles(folder)
    try:
        command = Command(1, 1, True, sop_class, uid)
        context = Context(3, sop_class, UID(SYNTAXES[number]))
        studies = ReceivedStudies(inbox.audit, Node("FUZZ", "127.0.0.1"), Node("RADTME", "localhost"))
        incoming = IncomingObject(inbox, parts, context, command, "FUZZ", studies)
        middle = len(content) // 2
        for part in (content[1:middle], content[max(1, middle) :]):
            incoming.write([memoryview(part)])
        answer = incoming.finish()
        studies.end()
    finally:
        parts.close()
    if folder.exists():
        raise Flaw("something of the association is left")
    if answer.status is Status.INTERNAL_ERROR:
        raise Flaw("an object led to an internal error")
    _check_audit(inbox)
    for path in inbox.spool.studies.rglob("*.dcm"):
        path.unlink()


TARGETS = (
    FuzzTarget("association", association_seeds, run_association),
    FuzzTarget("store", store_seeds, run_store),
)
