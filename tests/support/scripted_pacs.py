"""A PACS in memory whose answers a test sets, for delivery without sockets: it is reached through a `Transport`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from listener.dicom.commitment_report import CommitmentReport
from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.association import AssociationRefused
from workers.targets.store_status import meaning_of
from workers.targets.target import Target
from workers.targets.transport import Alternatives, SentObject

SILENCE = None
"""Instead of a status: the object arrives, its response does not."""


class WorkerDied(BaseException):
    """The worker's process ended: nothing after this point of it happens."""


@dataclass
class ScriptedPacs:
    """Its next answers, and the requests that it got."""

    up: bool = True
    rejects: bool = False
    """Every association, permanently."""
    statuses: list[int | None] = field(default_factory=list)
    """C-STORE statuses, one after the other, then success."""
    dies_before: int | None = None
    """The worker dies before it sends the object of this number."""
    lists: bool = True
    reports_at_once: bool = False
    associations: list[list[ResultRole]] = field(default_factory=list)
    """The objects of each association that carried some."""
    stored: list[str] = field(default_factory=list)
    """SOP Instance UIDs that were answered as taken, in their order."""
    refused: list[str] = field(default_factory=list)
    """Those that were answered as refused for good."""
    requests: dict[str, frozenset[str]] = field(default_factory=dict)
    """SOP Instance UIDs by Transaction UID."""
    contacts: int = 0
    """Times that anyone asked for an association."""
    probes: int = 0

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Answer with the next statuses."""
        self._associate()
        self.associations.append([])
        for number, (role, choices) in enumerate(objects.items()):
            if number == self.dies_before:
                self.dies_before = None
                raise WorkerDied
            instance = InstanceReference.of(next(iter(choices.values()))())
            self.associations[-1].append(role)
            status = self.statuses.pop(0) if self.statuses else 0x0000
            answer = meaning_of(status)
            if answer.value == "taken":
                self.stored.append(instance.sop_instance_uid)
            elif answer.value == "refused":
                self.refused.append(instance.sop_instance_uid)
            text = "no response" if status is None else f"0x{status:04X}"
            yield SentObject(role, instance, answer, text, was_answered=status is not None)
            if status is None:  # as pynetdicom does: no response in time ends the association
                return

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Answer a C-ECHO."""
        self.probes += 1
        self._associate()

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """List what was stored, unless it does not list anything yet."""
        self._associate()
        return frozenset(one.sop_instance_uid for one in instances) if self.lists else frozenset()

    def request_commitment(
        self,
        target: Target,
        calling_ae_title: str,
        transaction_uid: str,
        instances: Sequence[InstanceReference],
        keep_report: Callable[[CommitmentReport], None],
        has_report: Callable[[], bool],
    ) -> None:
        """Take a request; put in the place of `workers.targets.commitment_scu.request_commitment`."""
        self._associate()
        assert transaction_uid not in self.requests, "a Transaction UID that was used before"
        uids = frozenset(one.sop_instance_uid for one in instances)
        self.requests[transaction_uid] = uids
        if self.reports_at_once:
            keep_report(CommitmentReport(transaction_uid, tuple(uids), {}))

    def _associate(self) -> None:
        self.contacts += 1
        if not self.up:
            raise TransientFailure("PACS@pacs:104 cannot be reached")
        if self.rejects:
            raise AssociationRefused("PACS@pacs:104 rejected the association: rejected permanently")
