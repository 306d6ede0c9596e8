"""A spool of the previous version: every job continues where it was, and no stored object is sent again."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.errors import CommandError
from deploy.operations.retry import retry
from deploy.operations.upgrade import BEFORE_FOREIGN_KEYS, upgrade
from listener.audit.reader import read_entries
from listener.dicom.commitment_report import CommitmentReport
from listener.ledger.commitments import AwaitedReport, report_on, reported
from listener.ledger.database import open_at
from listener.ledger.deliveries import DeliveryState
from listener.ledger.migration import revision_of
from listener.ledger.refused_contexts import read_refused
from listener.ledger.self_test_recipients import SelfTestRecipients, SinkAddress
from listener.ledger.self_tests import self_test_of
from listener.ledger.set_aside_outlines import SetAside, read_set_aside
from listener.ledger.target_circuits import Circuit, CircuitState, read_circuit
from listener.spool import job_rows
from listener.spool.atomic_files import make_folder, read_json, write_bytes, write_json
from listener.spool.job_notes import Drop, Hold
from listener.spool.jobs import JobState
from listener.spool.layout import LAYOUT, WrongLayout, layout_of
from listener.spool.locks import exclusive
from listener.spool.record_file import as_json
from listener.spool.spool import fail_within
from support.mounts import close_ledgers
from support.outboxes import ROLES, delivering, entry_of, forget_deliveries, state_of
from support.records import facts_of, job_record, result_record
from support.scripted_pacs import ScriptedPacs
from workers.delivery.deliver import deliver
from workers.delivery.outbox import put_delivery, read_deliveries, write_delivery
from workers.delivery.record import queued
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets.target import Proof, Target

BEFORE = "2026-01-02T03:04:05.678+00:00"


def record_of_layout_1(job, target, state, taken=(), error=None):
    """Write a delivery record as the version without ``version`` wrote it."""
    objects = {role: read_uid(job, role) for role in taken}
    outbox = job.folder / "delivery"
    make_folder(outbox)
    write_json(
        outbox / f"{target}.json",
        {
            "target": target,
            "roles": list(ROLES),
            "state": state,
            "next_try": BEFORE if state in ("queued", "retry") else None,
            "tries": 0 if state == "queued" else 3,
            "taken": {role: {"sop_instance_uid": uid, "status": "0x0000"} for role, uid in objects.items()},
            "last_error": error,
            "updated": BEFORE,
        },
    )


def read_uid(job, role):
    """Return the UID of one of a job's results."""
    return read_json(job.folder / "result.json")["references"][role]["sop_instance_uid"]


def with_results(spool, number):
    """Return a job with results, and the references that its ``result.json`` has."""
    from pydicom import dcmread

    job = delivering(spool, "pacs", number=number)
    forget_deliveries(spool.ledger, [job.id])
    references = {}
    for role in ROLES:
        found = dcmread(job.folder / "objects" / f"{role}.dcm")
        references[role] = {
            "study_uid": str(found.StudyInstanceUID),
            "series_uid": str(found.SeriesInstanceUID),
            "sop_class_uid": str(found.SOPClassUID),
            "sop_instance_uid": str(found.SOPInstanceUID),
        }
    write_json(job.folder / "result.json", as_json(result_record(job.id)) | {"references": references})
    return job


def former_folder(spool, job):
    """Return where a job lay up to layout 3."""
    return spool.root / "jobs" / job.state.value / job.id


def back_to_layout_3(spool):
    """Put every job into a folder below its state, with its record and notes as files."""
    for job in list(spool.jobs()):
        folder = former_folder(spool, job)
        make_folder(folder.parent)
        os.rename(job.folder, folder)
        notes = {"attempts": job.attempts, "failure": job.failure, "hold": job.hold, "dropped": job.drop}
        for name, record in {"job": job.record, **notes}.items():
            if record is not None:
                write_json(folder / f"{name}.json", as_json(record))
        with spool.ledger.writing() as connection:
            job_rows.remove(connection, [job.id], JobState)
    shutil.rmtree(spool.results)
    write_bytes(spool.root / "version", b"3\n")


def ledger_of_layout_3(spool, job_id, records):
    """Let the ledger be one of layout 3, which had deliveries and no jobs."""
    if spool.ledger_url is not None:
        with spool.ledger.writing() as connection:
            connection.exec_driver_sql("DROP SCHEMA public, radtme_views CASCADE; CREATE SCHEMA public")
    close_ledgers()
    for path in spool.root.glob("ledger.sqlite*"):
        path.unlink()
    open_at(spool.ledger, BEFORE_FOREIGN_KEYS)
    for record in records:
        write_delivery(spool.ledger, job_id, record)
    close_ledgers()


