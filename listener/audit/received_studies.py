"""The audit of what one association brings: who begins to send a study, and what of it was kept or refused.

Before the first object of a study is acknowledged, a message says that it comes, from whom and of whom; the end of the
association says how much came. Between the two, the spool itself tells.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydicom.uid import UID

from listener.audit.events import AuditedPatient, AuditedStudy, Node, begin_transferring, instances_transferred
from listener.audit.message import FEW, Instances
from listener.audit.trail import AuditLog, NotAudited
from listener.dicom.data_set import Identity, UnreadableDataSet, read_patient

log = structlog.get_logger()

MAX_STUDIES = 32
"""Studies of one association that are counted at a time: before one more, all that came so far is told."""
MAX_OBJECTS = 5000
"""Objects after which it is told too, in an association that does not end."""


@dataclass
class _Arrived:
    patient: AuditedPatient
    kept: dict[str, list[str]] = field(default_factory=dict)
    """The first few SOP Instance UIDs by SOP class."""
    numbers: Counter[str] = field(default_factory=Counter)

    def study(self, uid: str) -> AuditedStudy:
        instances = (Instances(sop, n, tuple(self.kept[sop]) if n <= FEW else ()) for sop, n in self.numbers.items())
        return AuditedStudy(uid, self.patient, tuple(instances))


class ReceivedStudies:
    """What one association has brought, for the audit trail. Used by its thread alone."""

    def __init__(self, audit: AuditLog, source: Node, destination: Node) -> None:
        self._audit = audit
        self._source = source
        self._destination = destination
        self._studies: dict[str, _Arrived] = {}
        self._refused: Counter[str] = Counter()

    def begins(self, identity: Identity, part: Path, offset: int, transfer_syntax: UID) -> None:
        """Say that objects of this study come, the first time that one does.

        Raises
        ------
        NotAudited
            If it cannot be written down: then the object must not be kept.
        """
        if not self._audit.is_on or identity.study_uid in self._studies:
            return
        if len(self._studies) >= MAX_STUDIES:
            self.end()
        try:
            patient = AuditedPatient(*read_patient(part, offset, transfer_syntax))
        except UnreadableDataSet:  # the object is kept all the same, and so is the trail
            patient = AuditedPatient()
        study = AuditedStudy(identity.study_uid, patient)
        self._audit.write(begin_transferring(self._source, self._destination, study, sends=False))
        self._studies[identity.study_uid] = _Arrived(patient)

    def kept(self, identity: Identity) -> None:
        """Count an object that is safe in the spool."""
        arrived = self._studies.get(identity.study_uid)
        if arrived is None:
            return
        arrived.numbers[identity.sop_class_uid] += 1
        uids = arrived.kept.setdefault(identity.sop_class_uid, [])
        if len(uids) < FEW:
            uids.append(identity.sop_instance_uid)
        if arrived.numbers.total() >= MAX_OBJECTS:
            self.end()

    def refused(self, status: str) -> None:
        """Count an object that was not kept; ``status`` is what its sender was told."""
        self._refused[status] += 1

    def end(self) -> None:
        """Say what came, and begin to count anew. What was acknowledged stays so, whether it can be told or not."""
        studies, self._studies = self._studies, {}
        refused, self._refused = self._refused, Counter()
        try:
            for uid, arrived in studies.items():
                if arrived.numbers:
                    self._write(arrived.study(uid), "")
            if refused:
                self._write(_unknown_or(studies), _error_text(refused))
        except NotAudited as error:
            log.error("audit_failed", reason=str(error), studies=len(studies))

    def _write(self, study: AuditedStudy, failure: str) -> None:
        self._audit.write(
            instances_transferred(self._source, self._destination, study, sends=False, failure=failure, final=True)
        )


def _unknown_or(studies: Mapping[str, _Arrived]) -> AuditedStudy:
    """Return the study that refused objects belong to: it is known only where the association brought no other."""
    if len(studies) == 1:
        uid, arrived = next(iter(studies.items()))
        return AuditedStudy(uid, arrived.patient)
    return AuditedStudy("", AuditedPatient())


def _error_text(refused: Counter[str]) -> str:
    return "objects refused: " + ", ".join(f"{number} with {status}" for status, number in sorted(refused.items()))
