"""A real listener for tests, in this process or in one of its own, and peers that speak to it."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from listener.dicom.sop_classes import STORAGE_CLASSES, VERIFICATION
from listener.listener import Listener
from listener.scp.presentation_contexts import TRANSFER_SYNTAXES
from listener.settings import ListenerSettings
from support.processes import free_port, running

NO_REDIS = "redis://127.0.0.1:1/0"

SERVE = """
import sys, threading
from pathlib import Path
from listener.runtime import logs
from listener.listener import Listener
from listener.settings import ListenerSettings
logs.configure(json=True)
listener = Listener(ListenerSettings(spool=Path(sys.argv[1]), port=int(sys.argv[2]), metrics_port=0, min_free_bytes=0,
                                     settle_seconds=0.3, sweep_seconds=0.3, redis_url=sys.argv[3]))
listener.start()
threading.Event().wait()
"""


def settings(spool: Path, **changes: Any) -> ListenerSettings:
    """Return settings with short times and free ports."""
    return ListenerSettings(
        spool=spool,
        **{
            "port": 0,
            "metrics_port": 0,
            "min_free_bytes": 0,
            "settle_seconds": 0.3,
            "sweep_seconds": 0.3,
            "redis_url": NO_REDIS,
            **changes,
        },
    )


@contextlib.contextmanager
def listening(spool: Path, **changes: Any) -> Iterator[Listener]:
    """Run a listener in this process for the block."""
    listener = Listener(settings(spool, **changes))
    listener.start()
    try:
        yield listener
    finally:
        listener.stop(drain_seconds=1.0)


@contextlib.contextmanager
def listener_process(
    spool: Path, log: Path, redis_url: str = NO_REDIS
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run a listener in a process of its own, to be killed; yields its port and the process."""
    port = free_port()
    with running([sys.executable, "-c", SERVE, str(spool), str(port), redis_url], log, port) as process:
        yield port, process


def dcmtk(tool: str, port: int, *arguments: str | Path, nodelay: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a sender of dcmtk against a loopback port."""
    return subprocess.run(
        [tool, *(str(one) for one in arguments if str(one).startswith(("-", "+"))), "127.0.0.1", str(port)]
        + [str(one) for one in arguments if not str(one).startswith(("-", "+"))],
        env={**os.environ, **({"TCP_NODELAY": "1"} if nodelay else {})},
        capture_output=True,
        text=True,
        timeout=120,
    )


def store(port: int, *objects: Dataset, calling: str = "SENDER") -> list[int]:
    """Send objects with pynetdicom on one association; return the statuses.

    pynetdicom's reactor can swallow a response when the receiver is fast (a race in its pausing); the object is then
    sent again on a new association, as a careful sender does.
    """
    statuses: list[int] = []
    tries = 0
    while len(statuses) < len(objects):
        tries += 1
        assert tries < 5, "no response to a C-STORE, again and again"
        statuses += _store_some(port, objects[len(statuses) :], calling)
    return statuses


def _store_some(port: int, objects: Sequence[Dataset], calling: str) -> list[int]:
    """Return the statuses of the first objects, as far as responses came."""
    entity = AE(calling)
    entity.dimse_timeout = 5
    for storage_class in STORAGE_CLASSES:
        for transfer_syntax in {one.file_meta.TransferSyntaxUID for one in objects}:
            entity.add_requested_context(storage_class, transfer_syntax)
    association = entity.associate("127.0.0.1", port)
    assert association.is_established
    statuses: list[int] = []
    for one in objects:
        status = association.send_c_store(one).get("Status")
        if status is None:
            return statuses  # pynetdicom has aborted
        statuses.append(status)
    association.release()
    return statuses


class RawPeer:
    """A peer that can misbehave: it writes PDUs as bytes."""

    def __init__(self, port: int, address: str = "", timeout: float = 120) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(address, 0))

    def associate(
        self, calling: str = "RAW", called: str = "RADTME", transfer_syntax: str = TRANSFER_SYNTAXES[0]
    ) -> int:
        """Ask for an association; return the type of the answer (2 accepted, 3 rejected)."""
        self.socket.sendall(association_request(calling, called, transfer_syntax))
        return self.read_pdu()[0]

    def read_pdu(self) -> tuple[int, bytes]:
        """Return the next PDU, or type 0 where the connection is closed.

        Raises
        ------
        TimeoutError
            If the other side neither says anything nor closes the connection.
        """
        try:
            header = self._read(6)
            return header[0], self._read(int.from_bytes(header[2:6], "big"))
        except ConnectionError:
            return 0, b""

    def _read(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            received = self.socket.recv(length - len(content))
            if not received:
                raise ConnectionResetError
            content += received
        return content

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def association_request(
    calling: str = "RAW", called: str = "RADTME", transfer_syntax: str = TRANSFER_SYNTAXES[0]
) -> bytes:
    """Return an A-ASSOCIATE-RQ for all storage classes: context 1 is Verification, 3 and on are the storage classes."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, called
    contexts = [build_context(uid, transfer_syntax) for uid in (VERIFICATION, *STORAGE_CLASSES)]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = contexts
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = "1.2.3.4"
    request.user_information = [length, implementation]
    return A_ASSOCIATE_RQ(request).encode()
