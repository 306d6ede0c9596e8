"""The interface of all kinds of targets: store, echo and query."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

if TYPE_CHECKING:
    from pydicom import Dataset

Alternatives = Mapping[str, Callable[[], "Dataset"]]
"""The same result by SOP class, the best one first; each is built only when the target takes no better one."""


class TargetRefused(Exception):
    """The target refuses permanently, whatever is sent: a retry fails until the cause is corrected."""


class InvalidResponse(TransientFailure):
    """The target is reachable, but this request got no answer, or a temporary refusal."""


class RequestNotSent(TransientFailure):
    """A local failure prevented the request; the target is not at fault."""


@dataclass(frozen=True)
class SentObject:
    """The target's answer for one object."""

    role: ResultRole
    instance: InstanceReference
    """As it was sent: a plainer alternative has UIDs of its own."""
    answer: StoreResult
    status: str
    """The status as 0xNNNN (DIMSE) or as an HTTP status, or a description where there was none."""
    was_answered: bool = True
    """False where the target did not answer: it may have stored the object or not, and may be down."""

    @property
    def sop_instance_uid(self) -> str:
        """The UID under which it was sent."""
        return self.instance.sop_instance_uid


class Transport(Protocol):
    """One kind of target.

    Its methods raise `TransientFailure` where the target cannot be reached or is too busy, and `TargetRefused` where it
    refuses permanently.
    """

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Send the objects in order and yield the target's answer for each as it arrives.

        There may be fewer answers than ``objects`` when the connection ended: objects without one were not sent.
        """
        ...

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Return when the target has answered the cheapest request."""
        ...

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Return the SOP Instance UIDs of those ``instances`` that the target lists in a query."""
        ...
