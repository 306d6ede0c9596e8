"""A real Redis that loses its data, is full or does not answer: objects are received, jobs scored afterwards."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listener.spool.jobs import JobState
from support.disturbed import Study
from support.installation import Installation
from support.modality import store_all
from support.processes import wait_until
from support.recorder import Recorder

pytestmark = pytest.mark.acceptance


@pytest.fixture
def parts(tmp_path: Path, pacs: Recorder) -> Iterator[Installation]:
    """Return an installation without running parts."""
    with Installation(tmp_path / "installation", [pacs.target]) as one:
        yield one


def redis(parts: Installation, *words: str) -> None:
    """Give Redis a command."""
    subprocess.run(["redis-cli", "-p", str(parts.redis_port), *words], check=True, capture_output=True, timeout=60)


def is_ready(parts: Installation) -> bool:
    """Return whether the only job is ready."""
    return [job.state for job in parts.jobs()] == [JobState.READY]


def assert_scored_once(parts: Installation, pacs: Recorder, study: Study) -> None:
    """Check that the one job is done and that its results are those of an undisturbed run."""
    [job] = parts.wait_for_jobs(1, 200)
    assert job.state is JobState.DONE
    assert not pacs.unlike()
    assert pacs.once() == study.results


def test_redis_flushed(parts: Installation, pacs: Recorder, study: Study) -> None:
    """The message is lost; the sweep announces the job again."""
    parts.start("redis", "listen")
    store_all(parts.dicom_port, study.paths, [])
    wait_until(lambda: is_ready(parts), 180, "the job is ready")
    redis(parts, "flushall")
    parts.start("work")
    assert_scored_once(parts, pacs, study)


def test_redis_out_of_memory(parts: Installation, pacs: Recorder, study: Study) -> None:
    """No message can be written: objects are still accepted, and the job is announced when there is memory again."""
    parts.start()
    redis(parts, "config", "set", "maxmemory-policy", "noeviction")
    redis(parts, "config", "set", "maxmemory", "1")
    store_all(parts.dicom_port, study.paths, [])
    wait_until(lambda: "job_announcement_failed" in parts.log("listen"), 180, "the listener says that nobody hears it")
    redis(parts, "config", "set", "maxmemory", "0")
    assert_scored_once(parts, pacs, study)


@pytest.mark.parametrize("seconds", [pytest.param(60, marks=pytest.mark.long)])
def test_redis_stands_still(seconds: float, parts: Installation, pacs: Recorder, study: Study) -> None:
    """It accepts connections and answers nothing, as over a network that drops packets."""
    parts.start()
    os.kill(parts.pid("redis"), signal.SIGSTOP)
    try:
        begin = time.monotonic()
        store_all(parts.dicom_port, study.paths, [])
        wait_until(lambda: is_ready(parts), 180, "the job is ready")
        time.sleep(max(0.0, seconds - (time.monotonic() - begin)))
    finally:
        os.kill(parts.pid("redis"), signal.SIGCONT)
    assert_scored_once(parts, pacs, study)