def back_to_layout_1(spool):
    """Take away what the first version did not have."""
    back_to_layout_3(spool)
    (spool.root / "version").unlink()
    shutil.rmtree(spool.root / "jobs" / "dropped", ignore_errors=True)


@pytest.fixture
def old(spool, put_job, put_instances):
    """Return the jobs of a spool of layout 1, by what they are."""
    put_instances(4)
    jobs = {
        "waiting": put_job("1.1", JobState.WAITING),
        "ready": put_job("1.2", JobState.READY),
        "running": put_job("1.3", JobState.RUNNING, attempts={"began": [BEFORE]}),
        "queued": with_results(spool, 4),
        "half": with_results(spool, 5),
        "sent": with_results(spool, 6),
    }
    record_of_layout_1(jobs["queued"], "pacs", "queued")
    record_of_layout_1(jobs["half"], "pacs", "retry", ["segmentation"], "PACS@h:1 cannot be reached")
    record_of_layout_1(jobs["sent"], "pacs", "delivered", ROLES)  # its worker died before it could move the job
    for name, number, state in (("done", 7, "delivered"), ("refused", 8, "refused")):
        job = with_results(spool, number)
        taken = ROLES if state == "delivered" else ["segmentation", "key_image"]
        record_of_layout_1(job, "pacs", state, taken, None if state == "delivered" else "summary_report: 0x0122")
        if state == "refused":
            with spool.ledger.writing() as connection:
                fail_within(spool, connection, job, "delivery_refused", "x")
            jobs[name] = spool.find_job(job.id)
        else:
            jobs[name] = spool.move(job, JobState.DONE, **facts_of(JobState.DONE))
    back_to_layout_1(spool)
    return jobs


def test_every_job_goes_on_where_it_was(spool, old):
    """Nothing starts before; afterwards each is in its state, and what was taken stays taken and can be asked for."""
    assert layout_of(spool.root) == 1
    with pytest.raises(WrongLayout, match="found 1: stop all parts, back the spool up, then run: radtme upgrade"):
        spool.prepare()
    states = {name: job.state for name, job in old.items()}
    done = upgrade(spool)
    assert (done.jobs, done.records, done.unreadable) == (8, 5, ())
    assert layout_of(spool.root) == LAYOUT
    spool.prepare()
    assert {name: state_of(spool, job) for name, job in old.items()} == states
    assert entry_of(spool, old["queued"]).state is DeliveryState.QUEUED
    half = entry_of(spool, old["half"])
    assert (half.state, half.tries, [str(role) for role in half.taken]) == (DeliveryState.RETRY, 3, ["segmentation"])
    assert all(word.can_be_verified for word in half.taken.values())
    assert entry_of(spool, old["refused"]).state is DeliveryState.REFUSED


@pytest.mark.parametrize("proof", [Proof.SENT, Proof.SEEN])
def test_what_was_taken_is_not_sent_again(spool, old, proof):
    """Also where the site now asks for more proof than the version before knew."""
    upgrade(spool)
    pacs = ScriptedPacs()
    target = Target("pacs", "PACS", "127.0.0.1", 1, proof=proof)
    settings = WorkerSettings(spool.root, spool.root, targets=(target,))
    later = datetime.now(UTC) + timedelta(minutes=1)
    retry(spool, spool.find_job(old["refused"].id))
    for name in ("queued", "half", "sent", "refused"):
        deliver(spool, old[name].id, target, settings, lambda: later, pacs)
        assert (name, state_of(spool, old[name])) == (name, JobState.DONE)
    roles = [str(role) for sent in pacs.associations for role in sent]
    assert sorted(roles) == sorted([*ROLES, "key_image", "summary_report", "summary_report"])


def test_a_kill_in_between_costs_another_run(spool, old, monkeypatch):
    """The version is written last: until then nothing starts, and the same run does the rest."""
    written = []

    def dying(connection, job_id, record):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(job_id)
        put_delivery(connection, job_id, record)

    with monkeypatch.context() as patched:
        patched.setattr("deploy.operations.upgrade.put_delivery", dying)
        patched.setattr("deploy.operations.upgrade.JOBS_AT_ONCE", 1)
        with pytest.raises(KeyboardInterrupt):
            upgrade(spool)
    assert layout_of(spool.root) == 1
    before = {job.id: job for job in spool.jobs()}
    assert before
    assert upgrade(spool).records == 5
    assert {job.id: job for job in spool.jobs() if job.id in before} == before, "what was imported is left alone"
    spool.prepare()


