"""Targets with filters: Orthanc gets scored cases, dcmtk's storescp cases that were not scored."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.simulation.phantom import write_phantom
from listener.audit.reader import read_entries
from listener.spool.jobs import JobState
from support.broken_studies import SMALL
from support.installation import Installation, send
from support.pacs import Orthanc
from support.processes import free_port, running
from tests.acceptance.conftest import target_of
from workers.delivery.outbox import read_deliveries

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("storescp") is None or shutil.which("dcmsend") is None, reason="needs dcmtk"),
]


@pytest.fixture
def review(tmp_path: Path) -> Iterator[int]:
    """Return the port of a storescp that writes into ``received``."""
    port, folder = free_port(), tmp_path / "received"
    folder.mkdir()
    command = ["storescp", "-od", str(folder), "-aet", "REVIEW", str(port)]
    with running(command, tmp_path / "storescp.log", port):
        yield port


def test_each_target_gets_what_its_filter_takes(tmp_path: Path, pacs: Orthanc, review: int) -> None:
    """The PACS takes no refusal; the review station takes nothing else, but the score that replaces its refusal."""
    phantom = write_phantom(tmp_path / "phantom", 5, **SMALL)
    targets = [
        {**target_of(pacs), "filter": {"verdicts": ["hot", "cold", "uncertain"]}},
        {
            "name": "review",
            "ae_title": "REVIEW",
            "host": "127.0.0.1",
            "port": review,
            "filter": {"verdicts": ["not_scored"], "reasons": ["missing_instances"]},
        },
        {"name": "other", "ae_title": "X", "host": "127.0.0.1", "port": 1, "filter": {"senders": ["ELSEWHERE"]}},
    ]
    with Installation(tmp_path / "here", targets, {"deadline_seconds": 3}) as here:
        here.start()
        send(here.dicom_port, phantom.seg_path)
        [refused] = here.wait_for_jobs(1)
        assert {one.target for one in read_deliveries(here.spool.ledger, refused.id)} == {"review"}
        assert pacs.instances(phantom.study_uid) == []
        _sent_to_review_only(here, refused.id)
        send(here.dicom_port, *phantom.paths)
        jobs = here.wait_for_jobs(2)
        scored = next(job for job in jobs if job.id != refused.id)
        assert scored.state is JobState.DONE
        uids = set(here.result(scored)["objects"].values())
        assert {one["00080018"]["Value"][0] for one in pacs.instances(phantom.study_uid)} == uids
        assert uids < {str(dcmread(path).SOPInstanceUID) for path in (tmp_path / "received").iterdir()}
        assert set(here.result(scored)["withheld"]) == {"other"}
        assert '"resourceType": "DiagnosticReport"' in here.radtme("fhir", scored.id)


def _sent_to_review_only(here: Installation, job_id: str) -> None:
    """Status, metric and audit state why the other targets get nothing."""
    shown = here.radtme("status")
    assert "filter.verdicts is hot, cold, uncertain; here not_scored" in " ".join(shown.split())
    assert "filter.senders is ELSEWHERE; here DCMSEND" in " ".join(shown.split())
    assert 'radtme_results_withheld_total{target="pacs"} 1.0' in here.get("work", "/metrics")
    assert "radtme_results_sent_nowhere_total 1.0" not in here.get("work", "/metrics")
    [entry] = read_entries(here.folder / "data" / "audit", lambda one: one.details.get("job") == job_id, pytest.fail)
    assert "other (filter.senders is ELSEWHERE; here DCMSEND)" in entry.details["not sent to"]


def test_a_result_that_no_target_takes_is_reported_and_its_case_is_done(tmp_path: Path, pacs: Orthanc) -> None:
    """It stays in the spool; status, log and metric state it."""
    phantom = write_phantom(tmp_path / "phantom", 6, **SMALL)
    targets = [{**target_of(pacs), "filter": {"senders": ["ELSEWHERE"]}}]
    with Installation(tmp_path / "here", targets) as here:
        assert "some results may go to no target" in here.radtme("config", "check")
        here.start()
        send(here.dicom_port, *phantom.paths)
        [job] = here.wait_for_jobs(1)
        assert job.state is JobState.DONE
        assert "no target gets this result" in here.radtme("status")
        assert "radtme_results_sent_nowhere_total 1.0" in here.get("work", "/metrics")
        assert '"result_sent_nowhere"' in here.log("work")
        assert pacs.instances(phantom.study_uid) == []
