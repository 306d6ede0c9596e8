"""The audit of one association: who starts to send a study, and which of its objects were stored or refused.

Before the first object of a study is acknowledged, a message says that it comes, from whom and of whom; the end of the
association says how much came. Between the two messages, the spool shows what has arrived.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom.uid import UID

from listener.audit.events import AuditedPatient, AuditedStudy, Node, begin_transferring, instances_transferred
from listener.audit.message import FEW, Instances
from listener.audit.trail import AuditLog, NotAudited
from listener.dicom.data_set import Identity, UnreadableDataSet, read_patient
from listener.runtime.logger import Logger

log = Logger(__name__)

MAX_STUDIES = 32
"""Studies counted at a time in one association: before the next one, everything received so far is audited."""
MAX_OBJECTS = 5000
"""After this many objects an audit message is written too, for associations that stay open."""


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
    """The objects that one association has brought, for the audit trail. Used only by its own thread."""

    def __init__(self, audit: AuditLog, source: Node, destination: Node) -> None:
        self._audit = audit
        self._source = source
        self._character_set = audit.character_set_of(source.name)
        self._destination = destination
        self._studies: dict[str, _Arrived] = {}
        self._refused: Counter[str] = Counter()

    def begins(self, identity: Identity, part: str, offset: int, transfer_syntax: UID) -> None:
        """Write that objects of this study are being received, with the first one.

        Raises
        ------
        NotAudited
            If the message cannot be written: then the object must not be stored.
        """
        if not self._audit.is_on or identity.study_uid in self._studies:
            return
        if len(self._studies) >= MAX_STUDIES:
            self.end()
        try:
            patient = AuditedPatient(*read_patient(part, offset, transfer_syntax, self._character_set))
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
        """Count an object that was not stored; ``status`` is the DIMSE status that its sender received."""
        self._refused[status] += 1

    def end(self) -> None:
        """Write what was received, and restart the count. Acknowledged objects stay acknowledged if this fails."""
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
