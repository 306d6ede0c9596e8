"""Storage commitment: asked for, reported on the same association or on another one, now, late, in part or never."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from listener.ledger.commitments import AwaitedReport, note_request, reported
from listener.ledger.deliveries import DeliveryState
from listener.listener import Listener
from listener.settings import AllowedPeer
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.committing import PROCESSING_FAILURE, committing_pacs
from support.listening import listening
from support.outboxes import Watch, delivering, entry_of, open_requests, state_of
from support.scripted_pacs import ScriptedPacs, WorkerDied
from workers.delivery import closing, commitment
from workers.delivery.commitment import CommitmentOutcome
from workers.delivery.deliver import deliver
from workers.delivery.outbox import held_outbox
from workers.delivery.record import MAX_REQUESTS, CommitmentRequest
from workers.settings import WorkerSettings
from workers.targets.target import Proof, Target

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


@pytest.fixture
def listener(spool: Spool) -> Iterator[Listener]:
    """Return a listener that only the PACS may report to."""
    reporters, peers = (AllowedPeer("PACS", ("127.0.0.1",)),), (AllowedPeer("MR1"),)
    with listening(spool.root, ledger_url=spool.ledger_url, reporters=reporters, peers=peers) as one:
        yield one


def committed(target: Target, **changes: object) -> Target:
    """Return the target with commitment as its proof."""
    return replace(target, **{"proof": Proof.COMMITTED, **changes})  # type: ignore[arg-type]


def not_waiting(target: Target) -> Target:
    """Return the target with commitment as its proof; its reports come on another association."""
    return committed(target, commitment_wait_seconds=0.0)


def left_over(spool: Spool) -> list[str]:
    """Return the requests that still wait for a report."""
    return open_requests(spool.ledger)


def test_a_report_on_the_same_association_settles_the_delivery(spool: Spool, settings: WorkerSettings) -> None:
    """Sent, asked, answered: one visit, and the report is answered with success after it was written."""
    job = delivering(spool, "pacs")
    with committing_pacs() as (target, pacs):
        outcome = deliver(spool, job.id, committed(target), settings)
    assert outcome is not None
    assert outcome.state is DeliveryState.DELIVERED
    assert outcome.commitment == {CommitmentOutcome.REQUESTED: 1, CommitmentOutcome.COMMITTED: 3}
    assert [len(request.ReferencedSOPSequence) for request in pacs.asked] == [3]
    assert pacs.answers in ([0x0000], [])  # the answer may cross the release
    assert state_of(spool, job) is JobState.DONE
    assert left_over(spool) == []


def test_a_report_that_comes_to_the_listener_settles_it_too(
    spool: Spool, settings: WorkerSettings, listener: Listener
) -> None:
    """PS3.4 section J.3.3: the SCP may open an association of its own, with the roles the other way round."""
    job = delivering(spool, "pacs")
    with committing_pacs(report_at_once=False) as (target, pacs):
        target = not_waiting(target)
        first = deliver(spool, job.id, target, settings)
        assert first is not None
        assert first.state is DeliveryState.COMMITMENT_REQUESTED
        assert deliver(spool, job.id, target, settings) is None, "nothing to do until it reports"
        assert pacs.report_later(listener.port, pacs.asked[0]) == 0x0000
        second = deliver(spool, job.id, target, settings)
    assert second is not None
    assert second.state is DeliveryState.DELIVERED
    assert len(pacs.stored) == 3
    assert state_of(spool, job) is JobState.DONE
    assert left_over(spool) == []


def test_what_the_target_could_not_keep_is_sent_again_and_asked_for_anew(
    spool: Spool, settings: WorkerSettings
) -> None:
    """A new Transaction UID for every request; what was committed is neither sent nor asked for again."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs() as (target, pacs):
        lost = read_uid(spool, job.id, "summary_report")
        pacs.failing = {lost: PROCESSING_FAILURE}
        first = deliver(spool, job.id, committed(target), settings, watch)
        assert first is not None
        assert (first.state, first.error) == (DeliveryState.RETRY, f"not committed: {lost}: 0x0110")
        pacs.failing = {}
        assert deliver(spool, job.id, committed(target), settings, watch) is None, "not before its time"
        watch.forward(HOUR)
        second = deliver(spool, job.id, committed(target), settings, watch)
    assert second is not None
    assert second.state is DeliveryState.DELIVERED
    assert pacs.stored.count(lost) == 2
    assert len(pacs.stored) == 4
    assert [len(request.ReferencedSOPSequence) for request in pacs.asked] == [3, 1]
    assert len({request.TransactionUID for request in pacs.asked}) == 2


