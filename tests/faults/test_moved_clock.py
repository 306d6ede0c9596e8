"""The clock jumps by days in both directions: cases are still scored and delivered."""

import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from pydicom import dcmread

from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.jobs import JobState
from support.disturbed import TINY
from support.installation import Installation, send
from support.moved_clock import MovedClock
from support.processes import free_port, wait_until
from support.recorder import recorder
from workers.delivery.outbox import read_delivery

TWO_DAYS = timedelta(days=2)
RESULTS = 4
QUIET_SECONDS = 5.0
BUSY_SHARE = 0.5
"""Of a core: an idle service takes a few hundredths."""

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (Debian: gcc, libc6-dev)"),
]


@pytest.fixture
def clock(tmp_path: Path) -> MovedClock:
    """Return the clock of listener and worker."""
    return MovedClock(tmp_path)


@pytest.fixture
def pacs_port() -> int:
    """Return the port at which the PACS is, when it is there."""
    return free_port()


@pytest.fixture
def service(tmp_path: Path, clock: MovedClock, pacs_port: int) -> Iterator[Installation]:
    """Run listener and worker by the moved clock, and Redis by the system's."""
    target = {"name": "pacs", "ae_title": "RECORDER", "host": "127.0.0.1", "port": pacs_port, "timeout_seconds": 10}
    folder = tmp_path / "installation"
    listener = {"deadline_seconds": 3600}
    with Installation(folder, [target], listener=listener, environment=clock.environment) as running:
        running.start()
        yield running


def wait_for(service: Installation, *states: JobState) -> None:
    """Wait until the jobs, from the first one made, lie in these states."""

    def reached() -> bool:
        return sorted(job.state for job in service.jobs()) == sorted(states)

    wait_until(reached, 240, f"jobs {states}; there are {[(job.id, job.state) for job in service.jobs()]}")


def clock_of(service: Installation) -> datetime:
    """Return the time that the last line of the worker's log has."""
    [*_, line] = service.log("work").splitlines()
    return datetime.fromisoformat(line.split('"timestamp": "')[1].split('"')[0])


def next_try(service: Installation) -> str | None:
    """Return when the only delivery under way is tried again, as its record says."""
    [job] = service.spool.jobs(JobState.DELIVERING)
    record = read_delivery(service.spool.ledger, job.id, "pacs")
    return record.next_try.isoformat() if record and record.tries and record.next_try else None


def assert_quiet(service: Installation) -> None:
    """Check that no part runs in a busy loop, and that each one reports that it is alive."""
    family = [psutil.Process(service.pid(part)) for part in ("listen", "work")]
    family += [child for one in family for child in one.children(recursive=True)]
    before = [sum(one.cpu_times()[:2]) for one in family]
    time.sleep(QUIET_SECONDS)
    used = sum(sum(one.cpu_times()[:2]) for one in family) - sum(before)
    assert used < BUSY_SHARE * QUIET_SECONDS, f"{used:.1f} s of computing in {QUIET_SECONDS:g} s with nothing to do"
    for part in ("listen", "work"):
        assert service.get(part, "/healthz")


def assert_all_kept(service: Installation, studies: list[Phantom]) -> None:
    """See that every object that was sent lies in the spool, as it was sent."""
    kept = {path.stem: dcmread(path) for path in service.spool.studies.rglob("*.dcm")}
    sent = {one.SOPInstanceUID: one for study in studies for path in study.paths for one in [dcmread(path)]}
    assert kept == sent


@pytest.mark.timeout(900)
def test_a_clock_that_jumps_at_every_stage(
    service: Installation, clock: MovedClock, pacs_port: int, tmp_path: Path
) -> None:
    """Forward and back while objects come, a case waits for its worker, and results wait for their target."""
    studies = [write_phantom(tmp_path / f"study-{seed}", seed, **TINY) for seed in (1, 2, 3)]
    first, second, third = studies
    with recorder(port=pacs_port) as pacs:
        half = len(first.paths) // 2
        send(service.dicom_port, *first.paths[:half])
        clock.move(TWO_DAYS)
        send(service.dicom_port, *first.paths[half:])
        clock.move(-TWO_DAYS)
        wait_for(service, JobState.DONE)
        assert_quiet(service)

        service.stop("work")
        send(service.dicom_port, *second.paths)
        wait_for(service, JobState.DONE, JobState.READY)
        clock.move(TWO_DAYS)
        service.start("work")
        clock.move(-TWO_DAYS)
        wait_for(service, JobState.DONE, JobState.DONE)
        assert not pacs.unlike()
        taken = dict(pacs.once())

    send(service.dicom_port, *third.paths)
    wait_for(service, JobState.DONE, JobState.DONE, JobState.DELIVERING)
    wait_until(lambda: next_try(service), 240, "the delivery was tried")
    clock.move(TWO_DAYS)
    moment = next_try(service)
    wait_until(lambda: next_try(service) != moment, 240, "it is tried again when the clock has gone forward")
    assert_quiet(service)
    clock.move(-TWO_DAYS)  # now it is due in four days
    with recorder(port=pacs_port) as pacs:
        wait_for(service, JobState.DONE, JobState.DONE, JobState.DONE)
        assert not pacs.unlike()
        taken |= pacs.once()
    assert_quiet(service)

    assert len(taken) == RESULTS * len(studies)
    results = [service.result(job) for job in service.jobs()]
    assert {result["outcome"] for result in results} == {"scored"}
    assert {uid for result in results for uid in result["objects"].values()} == taken.keys()
    assert_all_kept(service, studies)
    seen = clock_of(service) - datetime.now().astimezone()
    assert abs(seen + TWO_DAYS) < timedelta(hours=1), f"the worker's clock was not moved: {seen}"
