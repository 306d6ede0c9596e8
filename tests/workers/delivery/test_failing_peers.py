"""Real peers that answer with each class of status, end the association, or say nothing."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from listener.ledger.deliveries import DeliveryState
from listener.ledger.target_circuits import CircuitState, read_circuit
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.committing import committing_pacs
from support.outboxes import Watch, delivering, entry_of, state_of
from workers.delivery.deliver import deliver
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets.target import Target

HOUR = 3600.0


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


@pytest.fixture
def settings(spool: Spool, tmp_path: Path) -> WorkerSettings:
    """Return settings with the waits of the default configuration."""
    return WorkerSettings(spool.root, tmp_path / "signatures")


@pytest.mark.parametrize("status", [0x0000, 0x0111, 0xB000])
def test_success_and_warnings_count_as_taken(spool: Spool, settings: WorkerSettings, status: int) -> None:
    """PS3.4 table B.2-1: the object is stored; 0x0111 says that it had been stored before."""
    job = delivering(spool, "pacs")
    with committing_pacs(statuses=[status] * 3) as (target, _):
        outcome = deliver(spool, job.id, target, settings)
    assert outcome is not None
    assert outcome.state is DeliveryState.DELIVERED
    assert state_of(spool, job) is JobState.DONE


@pytest.mark.parametrize("status", [0xA700, 0x0110, 0xFE00])
def test_a_temporary_refusal_is_sent_again_under_the_same_uid(
    spool: Spool, settings: WorkerSettings, status: int
) -> None:
    """The target is busy: after its wait the one object goes again, the others do not; its circuit stays closed."""
    job, watch = delivering(spool, "pacs"), Watch()
    with committing_pacs(statuses=[0x0000, status]) as (target, pacs):
        first = deliver(spool, job.id, target, settings, watch)
        assert first is not None
        assert first.state is DeliveryState.RETRY
        assert f"0x{status:04X}" in str(first.error)
        assert deliver(spool, job.id, target, settings, watch) is None
        watch.forward(HOUR)
        second = deliver(spool, job.id, target, settings, watch)
        assert second is not None
        assert second.state is DeliveryState.DELIVERED
        assert [one.role for one in second.sent] == [ResultRole.KEY_IMAGE]
        assert len(pacs.stored) == 4
        assert len(set(pacs.stored)) == 3
    assert read_circuit(spool.ledger, "pacs").failures == 0


@pytest.mark.parametrize("status", [0xA900, 0xC123, 0x0122])
def test_a_permanent_refusal_fails_the_job_and_names_the_remedy(
    spool: Spool, settings: WorkerSettings, status: int
) -> None:
    """Refused permanently: the rest arrives, the job fails with status and remedy, and nothing is sent again."""
    job, watch = delivering(spool, "pacs"), Watch()
    with committing_pacs(statuses=[status]) as (target, pacs):
        outcome = deliver(spool, job.id, target, settings, watch)
        watch.forward(HOUR)
        assert deliver(spool, job.id, target, settings, watch) is None
        assert len(pacs.stored) == 3
    assert outcome is not None
    assert outcome.state is DeliveryState.REFUSED
    found = spool.find_job(job.id)
    assert found is not None
    assert found.failure is not None
    assert (found.state, found.failure.reason) == (JobState.FAILED, "delivery_refused")
    assert f"0x{status:04X}" in found.failure.message
    assert f"radtme retry {job.id}" in found.failure.message


def test_a_rejected_ae_title_is_reported_with_what_to_change_and_where(spool: Spool, settings: WorkerSettings) -> None:
    """Rejected permanently, calling AE title not recognised: the message names the title that is to be allowed."""
    job = delivering(spool, "pacs")
    entity = AE("PACS")
    entity.add_supported_context(Verification)
    entity.require_calling_aet = ["OTHER"]
    server = entity.start_server(("127.0.0.1", 0), block=False)
    try:
        target = Target("pacs", "PACS", "127.0.0.1", server.server_address[1])
        outcome = deliver(spool, job.id, target, settings)
    finally:
        server.shutdown()
    assert outcome is not None
    assert outcome.state is DeliveryState.REFUSED
    assert f"allow the calling AE title {settings.ae_title}" in str(outcome.error)
    assert state_of(spool, job) is JobState.FAILED


def test_an_association_that_ends_in_the_middle_costs_no_object(spool: Spool, settings: WorkerSettings) -> None:
    """What was taken before is not sent again; what was not comes in the next association, in its order."""
    job, watch = delivering(spool, "pacs"), Watch()
    with committing_pacs(ends_at=1) as (target, pacs):
        first = deliver(spool, job.id, replace(target, timeout_seconds=5), settings, watch)
        assert first is not None
        assert first.state is DeliveryState.RETRY
        assert set(entry_of(spool, job).taken) == {ResultRole.SEGMENTATION}
        watch.forward(HOUR)
        second = deliver(spool, job.id, target, settings, watch)
        assert second is not None
        assert second.state is DeliveryState.DELIVERED
        assert [one.role for one in second.sent] == [ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT]
        assert len(pacs.stored) == len(set(pacs.stored)) == 3


def test_a_target_that_swallows_responses_opens_its_circuit(spool: Spool, settings: WorkerSettings) -> None:
    """Objects arrive and no response comes: after three such attempts the circuit opens, until a probe and a wait."""
    watch, answers = Watch(), threading.Event()
    jobs = [delivering(spool, "pacs", number=number) for number in range(4)]
    with committing_pacs(swallows=answers) as (target, pacs):
        quick = replace(target, timeout_seconds=2)
        for job in jobs[:3]:
            outcome = deliver(spool, job.id, quick, settings, watch)
            assert outcome is not None
            assert outcome.state is DeliveryState.RETRY
            assert "no response" in str(outcome.error)
        assert read_circuit(spool.ledger, "pacs").state is CircuitState.OPEN
        arrived = len(pacs.stored)
        assert deliver(spool, jobs[3].id, quick, settings, watch) is None
        assert (len(pacs.stored), entry_of(spool, jobs[3]).tries) == (arrived, 0)
        answers.set()
        watch.forward(HOUR)
        for job in jobs:
            deliver(spool, job.id, target, settings, watch)
    assert pacs.echoes == 1
    assert [state_of(spool, job) for job in jobs] == [JobState.DONE] * 4
