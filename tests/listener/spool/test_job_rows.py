"""Jobs in the ledger, on the database of the run (``--ledger``): one step each, and questions about many."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from listener.spool import job_queries, job_rows, leases
from listener.spool.job_notes import Attempts, Drop, Failure, GivenBack, Hold
from listener.spool.job_record import UNKNOWN_SERIES, NotComplete
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from support.records import AT, facts_of, job_record

HOLD = Hold("ann", AT, "why")


def put(spool: Spool, number: int, state: JobState, **changes: object) -> Job:
    """Put a job into the ledger; ``changes`` are those of its record."""
    job = spool.create_job(job_record(job_id_for(f"1.2.{number}", 1), **changes), state, **facts_of(state))
    assert job is not None
    return job


def test_a_job_comes_back_as_it_was_stored(spool: Spool) -> None:
    """Every field of its record, and every note; a note goes with the state that it belongs to."""
    record = job_record(
        job_id_for("1.2.3", 1),
        replaces=job_id_for("1.2.2", 1),
        required={"1.2.3.1": ("1.2.3.1.1", "1.2.3.1.2"), UNKNOWN_SERIES: ("1.2.3.1.3",)},
        not_complete=NotComplete("missing_instances", "1 of 3"),
        fetched=AT,
        tracking_uids=("1.9",),
        segment_number=2,
    )
    attempts = Attempts((AT,), GivenBack(AT, "ENOSPC"))
    failure, drop = Failure("worker_killed", "3 workers died", AT, 3), Drop("ann", AT, "x", "failed")
    put(spool, 2, JobState.DONE)  # which it replaces
    job = spool.create_job(record, JobState.READY, attempts=attempts, hold=HOLD)
    assert job is not None
    assert (job.record, job.attempts, job.hold) == (record, attempts, HOLD)
    assert spool.find_job(job.id) == job
    for state, change, notes in (
        (JobState.RUNNING, {}, (None, HOLD, None)),
        (JobState.FAILED, {"failure": failure}, (failure, None, None)),
        (JobState.DROPPED, {"dropped": drop}, (failure, None, drop)),
        (JobState.READY, {"attempts": None}, (None, None, None)),
    ):
        job = spool.move(job, state, **change)
        assert job is not None
        assert (job.failure, job.hold, job.drop) == notes
        assert spool.find_job(job.id) == job
    assert job.attempts == Attempts()


def test_of_many_that_move_a_job_one_does(spool: Spool) -> None:
    """Each names the state that it read: only the first one succeeds."""
    job = put(spool, 1, JobState.READY)
    barrier = threading.Barrier(6)
    moved: list[Job | None] = []

    def claim() -> None:
        barrier.wait()
        moved.append(spool.move(job, JobState.RUNNING))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in moved) == 1


def test_a_held_job_is_not_moved_by_a_step_that_asks(spool: Spool) -> None:
    """The hold came between the look and the step."""
    job = put(spool, 1, JobState.READY)
    assert spool.change(job, hold=HOLD)
    assert spool.move(job, JobState.RUNNING, unless_held=True) is None
    assert spool.move(job, JobState.RUNNING) is not None


def test_a_state_that_does_not_exist_cannot_be_stored(spool: Spool) -> None:
    """The set of states is a constraint of the database."""
    put(spool, 1, JobState.READY)
    with pytest.raises(IntegrityError), spool.ledger.writing() as connection:
        connection.execute(text("UPDATE jobs SET state = 'lost'"))


def test_texts_that_a_database_cannot_hold_are_stored_with_a_mark(spool: Spool) -> None:
    """A header may hold NUL or half a character; PostgreSQL takes neither."""
    job = put(spool, 1, JobState.FAILED, frame_of_reference_uid="1.2\0\udce4")
    assert job.record.frame_of_reference_uid == "1.2\ufffd?"


def test_a_row_that_holds_no_job_hides_only_itself(spool: Spool) -> None:
    """A row that cannot be read is left out of the list; all others are returned."""
    put(spool, 1, JobState.READY)
    whole = put(spool, 2, JobState.READY)
    with spool.ledger.writing() as connection:
        connection.execute(job_rows.jobs.update().where(job_rows.jobs.c.job_id != whole.id).values(details={}))
    assert [job.id for job in spool.jobs()] == [whole.id]


def test_states_are_counted_and_the_oldest_is_known(spool: Spool) -> None:
    """Since it was ready, or created; held ones are counted apart and grow no older."""
    put(spool, 1, JobState.READY, readied=AT)
    put(spool, 2, JobState.READY, readied=AT - timedelta(hours=1))
    oldest = put(spool, 3, JobState.READY, readied=AT - timedelta(hours=2))
    put(spool, 4, JobState.WAITING, created=AT, readied=None)
    put(spool, 5, JobState.DONE)
    assert spool.change(oldest, hold=HOLD)
    counts = dict.fromkeys(JobState, 0) | {JobState.READY: 3, JobState.WAITING: 1, JobState.DONE: 1}
    assert job_queries.state_counts(spool.ledger) == counts
    summaries = job_queries.open_summaries(spool.ledger)
    assert summaries[JobState.READY] == job_queries.StateSummary(1, AT - timedelta(hours=1))
    assert summaries[JobState.WAITING] == job_queries.StateSummary(0, AT)
    assert summaries[JobState.RUNNING] == job_queries.StateSummary()
    assert oldest.id not in job_queries.ids_in(spool.ledger, JobState.READY)
    assert len(job_queries.ids_in(spool.ledger, JobState.READY, JobState.WAITING)) == 3


def test_what_changed_lately_is_found_by_its_study(spool: Spool) -> None:
    """Any change counts; the busiest study is the one with the most new jobs."""
    put(spool, 1, JobState.DONE, study_uid="1.1", created=AT)
    moment = datetime.now(UTC)
    changed = put(spool, 2, JobState.READY, study_uid="1.2", created=AT)
    put(spool, 3, JobState.READY, study_uid="1.2", created=AT, replaces=changed.id)
    assert job_queries.studies_changed_since(spool.ledger, moment) == {"1.2"}
    assert job_queries.studies_with_jobs(spool.ledger) == {"1.1", "1.2"}
    assert job_queries.most_jobs_of_a_study(spool.ledger, AT) == 2
    assert job_queries.most_jobs_of_a_study(spool.ledger, moment) == 0
    assert job_queries.ready_successors(spool.ledger, changed.id) == [job_id_for("1.2.3", 1)]
    assert [job.id for job in spool.jobs(study_uid="1.1")] == [job_id_for("1.2.1", 1)]


def test_only_jobs_that_are_over_are_removed_as_such(spool: Spool) -> None:
    """A job that was retried meanwhile stays."""
    over, open_ = put(spool, 1, JobState.DONE), put(spool, 2, JobState.READY)
    with spool.ledger.writing() as connection:
        assert job_rows.remove(connection, [over.id, open_.id], [JobState.DONE]) == 1
    assert [job.id for job in spool.jobs()] == [open_.id]


def test_what_is_asked_all_the_time_does_not_go_through_all_that_is_kept(tmp_path: Path) -> None:
    """SQLite's query plan uses a part of an index and no scan."""
    spool = Spool(tmp_path / "embedded")
    spool.prepare()
    put(spool, 1, JobState.READY)
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and "FROM jobs" in statement:
            asked.append((statement, parameters))

    with spool.ledger.reading() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        job_queries.ids_in(spool.ledger, JobState.READY)
        job_queries.open_summaries(spool.ledger)
        job_queries.studies_changed_since(spool.ledger, AT)
        job_queries.most_jobs_of_a_study(spool.ledger, AT)
        job_queries.ready_successors(spool.ledger, "x")
        leases.abandoned_jobs(spool)
        list(spool.jobs(JobState.WAITING))
        list(spool.jobs(study_uid="1.2"))
        spool.first_jobs(JobState.DONE, 5, newest_first=True)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 9
    with spool.ledger.reading() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert not [step for *_, step in plan if step.startswith("SCAN")], statement


def test_jobs_are_counted_by_the_database_itself(spool: Spool) -> None:
    """Whatever becomes of them, the numbers are those of the rows."""
    for number in range(3):
        put(spool, number, JobState.DONE)
    job = put(spool, 10, JobState.READY)
    assert spool.create_job(job.record, JobState.READY) is None
    assert spool.move(job, JobState.DROPPED, **facts_of(JobState.DROPPED))
    assert job_queries.state_counts(spool.ledger)[JobState.DONE] == 3
    with spool.ledger.writing() as connection:
        job_rows.remove(connection, [job_id_for("1.2.0", 1)], [JobState.DONE])
        failure = as_json(facts_of(JobState.FAILED)["failure"])
        change = {"state": JobState.FAILED, "dropped": None, "failure": failure}
        connection.execute(job_rows.jobs.update().values(change))
    counts = {state: len(list(spool.jobs(state))) for state in JobState}
    assert job_queries.state_counts(spool.ledger) == counts
    assert counts[JobState.FAILED] > counts[JobState.DONE] == 0