def test_a_class_that_the_target_never_keeps_is_a_refusal(spool: Spool, settings: WorkerSettings) -> None:
    """Failure Reason 0x0122: sending it again would not help; the job fails with the reason."""
    job = delivering(spool, "pacs")
    with committing_pacs() as (target, pacs):
        pacs.failing = {read_uid(spool, job.id, "segmentation"): 0x0122}
        outcome = deliver(spool, job.id, committed(target), settings)
    assert outcome is not None
    assert outcome.state is DeliveryState.REFUSED
    assert "0x0122" in str(outcome.error)
    assert state_of(spool, job) is JobState.FAILED


def test_a_report_in_part_leaves_the_rest_waiting_and_is_asked_for_again(
    spool: Spool, settings: WorkerSettings
) -> None:
    """What a report does not mention is not sent again: it was not lost. After the timeout it alone is asked for."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs() as (target, pacs):
        target = committed(target)
        pacs.silent_about = frozenset({read_uid(spool, job.id, "key_image")})
        first = deliver(spool, job.id, target, settings, watch)
        assert first is not None
        assert first.state is DeliveryState.COMMITMENT_REQUESTED
        assert len(entry_of(spool, job).committed) == 2
        pacs.silent_about = frozenset()
        watch.forward(target.commitment_timeout_seconds + 1)
        second = deliver(spool, job.id, target, settings, watch)
    assert second is not None
    assert second.state is DeliveryState.DELIVERED
    assert len(pacs.stored) == 3
    assert [len(request.ReferencedSOPSequence) for request in pacs.asked] == [3, 1]


def test_a_report_that_never_comes_is_asked_for_again_and_an_old_one_still_counts(
    spool: Spool, settings: WorkerSettings, listener: Listener
) -> None:
    """The second request has another Transaction UID; the report on the first, hours late, still counts."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs(report_at_once=False) as (target, pacs):
        target = not_waiting(target)
        for _ in range(3):
            outcome = deliver(spool, job.id, target, settings, watch)
            assert outcome is not None
            assert outcome.state is DeliveryState.COMMITMENT_REQUESTED
            watch.forward(target.commitment_timeout_seconds + 1)
        assert len({request.TransactionUID for request in pacs.asked}) == 3
        assert len(pacs.stored) == 3
        assert pacs.report_later(listener.port, pacs.asked[0]) == 0x0000
        late = deliver(spool, job.id, target, settings, watch)
        assert late is not None
        assert late.state is DeliveryState.DELIVERED
        assert pacs.report_later(listener.port, pacs.asked[1]) == 0x0000, "nobody waits for it, and nothing is wrong"
    assert left_over(spool) == []


def test_a_late_report_does_not_vouch_for_what_was_lost_since(
    spool: Spool, settings: WorkerSettings, listener: Listener
) -> None:
    """A later report said that an object is lost, so the first request no longer counts for it."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs(report_at_once=False) as (target, pacs):
        target = not_waiting(target)
        deliver(spool, job.id, target, settings, watch)
        watch.forward(target.commitment_timeout_seconds + 1)
        deliver(spool, job.id, target, settings, watch)
        lost = read_uid(spool, job.id, "segmentation")
        early, late = pacs.asked
        pacs.failing = {lost: 0x0112}
        assert pacs.report_later(listener.port, late) == 0x0000
        deliver(spool, job.id, target, settings, watch)
        pacs.failing = {}
        assert pacs.report_later(listener.port, early) == 0x0000
        deliver(spool, job.id, target, settings, watch)
        assert lost not in entry_of(spool, job).committed
        watch.forward(HOUR)
        deliver(spool, job.id, target, settings, watch)
        assert pacs.stored.count(lost) == 2
        assert pacs.report_later(listener.port, pacs.asked[-1]) == 0x0000
        last = deliver(spool, job.id, target, settings, watch)
    assert last is not None
    assert last.state is DeliveryState.DELIVERED


def test_a_target_that_knows_no_commitment_is_a_refusal_that_names_the_remedy(
    spool: Spool, settings: WorkerSettings
) -> None:
    """The objects are there, the proof never will be: someone has to change the setting or the PACS."""
    job = delivering(spool, "pacs")
    with committing_pacs(action_status=0x0211) as (target, pacs):
        outcome = deliver(spool, job.id, committed(target), settings)
    assert outcome is not None
    assert outcome.state is DeliveryState.REFUSED
    assert "0x0211" in str(outcome.error)
    assert len(pacs.stored) == 3
    assert state_of(spool, job) is JobState.FAILED


@pytest.mark.parametrize(("ae_title", "answer"), [("PACS", 0x0000), ("MR1", 0x0000), ("STRANGER", None)])
def test_only_targets_and_listed_peers_may_report(
    spool: Spool, settings: WorkerSettings, listener: Listener, ae_title: str, answer: int | None
) -> None:
    """A peer that is on neither list gets no association."""
    job = delivering(spool, "pacs")
    with committing_pacs(report_at_once=False) as (target, pacs):
        deliver(spool, job.id, not_waiting(target), settings)
        assert pacs.report_later(listener.port, pacs.asked[0], ae_title) == answer
        assert len(reported(spool.ledger)) == (answer == 0x0000)


def test_a_peer_that_does_not_negotiate_roles_is_heard(
    spool: Spool, settings: WorkerSettings, listener: Listener
) -> None:
    """Some archives report without role selection: what they want is plain."""
    job = delivering(spool, "pacs")
    with committing_pacs(report_at_once=False) as (target, pacs):
        deliver(spool, job.id, not_waiting(target), settings)
        assert pacs.report_later(listener.port, pacs.asked[0], roles=False) == 0x0000


def test_seen_means_that_the_target_lists_it(spool: Spool, settings: WorkerSettings) -> None:
    """What it does not list after three looks is sent again, under the same UID."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs() as (target, pacs):
        target = replace(target, proof=Proof.SEEN)
        hidden = read_uid(spool, job.id, "key_image")
        pacs.listed = {read_uid(spool, job.id, role) for role in ("segmentation", "summary_report")}
        for _ in range(3):
            outcome = deliver(spool, job.id, target, settings, watch)
            assert outcome is not None
            assert "does not list 1 of" in str(outcome.error)
            watch.forward(HOUR)
        pacs.listed = None
        last = deliver(spool, job.id, target, settings, watch)
    assert last is not None
    assert last.state is DeliveryState.DELIVERED
    assert pacs.stored.count(hidden) == 2
    assert len(pacs.stored) == 4
    assert pacs.asked == []


