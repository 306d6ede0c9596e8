"""Back to the version before without a backup: what docs/operations/upgrade.md says about it holds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydicom import dcmread

from deploy.operations.decisions import drop, hold
from deploy.operations.upgrade import upgrade
from listener.spool.atomic_files import write_json
from listener.spool.delivery_schedule import DeliveryState
from listener.spool.jobs import Job, JobState
from listener.spool.layout import LAYOUT, layout_of
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from support.layout_1 import deliver_as_layout_1, jobs_of_layout_1
from support.outboxes import ROLES, delivering, entry_of, state_of
from support.records import result_record
from support.scripted_pacs import ScriptedPacs
from workers.delivery.deliver import deliver
from workers.results.instance_reference import InstanceReference
from workers.settings import WorkerSettings
from workers.targets.target import Proof, Target

Case = Callable[[int], Job]


def settings_of(spool: Spool, target: Target) -> WorkerSettings:
    """Return the settings of this program's workers."""
    return WorkerSettings(spool.root, spool.root, targets=(target,))


@pytest.fixture
def put_case(spool: Spool) -> Case:
    """Return a function that lays a case with results into the spool, as this program writes it."""

    def put(number: int) -> Job:
        job = delivering(spool, "pacs", number=number)
        files = {role: dcmread(job.folder / "objects" / f"{role}.dcm") for role in ROLES}
        references = {role: vars(InstanceReference.of(found)) for role, found in files.items()}
        write_json(job.folder / "result.json", as_json(result_record(job.id)) | {"references": references})
        return job

    return put


def test_the_version_before_goes_on_and_so_does_this_one_afterwards(spool: Spool, put_case: Case) -> None:
    """Each claim of the page: records are read, holds and proof are not, dropped are not seen, nothing goes twice.

    Then the version is gone, an upgrade goes through everything again, and this program goes on.
    """
    target = Target("pacs", "PACS", "127.0.0.1", 1, proof=Proof.SEEN)
    sent_before = ScriptedPacs(lists=False)
    later = datetime.now(UTC) + timedelta(minutes=1)
    jobs = {name: put_case(number) for number, name in enumerate(("queued", "half", "unproven", "held", "dropped"), 1)}
    deliver(spool, jobs["unproven"].id, target, settings_of(spool, target), lambda: later, sent_before)
    deliver(
        spool, jobs["half"].id, target, settings_of(spool, target), lambda: later, ScriptedPacs(statuses=[0, 0xA700])
    )
    assert entry_of(spool, jobs["unproven"]).state is DeliveryState.SENT
    assert [str(role) for role in entry_of(spool, jobs["half"]).taken] == ["segmentation", "summary_report"]
    for name in ("half", "unproven"):  # the page speaks of when they are due
        record = as_json(entry_of(spool, jobs[name])) | {"next_try": None}
        write_json(jobs[name].folder / "delivery" / "pacs.json", record)
    hold(spool, jobs["held"], "someone", "for a test")
    drop(spool, jobs["dropped"], "someone", "for a test")

    (spool.root / "version").unlink()
    pacs = ScriptedPacs()
    for job in jobs_of_layout_1(spool):
        deliver_as_layout_1(spool, job.id, target, pacs)
    sent = [sorted(map(str, roles)) for roles in pacs.associations]
    assert sorted(sent) == sorted([sorted(ROLES), ["key_image"], sorted(ROLES)])  # queued, half, held
    delivered = {name: state_of(spool, job) for name, job in jobs.items() if name != "dropped"}
    assert set(delivered.values()) == {JobState.DONE}  # unproven too: all was taken
    assert jobs["dropped"].id not in {job.id for job in jobs_of_layout_1(spool)}

    assert layout_of(spool.root) == 1
    upgrade(spool)
    assert layout_of(spool.root) == LAYOUT
    assert state_of(spool, jobs["dropped"]) is JobState.DROPPED
    again = ScriptedPacs()
    for name, job in jobs.items():
        deliver(spool, job.id, target, settings_of(spool, target), lambda: later, again)
        if name != "dropped":
            assert entry_of(spool, job).state is DeliveryState.DELIVERED
    assert again.associations == []
