"""One object on its way from the wire to the spool: part file, checks, fsync, link, status.

The bytes are written as they come. An object that cannot be kept costs a status and a log line; the association goes
on.
"""

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from listener.audit.received_studies import ReceivedStudies
from listener.audit.rejected_peers import RejectedPeers
from listener.audit.trail import AuditLog, NotAudited
from listener.dicom.data_set import (
    HEAD_BYTES,
    Identity,
    UnreadableDataSet,
    inflates_within,
    read_identity,
    read_identity_from,
)
from listener.dicom.part10 import file_head
from listener.dicom.sop_classes import is_document, is_outline
from listener.dicom.uids import InvalidUid, checked_uid
from listener.ledger.quarantine import QuarantineReason
from listener.pairing.arrivals import Arrivals
from listener.pairing.assessment_document import Judgement, read_judgement
from listener.pairing.assessment_intake import note_judgement
from listener.pairing.segmentation_references import SegmentationReferences, read_outline
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.logger import Logger
from listener.scp.command_set import Command
from listener.scp.part_files import Part, PartFiles
from listener.scp.presentation_contexts import Context
from listener.scp.quarantine import Quarantine
from listener.scp.statuses import IN_QUARANTINE, OTHER_CONTENT, Status
from listener.settings import ListenerSettings
from listener.spool.spool import Kept, Spool

log = Logger(__name__)

FREE_SPACE_STEP_BYTES = 64 * 1024**2
"""While a large object is received, the free space is checked again after so many bytes."""
NO_AUDIT = AuditLog(None)
NO_REJECTIONS = RejectedPeers(NO_AUDIT)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class StoreReply:
    """The response to a C-STORE."""

    status: Status
    comment: str = ""
    """For the sender's log: no patient data."""
    kept: Kept | None = None

    @property
    def outcome(self) -> str:
        """For the metrics: how it was kept, or the status that refuses it."""
        return self.kept.value if self.kept else self.status.name.lower()


@dataclass(frozen=True)
class Inbox:
    """What all associations of a listener share: the spool, the quarantine and those to notify of an object."""

    spool: Spool
    settings: ListenerSettings
    quarantine: Quarantine
    outline_kept: Callable[[SegmentationReferences, str], None]
    """Called with the calling AE title before the segmentation is acknowledged: makes sure that it has a job."""
    object_stored: Callable[[Identity], None]
    """Called for each object that is new in the spool."""
    arrivals: Arrivals
    audit: AuditLog = NO_AUDIT
    rejected_peers: RejectedPeers = NO_REJECTIONS