def test_nobody_may_work_meanwhile(spool, old):
    """A worker of the version before would write its record over the new one."""
    with exclusive(former_folder(spool, old["half"]), "deliver-pacs.lock") as mine:
        assert mine
        with pytest.raises(CommandError, match="a worker works on it"):
            upgrade(spool)
    assert layout_of(spool.root) == 1


def test_a_damaged_record_does_not_stop_the_others(spool, old):
    """It is named, and left to the repair at the next start."""
    path = former_folder(spool, old["queued"]) / "delivery" / "pacs.json"
    path.write_text("{")
    done = upgrade(spool)
    assert (done.records, done.unreadable) == (4, (path,))


@pytest.mark.parametrize("text", ["5", "99", "", "two", "0"])
def test_what_a_newer_version_wrote_is_left_alone(spool, run_radtme, text):
    """Neither a part nor a command touches a spool that it does not understand."""
    write_bytes(spool.root / "version", text.encode())
    with pytest.raises(WrongLayout):
        spool.prepare()
    for command in {"5": ("status", "upgrade"), "99": ("listen", "work", "up")}.get(text, ()):
        done = run_radtme(command, **({} if command == "up" else {"RADTME_REDIS_URL": "redis://127.0.0.1:1/0"}))
        assert done.returncode == 1, command
        assert f"found {text}" in done.stderr or f"layout {text}" in done.stderr
    assert (spool.root / "version").read_text() == text


def test_a_new_spool_has_the_version_from_the_start(spool):
    """And an empty one of the version before is as good as new."""
    assert (spool.root / "version").read_text() == f"{LAYOUT}\n"
    back_to_layout_1(spool)
    assert layout_of(spool.root) is None
    spool.prepare()
    assert layout_of(spool.root) == LAYOUT


def test_the_command(spool, old, run_radtme, tmp_path):
    """It looks, does, and says that it is done; who did it is audited."""
    assert "run: radtme upgrade" in run_radtme("status").stderr
    assert run_radtme("upgrade", "--check").returncode == 1
    assert layout_of(spool.root) == 1
    done = run_radtme("upgrade", SUDO_USER="ann")
    assert (done.returncode, "5 delivery records" in done.stdout) == (0, True), done.stderr
    assert run_radtme("upgrade", "--check").returncode == 0
    assert run_radtme("status").returncode == 0
    (told,) = read_entries(tmp_path / "audit", lambda entry: True, lambda place: None)
    assert f"spool layout 1 -> {LAYOUT}" in told.description
    assert told.who[0].startswith("ann")


def test_the_jobs_of_layout_3_become_rows(spool, put_job):
    """In every state, with their notes and results; also after an interruption; the former folders stay."""
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    held = {"by": "ann", "at": BEFORE, "why": "x"}
    begun = {"began": [BEFORE], "given_back": {"at": BEFORE, "why": "ENOSPC"}}
    for number, state in enumerate(JobState):
        put_job(f"1.{number}", state, **({"hold": held} if state is JobState.READY else {}), attempts=begun)
    dropped = next(spool.jobs(JobState.DROPPED))
    spool.change(dropped, dropped=Drop("ann", at, "test study", "ready"))
    sent = delivering(spool, "pacs", number=9)
    before = {job.id: replace(job, changed=at) for job in spool.jobs()}
    before[sent.id] = replace(before[sent.id], record=replace(sent.record, other_series={}))
    outbox = read_deliveries(spool.ledger, sent.id)
    back_to_layout_3(spool)
    ledger_of_layout_3(spool, sent.id, outbox)
    files = {path: path.read_bytes() for path in (spool.root / "jobs").rglob("*") if path.is_file()}
    assert (former_folder(spool, sent) / "result.json") in files
    for _ in range(2):
        write_bytes(spool.root / "version", b"3\n")
        assert upgrade(spool).unreadable == ()
    assert {job.id: replace(job, changed=at) for job in spool.jobs()} == before
    assert next(spool.jobs(JobState.READY)).hold == Hold("ann", datetime.fromisoformat(BEFORE), "x")
    assert entry_of(spool, sent).state is DeliveryState.QUEUED
    assert {path.name for path in (sent.folder / "objects").iterdir()} == {f"{role}.dcm" for role in ROLES}
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.parametrize("command", ["status", "doctor", "config check --connect", "retention", "upgrade --check"])
def test_a_command_before_the_upgrade_leaves_the_ledger_as_it_is(command, spool, put_job, run_radtme):
    """Before: `radtme status` migrated it, and then said that `radtme upgrade` has to be run, which failed."""
    job = put_job("1.7", JobState.DONE)
    back_to_layout_3(spool)
    ledger_of_layout_3(spool, job.id, [])
    run_radtme(*command.split())
    open_at(spool.ledger, BEFORE_FOREIGN_KEYS)  # as the upgrade does
    with spool.ledger.reading() as connection:
        assert revision_of(connection) == BEFORE_FOREIGN_KEYS
    close_ledgers()
    assert run_radtme("upgrade").returncode == 0
    assert [(job.id, job.state) for job in spool.jobs()] == [(job.id, JobState.DONE)]