def test_committed_and_seen_needs_both(spool: Spool, settings: WorkerSettings) -> None:
    """First the responsibility, then the listing."""
    watch, job = Watch(), delivering(spool, "pacs")
    with committing_pacs(listed=set()) as (target, pacs):
        target = replace(target, proof=Proof.COMMITTED_AND_SEEN)
        first = deliver(spool, job.id, target, settings, watch)
        assert first is not None
        assert first.state is DeliveryState.COMMITTED
        pacs.listed = None
        watch.forward(HOUR)
        second = deliver(spool, job.id, target, settings, watch)
    assert second is not None
    assert second.state is DeliveryState.DELIVERED
    assert len(pacs.stored) == 3


def test_requests_to_a_target_that_never_reports_stay_bounded(
    spool: Spool, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for days; the record and the spool keep a bounded number of requests."""
    watch, job, pacs = Watch(), delivering(spool, "pacs"), ScriptedPacs()
    monkeypatch.setattr(commitment, "request_commitment", pacs.request_commitment)
    target = Target("pacs", "PACS", "pacs", 104, proof=Proof.COMMITTED)
    for _ in range(MAX_REQUESTS + 5):
        deliver(spool, job.id, target, settings, watch, pacs)
        watch.forward(2 * HOUR)
    assert len(pacs.requests) == MAX_REQUESTS + 5
    assert len(left_over(spool)) == len(entry_of(spool, job).requests) == MAX_REQUESTS


def test_a_worker_that_dies_at_the_very_end_leaves_no_request_behind(
    spool: Spool, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last record, the end of the job and the end of the request are one transaction: all of it, or nothing."""
    job, pacs = delivering(spool, "pacs"), ScriptedPacs(reports_at_once=True)
    monkeypatch.setattr(commitment, "request_commitment", pacs.request_commitment)
    target = Target("pacs", "PACS", "pacs", 104, proof=Proof.SENT)
    note_request(spool.ledger, AwaitedReport("2.25.1", job.id, "pacs", datetime.now(UTC)))
    with held_outbox(spool, job.id, "pacs", closing.closing(spool, settings)) as found:
        assert found is not None
        found.write(found.entry.with_request(CommitmentRequest("2.25.1", None, frozenset({"1.2"}))))
    with monkeypatch.context() as patch:
        patch.setattr(closing, "forget_requests", die)
        with pytest.raises(WorkerDied):
            deliver(spool, job.id, target, settings, transport=pacs)
    assert left_over(spool) == ["2.25.1"]
    assert state_of(spool, job) is JobState.DELIVERING
    pacs_was_asked = len(pacs.stored)
    assert deliver(spool, job.id, target, settings, transport=pacs) is not None
    assert len(pacs.stored) == pacs_was_asked, "what was taken is not sent again"
    assert left_over(spool) == []
    assert state_of(spool, job) is JobState.DONE


def die(*_: object) -> None:
    """Stand in for a step before which the worker is killed."""
    raise WorkerDied


def read_uid(spool: Spool, job_id: str, role: str) -> str:
    """Return the SOP Instance UID of a job's result."""
    job = spool.find_job(job_id)
    assert job is not None
    return str(dcmread(job.folder / "objects" / f"{role}.dcm", stop_before_pixels=True).SOPInstanceUID)
