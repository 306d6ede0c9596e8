"""A transport that audits what it sends."""

from collections.abc import Iterator, Mapping, Sequence

from listener.audit.events import (
    AuditedPatient,
    AuditedStudy,
    Node,
    begin_transferring,
    instances_transferred,
    patient_of,
)
from listener.audit.message import Instances
from listener.audit.trail import AuditLog, NotAudited
from listener.runtime.logger import Logger
from listener.settings import AuditSettings
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.store_status import StoreResult
from workers.targets.target import Target
from workers.targets.transport import Alternatives, RequestNotSent, SentObject, Transport

log = Logger(__name__)


class AuditedTransport:
    """A transport that audits what it sends, before the first byte and after the last answer."""

    def __init__(self, transport: Transport, settings: AuditSettings | None) -> None:
        self._transport = transport
        self._audit = AuditLog(settings)

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Send as the transport does.

        Raises
        ------
        RequestNotSent
            If the audit trail cannot be written: then nothing is sent.
        """
        if not self._audit.is_on:
            yield from self._transport.send(target, calling_ae_title, objects)
            return
        first = [next(iter(choices.values()))() for choices in objects.values()]
        study_uid, patient = str(first[0].StudyInstanceUID), patient_of(first[0])
        transfer = _Transfer(self._audit, Node(calling_ae_title), _node(target), study_uid, patient)
        transfer.begin([InstanceReference.of(one) for one in first])
        sent: list[SentObject] = []
        ended = "the connection failed before the target answered"
        try:
            for one in self._transport.send(target, calling_ae_title, objects):
                sent.append(one)
                yield one
            ended = ""
        finally:
            transfer.end(sent, ended)

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Echo as the transport does: it concerns no patient, so it is not audited."""
        self._transport.probe(target, calling_ae_title)

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Query as the transport does."""
        return self._transport.seen(target, calling_ae_title, instances)


class _Transfer:
    """One attempt to send results of one study."""

    def __init__(
        self, audit: AuditLog, source: Node, destination: Node, study_uid: str, patient: AuditedPatient
    ) -> None:
        self._audit = audit
        self._source = source
        self._destination = destination
        self._study_uid = study_uid
        self._patient = patient

    def begin(self, instances: Sequence[InstanceReference]) -> None:
        study = AuditedStudy(self._study_uid, self._patient, _by_class(instances))
        try:
            self._audit.write(begin_transferring(self._source, self._destination, study, sends=True))
        except NotAudited as error:
            raise RequestNotSent(f"nothing is sent: {error.strerror}") from error

    def end(self, sent: Sequence[SentObject], ended: str) -> None:
        """Audit what was taken and what was not, in a message each (PS3.15 section A.5.2)."""
        taken = [one for one in sent if one.answer is StoreResult.TAKEN]
        left = [one for one in sent if one.answer is not StoreResult.TAKEN]
        if taken:
            self._write(taken, "")
        if left:
            final = all(one.answer is StoreResult.REFUSED for one in left)
            self._write(left, "; ".join(f"{one.role.value}: {one.status}" for one in left), final=final)
        if not sent and ended:
            self._write((), ended)

    def _write(self, sent: Sequence[SentObject], failure: str, *, final: bool = False) -> None:
        """Write a message; never raises, because what was sent stays sent."""
        study = AuditedStudy(self._study_uid, self._patient, _by_class([one.instance for one in sent]))
        try:
            self._audit.write(
                instances_transferred(self._source, self._destination, study, sends=True, failure=failure, final=final)
            )
        except NotAudited as error:
            log.error("audit_failed", reason=str(error), study=self._study_uid)


def _by_class(references: Sequence[InstanceReference]) -> tuple[Instances, ...]:
    by_class: dict[str, list[str]] = {}
    for reference in references:
        by_class.setdefault(reference.sop_class_uid, []).append(reference.sop_instance_uid)
    return tuple(Instances(sop_class, len(uids), tuple(uids)) for sop_class, uids in by_class.items())


def _node(target: Target) -> Node:
    return Node(target.url or target.ae_title, target.host_name)