class Refused(Exception):
    """The object is not kept; ``answer`` is the response."""

    def __init__(self, status: Status, message: str, quarantine: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.quarantine = quarantine


class IncomingObject:
    """The object that a C-STORE brings: `write` its fragments, then `finish`. Never raises for the object's sake."""

    def __init__(
        self,
        inbox: Inbox,
        parts: PartFiles,
        context: Context,
        command: Command,
        calling_ae_title: str,
        studies: ReceivedStudies,
    ) -> None:
        self._inbox = inbox
        self._context = context
        self._command = command
        self._calling_ae_title = calling_ae_title
        self._studies = studies
        self._parts = parts
        self._refused: Refused | None = None
        self._part: Part | None = None
        self._file_head = b""
        """Until it is written, with the first bytes of the data set."""
        self._offset = 0
        self._check_space_at = FREE_SPACE_STEP_BYTES
        self._head = bytearray()
        self._identity: Identity | None = None
        self.received_bytes = 0
        """Of the data set, whether they were kept or not."""
        try:
            self._open()
        except Refused as refused:
            self._refused = refused
        except OSError as error:
            self._refused = _out_of_resources(error)

    def _open(self) -> None:
        try:
            uid = checked_uid(self._command.sop_instance_uid, "AffectedSOPInstanceUID")
        except InvalidUid as error:
            raise Refused(Status.INVALID_SOP_INSTANCE, str(error)) from error
        if self._command.sop_class_uid != self._context.sop_class_uid:
            raise Refused(Status.SOP_CLASS_NOT_SUPPORTED, "SOP class differs from the presentation context")
        self._require_space()
        self._file_head = file_head(self._context.sop_class_uid, uid, str(self._context.transfer_syntax))
        self._offset = len(self._file_head)
        self._part = self._parts.open()

    def _require_space(self) -> None:
        if self._inbox.spool.free_bytes() < self._inbox.settings.min_free_bytes:
            raise Refused(Status.OUT_OF_RESOURCES, "not enough free space")

    def write(self, fragments: Sequence[memoryview]) -> None:
        """Take the next bytes of the data set; they are dropped where the object is already refused."""
        self.received_bytes += sum(map(len, fragments))
        if self._part is None:
            return
        if self.received_bytes > self._inbox.settings.max_object_bytes:
            self._refuse(Refused(Status.OBJECT_TOO_LARGE, "larger than max_object_bytes"))
            return
        try:
            if self.received_bytes > self._check_space_at:
                self._check_space_at += FREE_SPACE_STEP_BYTES
                self._require_space()
            self._part.write([self._file_head, *fragments] if self._file_head else fragments)
            self._file_head = b""
        except Refused as refused:
            self._refuse(refused)
            return
        except OSError as error:
            self._refuse(_out_of_resources(error))
            return
        for fragment in fragments if len(self._head) < HEAD_BYTES else ():
            self._head += fragment[: HEAD_BYTES - len(self._head)]
            if len(self._head) == HEAD_BYTES:
                self._inspect_head()
                break

    def _inspect_head(self) -> None:
        """Read the head while the rest is being received; an error in it is answered at the end."""
        with suppress(UnreadableDataSet):
            self._identity = read_identity(self._head, self._context.transfer_syntax)

    def finish(self) -> StoreReply:
        """Keep the object, or return the reason for refusing it. After this, nothing of it is left in ``receiving``."""
        try:
            if self._refused is not None or self._part is None:
                return self._answer(self._refused or Refused(Status.INTERNAL_ERROR, "no file"))
            return self._keep(self._part)
        except Refused as refused:
            return self._answer(refused)
        except OSError as error:
            return self._answer(_out_of_resources(error))
        except Exception as error:
            # Outermost handler of the receive path: whatever fails for one object, its sender gets an answer and the
            # next object is served.
            log.exception("object_failed", sop_instance_uid=self._shown_uid)
            return self._answer(Refused(Status.INTERNAL_ERROR, f"internal error ({type(error).__name__})"))
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget the object; does nothing where it was kept."""
        if self._part is not None:
            self._part.remove()
            self._part = None

    def _keep(self, part: Part) -> StoreReply:
        identity = self._checked_identity(part)
        self._check_inflated(part)
        outline = self._outline(part) if is_outline(identity.sop_class_uid) else None
        judgement = self._judgement(part) if is_document(identity.sop_class_uid) else None
        self._audit_first(identity, part)  # before it has a whole name: a start after a crash keeps what has one
        part.seal()
        reach(FaultPoint.RECEIVE_WRITTEN)
        part.sync()
        reach(FaultPoint.RECEIVE_SYNCED)
        kept, folders = self._inbox.spool.link(
            part.path, identity.study_uid, identity.series_uid, identity.sop_instance_uid
        )
        if kept is Kept.CONFLICT:
            raise Refused(Status.DUPLICATE_SOP_INSTANCE, OTHER_CONTENT, quarantine=True)
        if kept is Kept.NEW:
            self._parts.linked(part, folders)
            self._part = None
        reach(FaultPoint.RECEIVE_KEPT)
        self._inbox.arrivals.brought(self._parts.association, identity.study_uid)
        if outline is not None:
            self._inbox.outline_kept(outline, self._calling_ae_title)
            reach(FaultPoint.RECEIVE_ANNOUNCED)
        if judgement is not None:
            note_judgement(self._inbox.spool, judgement, identity.sop_instance_uid, self._calling_ae_title)
        if kept is Kept.NEW:
            self._inbox.object_stored(identity)
        self._studies.kept(identity)
        return StoreReply(Status.SUCCESS, kept=kept)

    def _audit_first(self, identity: Identity, part: Part) -> None:
        """Audit that this study is being received, before any of it is kept: nothing is accepted unaudited."""
        try:
            self._studies.begins(identity, part.path, self._offset, self._context.transfer_syntax)
        except NotAudited as error:
            raise Refused(Status.OUT_OF_RESOURCES, "the audit trail cannot be written") from error

    def _checked_identity(self, part: Part) -> Identity:
        try:
            identity = self._identity or read_identity_from(
                Path(part.path), self._offset, self._context.transfer_syntax
            )
        except UnreadableDataSet as error:
            raise Refused(Status.CANNOT_UNDERSTAND, str(error), quarantine=True) from error
        if identity.sop_instance_uid != self._command.sop_instance_uid:
            raise Refused(Status.DATA_SET_MISMATCH, "SOP Instance UID differs from the command", quarantine=True)
        if identity.sop_class_uid != self._command.sop_class_uid:
            raise Refused(Status.DATA_SET_MISMATCH, "SOP Class UID differs from the command", quarantine=True)
        return identity

    def _check_inflated(self, part: Part) -> None:
        limit = self._inbox.settings.max_inflated_bytes
        try:
            if inflates_within(part.path, self._offset, self._context.transfer_syntax, limit):
                return
        except UnreadableDataSet as error:
            raise Refused(Status.CANNOT_UNDERSTAND, str(error), quarantine=True) from error
        raise Refused(Status.OBJECT_TOO_LARGE, "inflates to more than max_inflated_bytes")

    def _outline(self, part: Part) -> SegmentationReferences:
        settings = self._inbox.settings
        try:
            return read_outline(
                Path(part.path),
                self._offset,
                self._context.transfer_syntax,
                settings.structure,
                settings.max_referenced_instances,
            )
        except UnreadableDataSet as error:
            raise Refused(Status.OUTLINE_UNREADABLE, str(error), quarantine=True) from error

    def _judgement(self, part: Part) -> Judgement | None:
        settings = self._inbox.settings
        if settings.assessments is None:
            return None
        try:
            return read_judgement(
                Path(part.path), self._offset, self._context.transfer_syntax, settings.structure, settings.assessments
            )
        except UnreadableDataSet as error:
            raise Refused(Status.CANNOT_UNDERSTAND, str(error), quarantine=True) from error

    def _answer(self, refused: Refused) -> StoreReply:
        comment = str(refused)
        if refused.quarantine and self._part is not None:
            try:
                if self._put_in_quarantine(refused, self._part):
                    comment = f"{IN_QUARANTINE}{comment}"
            except OSError as error:
                refused = _out_of_resources(error)
                comment = str(refused)
        self._studies.refused(f"0x{refused.status:04X}")
        log.warning(
            "object_refused",
            status=f"0x{refused.status:04X}",
            reason=str(refused),
            sop_instance_uid=self._shown_uid,
            received_bytes=self.received_bytes,
        )
        return StoreReply(refused.status, comment)

    def _put_in_quarantine(self, refused: Refused, part: Part) -> bool:
        """Return whether there was room for it."""
        part.sync()
        reason = QuarantineReason(
            reason=refused.status.name.lower(),
            message=str(refused),
            at=datetime.now(UTC),
            status=f"0x{refused.status:04X}",
            sop_class_uid=self._command.sop_class_uid,
            sop_instance_uid=self._command.sop_instance_uid,
            transfer_syntax_uid=str(self._context.transfer_syntax),
            calling_ae_title=self._calling_ae_title,
        )
        has_room = self._inbox.quarantine.put(Path(part.path), self._command.sop_instance_uid, reason)
        if not has_room:
            log.warning("quarantine_full", sop_instance_uid=self._shown_uid, calling_ae_title=self._calling_ae_title)
        return has_room

    def _refuse(self, refused: Refused) -> None:
        self._refused = refused
        self.discard()

    @property
    def _shown_uid(self) -> str:
        return self._command.sop_instance_uid[:64]


def _out_of_resources(error: OSError) -> Refused:
    what = "no space left" if error.errno in _NO_SPACE else f"storage error ({errno.errorcode.get(error.errno or 0)})"
    return Refused(Status.OUT_OF_RESOURCES, what)
