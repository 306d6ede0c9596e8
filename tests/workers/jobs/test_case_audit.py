"""What the workers write to the audit trail: what was scored with what, and what went where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import SegmentationStorage

from listener.audit.reader import AuditEntry, read_entries
from listener.audit.trail import AuditLog, NotAudited
from listener.settings import AuditSettings
from listener.spool.job_record import SegmentationReference
from model_store.signatures.certainty import PredictionSet
from support.dicom_objects import STUDY, image, image_uid
from support.records import SIGNATURE, job_record, result_record
from workers.errors import TransientFailure
from workers.jobs.case_audit import scored
from workers.results.instance_reference import InstanceReference
from workers.results.result_record import ScoreRecord
from workers.results.result_roles import ResultRole
from workers.scoring.case_result import Phenotype, Stability
from workers.targets.audited_transport import AuditedTransport
from workers.targets.store_status import StoreResult
from workers.targets.target import Target
from workers.targets.transport import Alternatives, SentObject

JOB = job_record("0123456789abcdef-v1", study_uid=STUDY)
TARGET = Target("pacs", "PACS", "192.0.2.10", 104)
ROLES = (ResultRole.SEGMENTATION, ResultRole.KEY_IMAGE)


class Scripted:
    """A transport that answers as a test says."""

    def __init__(self, *answers: StoreResult, breaks: bool = False) -> None:
        self.answers = answers
        self.breaks = breaks
        self.was_asked = False

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Give the answers of the script, and break the connection where it says that."""
        self.was_asked = True
        for (role, choices), answer in zip(objects.items(), self.answers, strict=False):
            yield SentObject(role, InstanceReference.of(next(iter(choices.values()))()), answer, answer.value)
        if self.breaks:
            raise TransientFailure("gone")

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Do nothing."""

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """List nothing."""
        return frozenset()


def objects() -> dict[ResultRole, Alternatives]:
    """Return two results of a patient."""

    def made(number: int) -> Dataset:
        one = image(number)
        one.PatientID, one.PatientName = "P1", "DOE^JANE"
        return one

    return {role: {"1.2": lambda number=number: made(number)} for number, role in enumerate(ROLES)}


def told(folder: Path) -> list[AuditEntry]:
    """Return every message."""
    return list(read_entries(folder, lambda _: True, print))


def test_each_try_is_told_before_and_after(tmp_path: Path) -> None:
    """What is about to go, then a message for what was taken and one for what was not."""
    transport = AuditedTransport(Scripted(StoreResult.TAKEN, StoreResult.REFUSED), AuditSettings(tmp_path))
    assert len(list(transport.send(TARGET, "RADTME", objects()))) == 2
    begin, taken, refused = told(tmp_path)
    assert (begin.event_code, begin.instances) == ("110102", 2)
    assert begin.who[1] == "PACS@192.0.2.10"
    assert (taken.event_code, taken.outcome, taken.instances) == ("110104", "ok", 1)
    assert (refused.outcome, refused.description) == ("refused", "key_image: refused")
    assert all(one.studies == (STUDY,) and one.patients == ("DOE^JANE (P1)",) for one in told(tmp_path))


def test_broken_connection_is_told_too(tmp_path: Path) -> None:
    """Objects stored before the connection broke are audited; without any, the failed attempt is."""
    transport = AuditedTransport(Scripted(StoreResult.TAKEN, breaks=True), AuditSettings(tmp_path / "some"))
    with pytest.raises(TransientFailure):
        list(transport.send(TARGET, "RADTME", objects()))
    assert [one.outcome for one in told(tmp_path / "some")] == ["ok", "ok"]
    transport = AuditedTransport(Scripted(breaks=True), AuditSettings(tmp_path / "none"))
    with pytest.raises(TransientFailure):
        list(transport.send(TARGET, "RADTME", objects()))
    assert [one.outcome for one in told(tmp_path / "none")] == ["ok", "failed"]


def test_nothing_is_sent_unaudited(tmp_path: Path) -> None:
    """While the trail cannot be written, the target is not even called, and the try is made again later."""
    (tmp_path / "audit").write_text("")
    scripted = Scripted(StoreResult.TAKEN)
    with pytest.raises(TransientFailure, match="nothing is sent: the audit trail cannot be written"):
        list(AuditedTransport(scripted, AuditSettings(tmp_path / "audit")).send(TARGET, "RADTME", objects()))
    assert not scripted.was_asked


def test_an_audited_score_is_never_rounded_onto_its_threshold(tmp_path: Path) -> None:
    """0.41226 is cold below a threshold of 0.4123; with equal numbers the trail would contradict the verdict."""
    score = ScoreRecord(0.41226, 0.4123, Phenotype.COLD, stability=Stability(0.41225, 0.412299, 10, 10))
    scored(AuditLog(AuditSettings(tmp_path)), JOB, image(1), result_record("0123456789abcdef-v1", score=score))
    (one,) = told(tmp_path)
    assert (one.details["score"], one.details["threshold"]) == ("0.41226", "0.41230")
    assert one.details["redrawn outlines"] == "0.41225 to 0.412299"


def test_case_is_told_with_its_signature(tmp_path: Path) -> None:
    """Score, signature with digest, outline, and the results that came of it; a trail that fails stops the case."""
    reference = InstanceReference(STUDY, "1.2", SegmentationStorage, image_uid(1))
    record = result_record(
        "0123456789abcdef-v1",
        seg=SegmentationReference("1.2.8", "1.2.9"),
        score=ScoreRecord(
            0.71234,
            0.6,
            Phenotype.UNCERTAIN,
            tendency=Phenotype.HOT,
            prediction_set=PredictionSet.BOTH,
            stability=Stability(0.51, 0.81236, 10, 10),
        ),
        signature=replace(SIGNATURE, id="sig", version="1.0.0", digest="ab" * 32),
        references={ResultRole.SEGMENTATION: reference},
        warnings=("Scored although criterion 'spacing' is not met.",),
    )
    scored(AuditLog(AuditSettings(tmp_path / "audit")), JOB, image(1), record)
    (one,) = told(tmp_path / "audit")
    assert (one.event_code, one.kinds, one.instances) == ("110103", ("Radiomics scoring",), 1)
    assert one.objects == (f"sig 1.0.0 ({'ab' * 32})",)
    assert one.details["score"] == "0.7123"
    assert (one.details["phenotype"], one.details["tendency"]) == ("uncertain", "hot")
    assert one.details["prediction set"] == "hot or cold"
    assert one.details["redrawn outlines"] == "0.5100 to 0.8124"
    assert one.details["warnings"] == "Scored although criterion 'spacing' is not met."
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAudited):
        scored(AuditLog(AuditSettings(tmp_path / "file")), JOB, image(1), record)
