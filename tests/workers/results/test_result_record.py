"""``result.json``: what is kept of a result, and results of earlier versions."""

import json
from pathlib import Path

import pytest

from listener.spool.job_notes import RESULT_NAME
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from model_store.signatures.certainty import PredictionSet
from support.records import facts_of, job_record, result_record
from support.result_cases import CERTAINTY, make_case
from workers.results.result_record import ScoreRecord, read_result, write_result
from workers.scoring.case_result import Doubt, Phenotype, Stability


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Return an empty spool."""
    found = Spool(tmp_path)
    found.prepare()
    return found


def test_a_result_of_before_there_were_uncertain_verdicts_is_read(spool: Spool) -> None:
    """Three fields were all of a score: its class is what the verdict was, and nothing is made up."""
    job = spool.create_job(job_record(job_id_for("1.2", 1)), JobState.DONE, **facts_of(JobState.DONE))
    assert job is not None
    write_result(job, result_record(job.id))
    path = job.folder / RESULT_NAME
    written = json.loads(path.read_text())
    written["score"] = {"hot_probability": 0.71, "threshold": 0.5, "phenotype": "hot"}
    path.write_text(json.dumps(written))
    found = read_result(job)
    assert found is not None
    assert found.score == ScoreRecord(0.71, 0.5, Phenotype.HOT)
    assert found.score.is_hot
    assert (found.score.tendency, found.score.stability, found.score.doubts) == (None, None, ())


def test_how_sure_a_score_is_comes_back(spool: Spool) -> None:
    """Tendency, prediction set, range and doubts stand beside the verdict."""
    job = spool.create_job(job_record(job_id_for("1.2", 1)), JobState.DONE, **facts_of(JobState.DONE))
    assert job is not None
    case = make_case(hot_probability=0.4, certainty=CERTAINTY, stability=Stability(0.35, 0.6, 9, 10))
    assert case.result.score is not None
    write_result(job, result_record(job.id, score=ScoreRecord.of(case.result.score)))
    found = read_result(job)
    assert found is not None and found.score is not None  # noqa: PT018
    assert found.score == ScoreRecord.of(case.result.score)
    assert (found.score.phenotype, found.score.tendency) == (Phenotype.UNCERTAIN, Phenotype.COLD)
    assert found.score.prediction_set is PredictionSet.BOTH
    assert found.score.doubts == (Doubt.OUTLINE, Doubt.CALIBRATION)
    assert found.score.stability == Stability(0.35, 0.6, 9, 10)


def test_a_result_with_another_warning_is_another_result() -> None:
    """A warning changes how the score is to be read: a report that lacks it is replaced."""
    plain = result_record("a")
    warned = result_record("b", warnings=("Scored although criterion 'technique' is not met.",))
    assert plain.has_same_findings(result_record("b"))
    assert not plain.has_same_findings(warned)
