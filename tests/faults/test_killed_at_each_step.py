"""SIGKILL at every named step: nothing acknowledged is lost, and the results are those of an undisturbed run."""

import os
import shutil
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from pydicom import dcmread

from listener.ledger.quarantine import read_quarantined
from listener.runtime.fault_points import FaultPoint
from listener.spool.jobs import JobState
from support.disturbed import Study, assert_kept, assert_undisturbed, instance_uid, put_spool
from support.doomed import Site, was_killed
from support.live_folder import found_below
from support.modality import store_all, store_until_gone
from support.processes import wait_until
from support.recorder import Recorder

OUTLINE = 25
"""The study has so many objects, and the outline comes last."""

LISTENER_DIES = [
    *[(FaultPoint.RECEIVE_WRITTEN, nth) for nth in (1, OUTLINE)],
    *[(FaultPoint.RECEIVE_SYNCED, nth) for nth in (2, OUTLINE)],
    *[(FaultPoint.RECEIVE_LINKED, nth) for nth in (1, OUTLINE)],
    *[(FaultPoint.RECEIVE_KEPT, nth) for nth in (1, OUTLINE)],
    *[(FaultPoint.LEDGER_WRITTEN, nth) for nth in (2, 3)],
    (FaultPoint.RECEIVE_ANNOUNCED, 1),
    *[(FaultPoint.RECEIVE_ACKNOWLEDGED, nth) for nth in (7, OUTLINE)],
    (FaultPoint.PAIRING_DECIDED, 1),
    (FaultPoint.JOB_MOVED, 1),
    (FaultPoint.PAIRING_READIED, 1),
]
WORKER_DIES = [
    (FaultPoint.JOB_MOVED, 1),
    (FaultPoint.SCORE_CLAIMED, 1),
    (FaultPoint.SCORE_COUNTED, 1),
    (FaultPoint.SCORE_BUILT, 1),
    *[(FaultPoint.FILE_WRITTEN, nth) for nth in (1, 4)],
    (FaultPoint.OBJECTS_WRITTEN, 1),
    (FaultPoint.OBJECTS_RENAMED, 1),
    (FaultPoint.FILE_WRITTEN, 5),
    (FaultPoint.RESULT_WRITTEN, 1),
    *[(FaultPoint.LEDGER_WRITTEN, nth) for nth in (2, 3, 4)],
    (FaultPoint.DELIVERY_QUEUED, 1),
    (FaultPoint.SCORE_HANDED_OVER, 1),
]
DELIVERY_DIES = [
    (FaultPoint.DELIVERY_OPENED, 1),
    *[(FaultPoint.DELIVERY_SENT, nth) for nth in (1, 4)],
    *[(FaultPoint.LEDGER_WRITTEN, nth) for nth in (2, 5)],
    *[(FaultPoint.DELIVERY_NOTED, nth) for nth in (2, 4)],
    (FaultPoint.DELIVERY_TRIED, 1),
    (FaultPoint.DELIVERY_RECORDED, 1),
    (FaultPoint.JOB_MOVED, 1),
]
ELSEWHERE = {FaultPoint.QUARANTINE_MOVED}

OFTEN = {
    (FaultPoint.RECEIVE_SYNCED, OUTLINE),
    (FaultPoint.RECEIVE_LINKED, 1),
    (FaultPoint.PAIRING_DECIDED, 1),
    (FaultPoint.SCORE_COUNTED, 1),
    (FaultPoint.OBJECTS_WRITTEN, 1),
    (FaultPoint.RESULT_WRITTEN, 1),
    (FaultPoint.LEDGER_WRITTEN, 2),
    (FaultPoint.DELIVERY_SENT, 1),
    (FaultPoint.DELIVERY_TRIED, 1),
}
"""The steps that are died at in every run of the tests; at all of them by `make faults`."""


def some_always(steps: list[tuple[FaultPoint, int]]) -> list[ParameterSet]:
    """Return the steps as parameters, those that are not in `OFTEN` marked as long."""
    return [
        pytest.param(*step, marks=() if step in OFTEN else pytest.mark.long, id="-".join(map(str, step)))
        for step in steps
    ]


def test_every_named_step_is_died_at() -> None:
    """Each named step occurs in one of the tests: none is left untested."""
    visited = {point for point, _ in (*LISTENER_DIES, *WORKER_DIES, *DELIVERY_DIES)}
    assert visited | ELSEWHERE == set(FaultPoint)


@pytest.mark.parametrize(("point", "nth"), some_always(LISTENER_DIES))
def test_the_listener_dies(point: FaultPoint, nth: int, site: Site, study: Study, pacs: Recorder) -> None:
    """Acknowledged objects are stored; the sender sends the rest again, and there is one job with one result."""
    site.spool.prepare()
    acknowledged: list[Path] = []
    with site.listening(f"{point}:kill:{nth}") as (port, process):
        store_until_gone(port, study.paths, acknowledged)
        assert was_killed(process), site.log()
    assert_kept(site, acknowledged)
    for path in found_below(site.spool.root, ".*.tmp"):
        os.utime(path, (0, 0))  # a minute and more went by
    with site.listening() as (port, _), site.working():
        store_all(port, study.paths, acknowledged)
        site.wait_for_jobs(1)
        # Before the block ends: that kills the listener, which may just be writing a file.
        for left in ("*.part", ".*"):
            wait_until(lambda left=left: not found_below(site.spool.root, left), 30, f"no {left} is left")
    assert_kept(site, study.paths)
    assert_undisturbed(site, pacs, study)


