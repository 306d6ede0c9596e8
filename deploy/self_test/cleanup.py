"""The end of a self-test: removes its files, except those that need attention."""

import contextlib
from pathlib import Path

from deploy.configuration.sections import RetentionSettings
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.operations.decision_audit import steering, study_on_disk
from deploy.operations.decisions import drop, hold
from deploy.operations.removal import finish_earlier, remove
from deploy.operations.retention import Unit
from listener.audit.codes import CASE_DROPPED, CASE_HELD
from listener.audit.events import acting_user, study_deleted
from listener.audit.trail import AuditLog
from listener.ledger.self_test_recipients import SELF_TEST_TARGET
from listener.ledger.self_tests import announced_self_tests
from listener.ledger.target_circuits import forget_circuit
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool

REMOVE_IMMEDIATELY = RetentionSettings(0, 0, 0, 0, 0)
"""A self-test is not retained: it belongs to no real patient, and its targets have its results."""
DROP_REASON = "self-test is over"


def drop_failed_run(configuration: Configuration, spool: Spool, job_id: str) -> str:
    """Drop the job of a self-test that did not end, so that it is not processed further; return a description."""
    job = spool.find_job(job_id)
    if job is None or job.state in (JobState.DONE, JobState.DROPPED):
        return ""
    try:
        with steering(configuration, spool, job, CASE_DROPPED, DROP_REASON):
            drop(spool, job, acting_user(), DROP_REASON)
    except CommandError:  # a worker has it just now, and finishes what it has begun
        with steering(configuration, spool, job, CASE_HELD, DROP_REASON), contextlib.suppress(CommandError):
            hold(spool, job, acting_user(), DROP_REASON)
        return f"a worker is still processing {job_id}: it is put on hold, and the next self-test removes it"
    return f"{job_id} is dropped and not processed further; it is kept for inspection until the next self-test"


def remove_self_test(configuration: Configuration, spool: Spool, study_uid: str) -> bool:
    """Remove a study and its jobs; False where a process is working on them."""
    log = AuditLog(configuration.audit)

    def tell(unit: Unit, folder: Path) -> None:
        if log.is_on:
            log.write(study_deleted(study_on_disk(unit.study_uid, folder, log), DROP_REASON))

    return remove(spool, REMOVE_IMMEDIATELY, study_uid, tell)


def remove_earlier(configuration: Configuration, spool: Spool) -> None:
    """Remove the files of earlier self-tests that failed, or whose command was killed."""
    finish_earlier(spool)
    for test in announced_self_tests(spool.ledger):
        job_id = job_id_for(test.seg_sop_instance_uid, 1)
        if spool.find_job(job_id) is None and not (spool.studies / test.study_uid).exists():
            continue
        with contextlib.suppress(CommandError):  # someone works on it right now: the next one
            drop_failed_run(configuration, spool, job_id)
            remove_self_test(configuration, spool, test.study_uid)
    forget_circuit(spool.ledger, SELF_TEST_TARGET)
