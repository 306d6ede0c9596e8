"""`radtme selftest`: a generated case through the running service, delivered only to the chosen target."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydicom import dcmread

from deploy.self_test.study import write_self_test
from listener.ledger.self_tests import SelfTest, announce_self_test, announced_self_tests
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.installation import RADTME, Installation, send
from support.pacs import Orthanc, orthanc
from support.processes import wait_until
from support.recorder import Recorder, recorder
from workers.delivery.outbox import read_deliveries
from workers.features import canary as feature_canary

STEPS = ["sent", "acknowledged", "paired", "scored", "features equal", "delivered", "seen"]
OK, NOT_REACHED = "OK", "not reached"
WITH_OTHER_EXPECTATIONS = """
import sys
from pathlib import Path
from workers.features import canary as feature_canary
feature_canary.EXPECTED = Path(sys.argv.pop(1))
from deploy.cli import main
main()
"""


@pytest.fixture(scope="module")
def clinical() -> Iterator[Recorder]:
    """Return the PACS that no self-test may reach."""
    with recorder() as one:
        yield one


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Return a PACS that is chosen by name."""
    with orthanc(tmp_path_factory.mktemp("chosen"), DicomAlwaysAllowFind=True) as one:
        yield one


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, clinical: Recorder, chosen: Orthanc) -> Iterator[Installation]:
    """Run listener, worker and Redis with both as targets."""
    test_pacs = {"name": "test", "ae_title": chosen.ae_title, "host": "127.0.0.1", "port": chosen.dicom_port}
    folder = tmp_path_factory.mktemp("installation")
    with Installation(folder, [clinical.target, test_pacs], {"calling_ae_titles": ["RADTME", "DCMSEND"]}) as one:
        one.start()
        yield one


