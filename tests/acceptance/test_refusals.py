"""Studies that must not be scored: each ends as not scored, with its reason in every output."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from deploy.simulation.phantom import write_phantom
from listener.spool.jobs import Job, JobState, job_id_for
from support.broken_studies import SMALL, WAYS, BrokenStudy, break_study
from support.installation import Installation, send
from support.pacs import Orthanc

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.filterwarnings("ignore:Invalid value for VR DS"),  # one of the studies is broken that way
]


@pytest.fixture(scope="module")
def broken(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, BrokenStudy]:
    """Return the broken studies after all of them were sent and judged."""
    folder = tmp_path_factory.mktemp("broken")
    studies = {way: break_study(folder / way, way, seed=100 + number) for number, way in enumerate(WAYS)}
    for study in studies.values():
        send(installation.dicom_port, study.folder)
    installation.wait_for_jobs(len(studies), 120)
    return studies


def job_of(installation: Installation, study: BrokenStudy) -> Job:
    """Return the job of a study's outline."""
    job = installation.spool.find_job(job_id_for(study.seg_uid, 1))
    assert job is not None
    return job


def texts(dataset: Dataset) -> Iterator[str]:
    """Yield every text and code meaning of a report."""
    for item in dataset.get("ContentSequence", []):
        if "TextValue" in item:
            yield item.TextValue
        for code in item.get("ConceptCodeSequence", []):
            yield f"{code.CodeValue} {code.CodeMeaning}"
        yield from texts(item)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_not_scored_and_the_reason_is_written(
    installation: Installation, broken: dict[str, BrokenStudy], pacs: Orthanc, way: str
) -> None:
    """The coded reason is in the result, in `radtme status`, in the log, and in report and key image at the PACS."""
    study = broken[way]
    job = job_of(installation, study)
    assert job.state is JobState.DONE
    result = installation.result(job)
    assert (result["outcome"], result["score"]) == ("not_scored", None)
    assert result["rejection"]["reason"] == study.reason, result["rejection"]

    assert study.reason in installation.radtme("status", study.study_uid)
    lines = [json.loads(line) for line in installation.log("work").splitlines() if line.startswith("{")]
    assert study.reason in [line.get("reason") for line in lines if line.get("job") == job.id]

    [report] = pacs.retrieve(study.study_uid, result["references"]["summary_report"]["series_uid"])
    said = " | ".join(texts(report))
    assert "NOT SCORED" in said
    assert result["rejection"]["message"][:60] in said
    [picture] = pacs.retrieve(study.study_uid, result["references"]["key_image"]["series_uid"])
    assert picture.SOPInstanceUID == result["objects"]["key_image"]


def test_the_metrics_count_the_reasons(installation: Installation, broken: dict[str, BrokenStudy]) -> None:
    """Operations sees how many cases were not scored, and why."""
    metrics = installation.get("work", "/metrics")
    for reason in {study.reason for study in broken.values()}:
        expected = sum(study.reason == reason for study in broken.values())
        assert f'radtme_cases_not_scored_total{{reason="{reason}"}} {expected}.0' in metrics


def test_a_late_image_makes_a_report_that_replaces_the_first(
    installation: Installation, broken: dict[str, BrokenStudy], tmp_path: Path, pacs: Orthanc
) -> None:
    """The missing image comes after the deadline: the case is scored, and the report names what it replaces."""
    study = broken["missing_instance"]
    whole = write_phantom(tmp_path / "whole", 100 + list(WAYS).index("missing_instance"), **SMALL)
    assert whole.study_uid == study.study_uid
    before = len(installation.jobs())
    send(installation.dicom_port, whole.image_paths[1][12])
    installation.wait_for_jobs(before + 1)
    second = installation.spool.find_job(job_id_for(study.seg_uid, 2))
    assert second is not None
    result, first = installation.result(second), installation.result(job_of(installation, study))
    assert result["outcome"] == "scored"
    [report] = pacs.retrieve(study.study_uid, result["references"]["summary_report"]["series_uid"])
    replaced = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert replaced.ReferencedSOPInstanceUID == first["objects"]["summary_report"]


def test_a_damaged_signature_scores_nothing_until_it_is_mended(installation: Installation, tmp_path: Path) -> None:
    """One changed byte: not scored, with the reason; after the repair, `radtme retry` scores the same case."""
    store = installation.folder / "data" / "signatures"
    estimators = list(store.rglob("estimator.skops"))
    assert estimators
    kept = tmp_path / "kept"
    shutil.copytree(store, kept)
    for estimator in estimators:
        content = bytearray(estimator.read_bytes())
        content[len(content) // 2] ^= 1
        estimator.chmod(0o644)
        estimator.write_bytes(content)
    installation.stop("work")  # a bundle is verified when it is loaded
    installation.start("work")
    before = len(installation.jobs())
    phantom = write_phantom(tmp_path / "phantom", 900, **SMALL)
    send(installation.dicom_port, *(tmp_path / "phantom").iterdir())
    jobs = installation.wait_for_jobs(before + 1)
    [job] = [one for one in jobs if one.record.study_uid == phantom.study_uid]
    result = installation.result(job)
    assert result["rejection"]["reason"] == "signature_unusable"
    assert "signature_unusable" in installation.radtme("status", phantom.study_uid)

    for estimator in estimators:
        shutil.copyfile(kept / estimator.relative_to(store), estimator)
    installation.radtme("retry", job.id)
    jobs = installation.wait_for_jobs(before + 2)
    results = [installation.result(one) for one in jobs if one.record.study_uid == phantom.study_uid]
    assert sorted(one["outcome"] for one in results) == ["not_scored", "scored"]
