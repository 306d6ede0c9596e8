"""What every kind of target can do: take objects, say whether it is there, and say what it has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydicom import Dataset

from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_classes import ResultRole
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

Alternatives = Mapping[str, Callable[[], Dataset]]
"""The same result by SOP class, the best one first; each is built only when the target takes no better one."""


class TargetRefused(Exception):
    """The target refuses permanently, whatever is sent: a retry fails until the cause is corrected."""


class InvalidResponse(TransientFailure):
    """The target is there, and this one request got no answer, or one that asks for patience."""


class RequestNotSent(TransientFailure):
    """Something of ours kept us from asking: it says nothing of the target."""


@dataclass(frozen=True)
class SentObject:
    """What the target said to one object."""

    role: ResultRole
    instance: InstanceReference
    """As it was sent: a plainer alternative has UIDs of its own."""
    answer: StoreResult
    status: str
    """The status as 0xNNNN (DIMSE) or as HTTP says it, or in words where no status came."""
    was_answered: bool = True
    """False where the target said nothing: it may have stored the object or not, and may be dead."""

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
        """Send the objects in their order and yield the target's word on each as it comes.

        There may be fewer words than ``objects`` when the connection ended: what has none was not sent.
        """
        ...

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Return when the target answers the cheapest question there is."""
        ...

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Return the SOP Instance UIDs of those ``instances`` that the target lists when it is asked for them."""
        ...