def self_test(
    parts: Installation, *words: str, start: tuple[str, ...] = tuple(RADTME)
) -> tuple[int, dict[str, object]]:
    """Run the command; return its exit code, and verdict and message of each step."""
    command = [*start, "selftest", "--json", *words, "--config", str(parts.configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def verdicts(found: dict[str, object]) -> dict[str, str]:
    """Return how each step ended."""
    return {one["step"]: one["verdict"] for one in found["steps"]}  # type: ignore[attr-defined]


def failure(found: dict[str, object]) -> str:
    """Return message and remedy of the step that failed."""
    (one,) = (one for one in found["steps"] if one["verdict"] == "FAILED")  # type: ignore[attr-defined]
    return f"{one['step']}: {one['detail']}; {one['remedy']}"


def left_of_self_tests(spool: Spool) -> list[str]:
    """Return the studies of self-tests that lie in the spool."""
    return [test.study_uid for test in announced_self_tests(spool.ledger) if (spool.studies / test.study_uid).exists()]


def scored_cases(parts: Installation) -> list[str]:
    """Return what is counted of scores and drift; a process that starts late adds lines with 0."""
    lines = parts.get("work", "/metrics").splitlines()
    counted = [line for line in lines if re.match(r"radtme_(score|verdicts|recent|feature_stability)", line)]
    return sorted(line for line in counted if not line.endswith(" 0.0"))


def test_a_sound_installation_passes_and_nothing_stays(
    parts: Installation, clinical: Recorder, chosen: Orthanc
) -> None:
    """Every step is OK, the exit code 0; no target gets anything, no score is counted, the spool is as before.

    Also where the sink is named as workers reach it.
    """
    before = scored_cases(parts)
    code, found = self_test(parts, "--sink-host", "127.0.0.1")
    assert (code, found["passed"]) == (0, True), found
    assert verdicts(found) == dict.fromkeys(STEPS, OK)
    assert "958 of profile" in str(found)
    assert not clinical.digests
    assert json.loads(chosen.get("/instances", "application/json")) == []
    assert scored_cases(parts) == before
    assert parts.jobs() == []
    assert left_of_self_tests(parts.spool) == []


def test_the_chosen_target_gets_it_and_no_other(parts: Installation, clinical: Recorder, chosen: Orthanc) -> None:
    """The chosen PACS lists the four results of the synthetic patient; the other one got nothing.

    People get a table: one line per step, in order, each with its verdict.
    """
    said = parts.radtme("selftest", "--target", "test")
    places = [re.search(rf"^{step} +OK", said, re.MULTILINE) for step in STEPS]
    assert all(places), said
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)
    arrived = json.loads(chosen.get("/instances?expand", "application/json"))
    assert len(arrived) == 4
    patients = json.loads(chosen.get("/patients?expand", "application/json"))
    assert [one["MainDicomTags"]["PatientID"] for one in patients] == ["RADTME-SELFTEST"]
    assert not clinical.digests
    assert parts.jobs() == []


def test_a_wrong_feature_is_named(parts: Installation, tmp_path: Path) -> None:
    """A wrong expected value fails the comparison of features and no other step."""
    expected = tmp_path / "expected.csv"
    right = feature_canary.EXPECTED.read_text()
    expected.write_text(re.sub(r"(tumour_original_shape_MeshVolume),.*", r"\1,1234.5", right))
    code, found = self_test(parts, start=(sys.executable, "-c", WITH_OTHER_EXPECTATIONS, str(expected)))
    assert (code, found["passed"]) == (1, False)
    assert verdicts(found) == {**dict.fromkeys(STEPS, OK), "features equal": "FAILED"}
    assert failure(found).startswith("features equal: 1 of 958 features differ: tumour_original_shape_MeshVolume is ")
    assert "expected 1234.5; install the library versions" in failure(found)


def test_a_sender_that_is_not_known_is_told_so(parts: Installation) -> None:
    """A-ASSOCIATE-RJ, calling AE title not recognized (PS3.8 table 9-21): the message names title and setting."""
    code, found = self_test(parts, "--calling", "STRANGER")
    assert (code, verdicts(found)) == (1, {**dict.fromkeys(STEPS, NOT_REACHED), "sent": "FAILED"})
    assert "does not know our AE title: add STRANGER there" in failure(found)


def test_another_installations_listener_gets_no_outline(parts: Installation, tmp_path: Path) -> None:
    """Acknowledged objects are missing in this spool: reported after one image, which alone starts no case there."""
    before = parts.jobs()
    Spool(tmp_path / "spool").prepare()
    settings = yaml.safe_load(parts.configuration.read_text())
    other = tmp_path / "radtme.yaml"
    other.write_text(yaml.safe_dump({**settings, "data": str(tmp_path)}))
    command = [*RADTME, "selftest", "--json", "--config", str(other)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, verdicts(found)["sent"]) == (1, "FAILED")
    assert "an image that is not in the spool of this configuration" in failure(found)
    assert "another installation listens there" in failure(found)
    assert parts.jobs() == before


def test_without_a_listener_nothing_is_sent(parts: Installation) -> None:
    """Nothing listens on the port: the first step fails with that reason."""
    parts.stop("listen")
    try:
        code, found = self_test(parts)
    finally:
        parts.start("listen")
    assert (code, verdicts(found)["sent"]) == (1, "FAILED")
    assert f"nothing listens on port {parts.dicom_port}" in failure(found)


def test_without_a_worker_it_ends_and_stays_ended(parts: Installation, clinical: Recorder) -> None:
    """The time limit ends the test and drops the case: a later worker ignores it, the next run removes it.

    That one is for workers that cannot reach the command: results are read from the spool and removed with the case.
    """
    parts.stop("work")
    try:
        code, found = self_test(parts, "--timeout", "20")
    finally:
        parts.start("work")
    assert (code, verdicts(found)["paired"]) == (1, OK)
    assert "scored: not within 20 s: still ready; no worker took it" in failure(found)
    (job,) = parts.jobs()
    assert job.state is JobState.DROPPED
    code, found = self_test(parts, "--no-delivery")
    assert (code, found["passed"]) == (0, True), found
    assert verdicts(found) == {**dict.fromkeys(STEPS, OK), "delivered": "skipped", "seen": "skipped"}
    assert parts.jobs() == []
    assert left_of_self_tests(parts.spool) == []
    assert not clinical.digests


def test_what_only_looks_like_one_is_delivered_like_every_case(
    parts: Installation, clinical: Recorder, tmp_path: Path
) -> None:
    """Patient, descriptions and equipment of a self-test, but no registration: every target receives the results."""
    write_self_test(tmp_path)
    send(parts.dicom_port, tmp_path)
    (job,) = parts.wait_for_jobs(1, 300)
    assert (job.state, parts.result(job)["outcome"]) == (JobState.DONE, "scored")
    assert [one.target for one in read_deliveries(parts.spool.ledger, job.id)] == ["pacs", "test"]
    assert len(clinical.digests) == 4
    assert "self-test" not in parts.radtme("status", "--all")


def test_what_a_target_sends_back_is_known_again(parts: Installation, clinical: Recorder, tmp_path: Path) -> None:
    """A PACS that routes the study back after the test has ended, and its case was removed, starts no real case."""
    already = len(clinical.digests)
    study = write_self_test(tmp_path)
    seg = study.outline.sop_instance_uid
    announce_self_test(
        parts.spool.ledger, SelfTest(study.study_uid, seg, ("test",), None, datetime(2026, 1, 1, tzinfo=UTC))
    )
    send(parts.dicom_port, tmp_path)

    def finished() -> bool:
        job = parts.spool.find_job(job_id_for(seg, 1))
        return job is not None and job.state is JobState.DONE

    wait_until(finished, 300, "the case that came back")
    assert "self-test, only for test" in parts.radtme("status", "--all")
    assert len(clinical.digests) == already


def test_a_name_that_is_no_target_is_wrong_usage(parts: Installation) -> None:
    """Exit code 2, with the names that there are; nothing was announced."""
    before = announced_self_tests(parts.spool.ledger)
    said = parts.radtme("selftest", "--target", "pcas", check=False)
    assert "there is no target 'pcas'" in said
    assert "pacs, test" in said
    assert announced_self_tests(parts.spool.ledger) == before


def test_two_studies_share_no_uid(tmp_path: Path) -> None:
    """Each run has UIDs of its own, derived from a UUID (PS3.5 B.2): study, series, frame of reference and object."""
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
    first, second = (
        {str(dcmread(file.path)[name].value) for file in write_self_test(tmp_path / part).files for name in names}
        for part in ("one", "two")
    )
    assert first
    assert not first & second
    assert all(uid.startswith("2.25.") for uid in first | second)
