"""C-ECHO: whether a DICOM peer answers."""

import time
from dataclasses import dataclass

from deploy.errors import Unreachable
from deploy.network.association import associated
from deploy.network.peer import Peer
from listener.scu.association import c_echo, verification_contexts


@dataclass(frozen=True)
class Echo:
    """The time that the peer took, in seconds."""

    association_seconds: float
    echo_seconds: float


def echo(peer: Peer, calling_ae_title: str, timeout_seconds: float) -> Echo:
    """Verify that ``peer`` answers (PS3.4 Annex A).

    Raises
    ------
    Unreachable
        If there is no association, no answer, or another status than success.
    """
    start = time.perf_counter()
    with associated(peer, calling_ae_title, verification_contexts(), timeout_seconds) as association:
        there = time.perf_counter()
        status = c_echo(association)
        end = time.perf_counter()
    if status is None:
        raise Unreachable(f"{peer}: no answer to C-ECHO within {timeout_seconds:g} s", "the association was accepted")
    if status != 0:
        raise Unreachable(f"{peer}: answered C-ECHO with status 0x{status:04X}", "see its log")
    return Echo(there - start, end - there)