@pytest.mark.long
def test_the_first_start_dies(site: Site) -> None:
    """The next one makes the spool; half-written files of the first are removed once they are old enough."""
    with site.listening(f"{FaultPoint.FILE_WRITTEN}:kill") as (_, process):
        assert was_killed(process), site.log()
    [left] = site.spool.root.glob(".*")
    os.utime(left, (0, 0))
    with site.listening():
        wait_until(lambda: not left.exists(), 240, f"{left.name} is removed")


@pytest.mark.parametrize(("point", "nth"), some_always(WORKER_DIES))
def test_the_worker_dies(point: FaultPoint, nth: int, site: Site, study: Study, pacs: Recorder) -> None:
    """The next one continues from what was stored."""
    put_spool(site, study.ready)
    with site.working(f"{point}:kill:{nth}") as worker:
        assert was_killed(worker), site.log()
    with site.working():
        site.wait_for_jobs(1)
    assert_undisturbed(site, pacs, study)


@pytest.mark.parametrize(("point", "nth"), some_always(DELIVERY_DIES))
def test_the_delivery_dies(point: FaultPoint, nth: int, site: Site, study: Study, pacs: Recorder) -> None:
    """At worst the target gets an object a second time, under the same UID and with the same bytes."""
    put_spool(site, study.delivering)
    with site.working(f"{point}:kill:{nth}") as worker:
        assert was_killed(worker), site.log()
    with site.working():
        site.wait_for_jobs(1)
    assert_undisturbed(site, pacs, study)
    assert sum(len(seen) for seen in pacs.digests.values()) <= len(study.results) + 1


@pytest.mark.long
def test_the_worker_dies_while_it_replaces_what_a_dead_one_wrote(site: Site, study: Study, pacs: Recorder) -> None:
    """A second attempt that dies on the objects of the first leaves no half set behind."""
    put_spool(site, study.ready)
    for point in (FaultPoint.OBJECTS_RENAMED, FaultPoint.OBJECTS_WRITTEN):
        with site.working(f"{point}:kill") as worker:
            assert was_killed(worker), site.log()
    with site.working():
        site.wait_for_jobs(1)
    assert_undisturbed(site, pacs, study)


@pytest.mark.parametrize(
    "point", [FaultPoint.RECEIVE_KEPT, pytest.param(FaultPoint.LEDGER_WRITTEN, marks=pytest.mark.long)]
)
def test_an_outline_whose_sender_never_comes_back(point: FaultPoint, site: Site, study: Study, pacs: Recorder) -> None:
    """It was kept and not acknowledged; the next start gives it its job."""
    nth = OUTLINE if point is FaultPoint.RECEIVE_KEPT else 2
    with site.listening(f"{point}:kill:{nth}") as (port, process):
        store_until_gone(port, study.paths, [])
        assert was_killed(process), site.log()
    with site.listening(), site.working():
        site.wait_for_jobs(1)
    assert_undisturbed(site, pacs, study)


def test_the_listener_dies_while_it_puts_an_object_in_quarantine(site: Site, study: Study, tmp_path: Path) -> None:
    """The first copy stays as it was; the object whose reason was lost says so, the next one has its reason."""
    other = tmp_path / "other.dcm"
    shutil.copy(study.paths[0], other)
    changed = dcmread(other)
    changed.ImageComments = "other content"
    changed.save_as(other)
    acknowledged: list[Path] = []
    with site.listening(f"{FaultPoint.QUARANTINE_MOVED}:kill") as (port, process):
        store_until_gone(port, [study.paths[0], other], acknowledged)
        assert was_killed(process), site.log()
    assert acknowledged == [study.paths[0]]
    for path in site.spool.quarantine.iterdir():
        os.utime(path, (0, 0))  # a minute and more went by
    with site.listening() as (port, _):
        store_until_gone(port, [other], acknowledged)
    assert acknowledged == [study.paths[0]], "the other content was taken"
    assert_kept(site, acknowledged)
    quarantined = read_quarantined(site.spool.ledger)
    assert sorted(one.reason.reason for one in quarantined) == ["duplicate_sop_instance", "unknown"]
    assert {f"{one.name}.dcm" for one in quarantined} == {path.name for path in site.spool.quarantine.iterdir()}
    assert all(one.name.startswith(instance_uid(other)) for one in quarantined)


@pytest.mark.long
def test_two_kills_in_a_row_are_no_worse_than_one(site: Site, study: Study, pacs: Recorder) -> None:
    """A worker that dies at the last step of a job, and the next one at the step after it."""
    put_spool(site, study.ready)
    for point in (FaultPoint.RESULT_WRITTEN, FaultPoint.DELIVERY_QUEUED, FaultPoint.DELIVERY_TRIED):
        with site.working(f"{point}:kill") as worker:
            assert was_killed(worker), site.log()
    with site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
