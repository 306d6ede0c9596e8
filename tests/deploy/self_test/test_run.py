"""What is left of a self-test, and who may get it, without a running service."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.configuration.load import load_configuration
from deploy.configuration.sections import RetentionSettings
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.operations.retention import every_study, units
from deploy.self_test.cleanup import drop_failed_run, remove_earlier
from deploy.self_test.features import complaint
from listener.ledger.self_test_recipients import SelfTestRecipients, SinkAddress
from listener.ledger.self_tests import SelfTest, announce_self_test, self_test_of
from listener.ledger.target_circuits import Circuit, change_circuit, read_circuit
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.locks import exclusive
from listener.spool.spool import Spool
from support.spool_jobs import delivery
from tests.deploy.conftest import STUDY
from workers.features.canary import expected_features
from workers.targets.self_test_targets import targets_for, targets_of_job
from workers.targets.target import Target

SEG = "1.2.3.2.1"
PACS, OTHER = Target("pacs", "PACS", "192.0.2.1", 104), Target("other", "OTHER", "192.0.2.2", 104)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Return a configuration whose spool is the one of these tests."""
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\n")
    return load_configuration(file, {})


def announced(spool: Spool, *targets: str, sink: SinkAddress | None = None) -> None:
    """Announce the study of the hand-made jobs."""
    announce_self_test(spool.ledger, SelfTest(STUDY, SEG, targets, sink, datetime(2026, 1, 1, tzinfo=UTC)))


def test_only_the_announced_targets_get_it(spool: Spool, put_job: Callable[..., Job]) -> None:
    """Without an announcement all targets; the named one; the sink alone; none where the named one no longer exists."""
    everyone = (PACS, OTHER)
    job = put_job(SEG, JobState.READY).record
    assert targets_for(job, everyone) == everyone
    announced(spool, "other")
    marked = replace(job, self_test=self_test_of(spool.ledger, STUDY))
    assert targets_for(marked, everyone) == (OTHER,)
    assert targets_for(marked, (PACS,)) == ()
    announced(spool, sink=SinkAddress("SELFTEST", "127.0.0.1", 4242))
    (sink,) = targets_for(replace(job, self_test=self_test_of(spool.ledger, STUDY)), everyone)
    assert (sink.name, sink.where) == ("selftest", "SELFTEST@127.0.0.1:4242")


def test_a_delivery_that_should_not_be_there_goes_nowhere(spool: Spool, put_job: Callable[..., Job]) -> None:
    """A delivery for another target, as a program without self-tests would create it, has no target."""
    job = put_job(SEG, JobState.DELIVERING, delivery__pacs=delivery("pacs", "queued"))
    assert targets_of_job(spool, job.id, (PACS, OTHER)) == (PACS, OTHER)
    marked = put_job("1.2.3.2.2", JobState.DELIVERING, changes={"self_test": SelfTestRecipients()})
    assert targets_of_job(spool, marked.id, (PACS, OTHER)) == ()


def test_what_a_killed_command_left_goes_with_the_next_one(
    spool: Spool, configuration: Configuration, put_job: Callable[..., Job], put_instances: Callable[[int], None]
) -> None:
    """Job, study and the sink's circuit go; the announcement stays; another study's job stays."""
    announced(spool)
    put_instances(4)
    put_job(SEG, JobState.READY)
    change_circuit(spool.ledger, "selftest", lambda _: Circuit(failures=1))
    remove_earlier(configuration, spool)
    assert list(spool.jobs()) == []
    assert not (spool.studies / STUDY).exists()
    assert read_circuit(spool.ledger, "selftest") == Circuit()
    assert self_test_of(spool.ledger, STUDY) is not None


def test_a_case_that_a_worker_is_at_is_held_and_goes_later(
    spool: Spool, configuration: Configuration, put_job: Callable[..., Job]
) -> None:
    """The worker finishes its step, then the job stays on hold; the next self-test can remove it."""
    announced(spool)
    job = put_job(SEG, JobState.RUNNING)
    with exclusive(job.folder) as mine:
        assert mine
        assert "is put on hold" in drop_failed_run(configuration, spool, job.id)
        assert spool.find_job(job.id).is_held  # type: ignore[union-attr]
        remove_earlier(configuration, spool)
        assert spool.find_job(job.id) is not None
    remove_earlier(configuration, spool)
    assert spool.find_job(job_id_for(SEG, 1)) is None


def test_a_patients_study_is_kept_as_ever(
    spool: Spool, configuration: Configuration, put_job: Callable[..., Job], put_instances: Callable[[int], None]
) -> None:
    """Without an announcement nothing of a study is removed at once, whatever it looks like."""
    put_instances(4)
    put_job(SEG, JobState.DONE)
    remove_earlier(configuration, spool)
    assert [job.state for job in spool.jobs()] == [JobState.DONE]
    assert [unit.kept != "" for unit in units(spool, RetentionSettings(), every_study(spool))] == [True]


def test_absent_and_wrong_features_are_counted_and_three_named() -> None:
    """A column that is missing is a difference; what is further off than a millionth too."""
    expected = expected_features()["han2024-near-tissue"]
    assert complaint(expected, "han2024-near-tissue") is None
    names = list(expected)
    found = {name: value for name, value in expected.items() if name != names[0]}
    found |= {name: expected[name] * 1.001 + 1 for name in names[1:5]}
    said = complaint(found, "han2024-near-tissue")
    assert said is not None
    assert said.startswith(f"5 of 958 features differ: {names[0]} is absent, expected ")
    assert said.endswith(" and 2 more")


def test_the_name_of_the_sink_is_kept(tmp_path: Path) -> None:
    """A target of that name would share outbox, circuit and metrics with it."""
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\ntargets: [{name: selftest, ae_title: A, host: 127.0.0.1, port: 104}]\n")
    with pytest.raises(CommandError, match="the name selftest is kept for radtme selftest"):
        load_configuration(file, {})