def test_series_that_come_after_the_upgrade_may_be_other_phases(spool, put_job, put_instances):
    """The first release noted the series of a case only: the others count from now on."""
    put_instances(4)
    beside = spool.series_folder("1.2.3", "1.9.9")
    beside.mkdir()
    (beside / "1.9.9.1.dcm").write_bytes(b"")
    job = put_job("1.7", JobState.DONE, changes={"instances": {"1.2.3.1": ("1.2.3.1.0",)}})
    back_to_layout_3(spool)
    ledger_of_layout_3(spool, job.id, [])
    upgrade(spool)
    assert spool.find_job(job.id).record.other_series == {"1.9.9": 1}


def files_of_layout_2(spool):
    """Write what layout 2 kept in small files; return them."""
    refused = {"calling_ae_title": "MR", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2", "transfer_syntax_uids": []}
    circuit = {"state": "open", "failures": 3, "openings": 1, "next_probe": BEFORE, "wait_seconds": 30, "since": BEFORE}
    aside = {"study_uid": "1.2.3", "series_uid": "1.2.3.4", "sop_instance_uid": "1.2.3.4.5", "reason": "own_result"}
    sink = {"ae_title": "SELFTEST", "host": "127.0.0.1", "port": 4242}
    contents = {
        "targets/pacs.json": circuit,
        "selftests/1.9.json": {"study_uid": "1.9", "seg_sop_instance_uid": "1.9.1", "targets": ["a"], "sink": sink}
        | {"announced": BEFORE},
        "studies/1.2.3/1.2.3.4/1.2.3.4.5.aside.json": aside | {"message": "m", "calling_ae_title": None, "at": BEFORE},
        "refused_contexts/0a.json": refused,
        "commitments/requests/2.25.1.json": {"job_id": "0" * 16 + "-v1", "target": "pacs", "requested": BEFORE},
        "commitments/reports/2.25.1.json": {
            "transaction_uid": "2.25.1",
            "committed": ["1.5"],
            "failed": {"1.6": "0x0112"},
        }
        | {"from": "PACS", "received": BEFORE},
    }
    paths = [spool.root / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        make_folder(path.parent)
        write_json(path, content)
    write_bytes(spool.root / "version", b"2\n")
    return paths


def test_the_small_files_of_layout_2_become_rows(spool):
    """Circuits, commitments and self-tests are kept as rows; the files stay as they were."""
    job = spool.create_job(job_record("0" * 16 + "-v1"), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    write_delivery(spool.ledger, job.id, queued("pacs", [ResultRole.SUMMARY_REPORT], datetime.now(UTC)))
    files = files_of_layout_2(spool)
    before = [path.read_bytes() for path in files]
    damaged = spool.root / "selftests" / "1.8.json"
    damaged.write_text("{")
    with pytest.raises(WrongLayout, match="found 2: stop all parts"):
        spool.prepare()
    for _ in range(2):  # the second one as after an interruption
        write_bytes(spool.root / "version", b"2\n")
        assert upgrade(spool).unreadable == (damaged,)
    assert layout_of(spool.root) == LAYOUT
    ledger = spool.ledger
    moment = datetime.fromisoformat(BEFORE)
    assert read_circuit(ledger, "pacs") == Circuit(CircuitState.OPEN, 3, 1, moment, 30.0, moment)
    assert self_test_of(ledger, "1.9") == SelfTestRecipients(("a",), SinkAddress("SELFTEST", "127.0.0.1", 4242))
    assert [one.reason for one in read_set_aside(ledger, "1.2.3")] == [SetAside.OWN_RESULT]
    assert [context.calling_ae_title for context, _ in read_refused(ledger)] == ["MR"]
    assert reported(ledger) == [AwaitedReport("2.25.1", "0" * 16 + "-v1", "pacs", moment)]
    assert report_on(ledger, "2.25.1") == CommitmentReport("2.25.1", ("1.5",), {"1.6": 0x0112})
    assert [path.read_bytes() for path in files] == before
