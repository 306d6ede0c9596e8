"""Whether an association is accepted: by the allow-list, and by the number of open ones; else its A-ASSOCIATE-RJ."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum

from listener.scp.allow_list import AllowList, Caller
from listener.settings import ListenerSettings


@dataclass(frozen=True)
class RejectParameters:
    """Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int
    why: str = ""
    """The exact reason, where one reason of the Standard covers several."""


class AssociationRejection(Enum):
    """Why an association is refused."""

    CALLING_AE_TITLE = RejectParameters(1, 1, 3)
    """The calling AE title is not allowed."""
    CALLING_ADDRESS = RejectParameters(1, 1, 3, "address")
    """The calling AE title is not allowed from this address."""
    CALLING_CERTIFICATE = RejectParameters(1, 1, 3, "certificate")
    """The calling AE title is not allowed with this certificate."""
    CALLED_AE_TITLE = RejectParameters(1, 1, 7)
    """The called AE title is not the configured one."""
    APPLICATION_CONTEXT = RejectParameters(1, 1, 2)
    """The application context name is not that of DICOM."""
    PROTOCOL_VERSION = RejectParameters(1, 2, 2)
    """The protocol version is not supported."""
    TOO_MANY_ASSOCIATIONS = RejectParameters(2, 3, 2)
    """As many associations are open as are allowed in all."""
    TOO_MANY_OF_PEER = RejectParameters(2, 3, 1)
    """As many associations are open as are allowed from one address."""
    NO_STORAGE = RejectParameters(2, 3, 1, "storage")
    """The folder for received objects cannot be written; the sender can try again later."""

    @property
    def label(self) -> str:
        """The name that metrics and logs use."""
        return self.name.lower()


class ConnectionRefusal(StrEnum):
    """The reason to close a connection before an association request."""

    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    TOO_MANY_CONNECTIONS = "too_many_connections"


_REJECTIONS = {
    "title": AssociationRejection.CALLING_AE_TITLE,
    "address": AssociationRejection.CALLING_ADDRESS,
    "certificate": AssociationRejection.CALLING_CERTIFICATE,
}


def check_caller(
    settings: ListenerSettings, allowed: AllowList, caller: Caller, called: str, *, may_report: bool = False
) -> AssociationRejection | None:
    """Return the reason to reject this calling AE title or the called one, or None.

    One who may report on storage commitment gets an association, though not one to send by.
    """
    refusal = allowed.refusal(caller)
    if refusal is not None and not may_report:
        return _REJECTIONS[refusal]
    if settings.needs_called_ae_title and called != settings.ae_title:
        return AssociationRejection.CALLED_AE_TITLE
    return None


class Admission:
    """Counts connections and associations, by peer address, and refuses those above the limits."""

    def __init__(
        self,
        max_associations: int,
        max_associations_per_peer: int,
        max_pending: int,
        max_pending_per_peer: int,
        allowed: AllowList | None = None,
        reporters: AllowList | None = None,
    ) -> None:
        self.allowed = allowed or AllowList()
        """Who may associate; replaced as a whole when the list changes."""
        self.reporters = reporters or AllowList()
        """The peers that may report on storage commitment; replaced in the same way."""
        self._max_associations = max_associations
        self._max_per_peer = max_associations_per_peer
        self._max_pending = max_pending
        self._max_pending_per_peer = max_pending_per_peer
        self._lock = threading.Lock()
        self._pending: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    @property
    def open_associations(self) -> int:
        """How many associations are open."""
        with self._lock:
            return self._open.total()

    def knows_address(self, address: str) -> bool:
        """Return whether anyone who may send or report may come from this address."""
        reports = not self.reporters.is_empty and self.reporters.knows_address(address)
        return self.allowed.knows_address(address) or reports

    def may_send(self, caller: Caller) -> bool:
        """Return whether this caller may send objects."""
        return self.allowed.refusal(caller) is None

    def may_report(self, caller: Caller) -> bool:
        """Return whether this caller may report on storage commitment: it is on either list by name."""
        return any(not one.is_empty and one.refusal(caller) is None for one in (self.allowed, self.reporters))

    def admit_connection(self, peer: str) -> bool:
        """Count a new connection; False where too many have not associated yet, and it must be closed at once."""
        with self._lock:
            if self._pending.total() >= self._max_pending or self._pending[peer] >= self._max_pending_per_peer:
                return False
            self._pending[peer] += 1
            return True

    def connection_done(self, peer: str) -> None:
        """Count down a connection that has associated, was refused or gave up."""
        with self._lock:
            _count_down(self._pending, peer)

    @contextmanager
    def association(self, peer: str) -> Iterator[AssociationRejection | None]:
        """Count an association for the block; yields the reason where it must be rejected, otherwise None."""
        rejection = self._take(peer)
        try:
            yield rejection
        finally:
            if rejection is None:
                with self._lock:
                    _count_down(self._open, peer)

    def _take(self, peer: str) -> AssociationRejection | None:
        with self._lock:
            if self._open.total() >= self._max_associations:
                return AssociationRejection.TOO_MANY_ASSOCIATIONS
            if self._open[peer] >= self._max_per_peer:
                return AssociationRejection.TOO_MANY_OF_PEER
            self._open[peer] += 1
            return None


def _count_down(counter: Counter[str], peer: str) -> None:
    counter[peer] -= 1
    if counter[peer] <= 0:
        del counter[peer]
