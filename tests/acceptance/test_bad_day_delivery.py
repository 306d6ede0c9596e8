"""A PACS is unreachable, then refuses, then loses objects: alert, page, status and doctor report it."""

import html
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from listener.spool.jobs import JobState
from support.bad_day import NOTICED_SECONDS, BadDay, bad_day
from support.committing import Committing, committing_pacs
from support.dicom_objects import image, outline
from support.processes import free_port, wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
]
NO_SUCH_OBJECT = 0x0112
NOT_UNDERSTOOD = 0xC000
PARTS = ("listener", "compute-1", "delivery")


class EveryObject(dict[str, int]):
    """Says of every object that it was not kept."""

    def __contains__(self, uid: object) -> bool:
        return True

    def __missing__(self, uid: str) -> int:
        return NO_SUCH_OBJECT


@pytest.fixture
def port() -> int:
    """Where the PACS will be."""
    return free_port()


@pytest.fixture
def day(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadDay]:
    """A stack with all parts, and a target that has to commit itself and does not answer yet.

    Its circuit opens at the first failure and stays open longer than the test lasts, unless a command closes it.
    """
    monkeypatch.setenv("RADTME_WORKERS_BREAKER_FAILURES", "1")
    for wait in ("FIRST", "LAST"):
        monkeypatch.setenv(f"RADTME_WORKERS_{wait}_RETRY_SECONDS", "1h")
    target: Mapping[str, Any] = {
        "name": "pacs",
        "ae_title": "PACS",
        "host": "127.0.0.1",
        "port": port,
        "proof": "committed",
        "commitment_wait_seconds": 60,
        "timeout_seconds": 20,
    }
    with bad_day(tmp_path / "stack", *PARTS, targets=[target]) as one:
        yield one


def wait_for(day: BadDay, state: JobState) -> None:
    """Wait until the one case is in a state."""
    wait_until(lambda: [job.state for job in day.stack.jobs()] == [state], NOTICED_SECONDS, f"a case that is {state}")


def test_a_pacs_is_away_then_refuses_then_loses_an_object(day: BadDay, port: int) -> None:
    """The same case goes through all of it and is delivered in the end."""
    assert day.store(image(1), outline([1])) == [0x0000, 0x0000]
    day.fires("RadtmeTargetUnreachable", target="pacs")
    assert "target pacs: not reached" in day.status()
    assert "Results for pacs wait: PACS@127.0.0.1:" in day.page()
    assert "targets: pacs: PACS@127.0.0.1" in day.doctor()
    with ExitStack() as running:
        _, pacs = running.enter_context(committing_pacs(port=port, failing=EveryObject()))
        refuses(day, pacs)
        loses(day, pacs)
        assert "1 of 1 jobs are tried again" in day.radtme("retry", "--target", "pacs")
        wait_for(day, JobState.DONE)
        assert len(pacs.asked) > 1, "commitment is requested again for what was sent again"
        day.wait_until_healthy()


def refuses(day: BadDay, pacs: Committing) -> None:
    """A successful echo closes the circuit; the PACS refuses all objects: the job fails, and the alert fires."""
    pacs.statuses = [NOT_UNDERSTOOD] * 100
    assert "pacs: its circuit breaker is closed again, waiting results are sent now" in day.radtme("echo", "pacs")
    wait_for(day, JobState.FAILED)
    day.fires("RadtmeJobFailed")
    assert "failed: " in day.status()
    assert "1 case failed; radtme status says why" in day.page()
    pacs.statuses = []


def loses(day: BadDay, pacs: Committing) -> None:
    """`retry --failed` sends again; the PACS then reports that it has not kept the object."""
    assert "1 of 1 jobs are tried again" in day.radtme("retry", "--failed")
    day.fires("RadtmeTargetLostObjects", target="pacs")
    said = " ".join(day.status().split())
    assert "pacs: retry" in said
    assert "not committed: " in said
    assert f": 0x{NO_SUCH_OBJECT:04X}" in said
    page = html.unescape(day.page())
    (waits,) = re.findall(r"Results for pacs wait: ([^<]*); radtme echo pacs says more\.", page)
    assert waits.startswith("not committed: ")
    assert f": 0x{NO_SUCH_OBJECT:04X}" in waits
    pacs.failing = {}
