"""Tasks in child processes: one that goes wrong never stops the others."""

import pytest

from deploy.cohort.child_pool import Ended, run_tasks
from support.pool_tasks import work


@pytest.fixture(scope="module")
def ended() -> dict[str, Ended[str]]:
    """Return the outcomes of tasks, some of which fail; two run at a time, and a process runs two."""
    tasks = ["a", "die", "b", "break", "c", "d"]
    return {one.task: one for one in run_tasks(work, tasks, 2, tasks_per_child=2)}


def test_every_task_ends(ended: dict[str, Ended[str]]) -> None:
    """An error in one task does not affect the others."""
    assert len(ended) == 6
    assert all(ended[name].failure == "" for name in "abcd")


def test_a_killed_process_names_its_task(ended: dict[str, Ended[str]]) -> None:
    """The case is known, and the signal."""
    assert ended["die"].failure == "worker_killed"
    assert "SIGKILL" in ended["die"].detail


def test_a_hanging_task_is_ended() -> None:
    """One endless case would hold up a night's run."""
    assert [one.failure for one in run_tasks(work, ["hang", "hang"], 1, limit_seconds=1)] == ["time_limit"] * 2


def test_an_unexpected_error_is_told_without_its_text(ended: dict[str, Ended[str]]) -> None:
    """The text of an exception may quote a patient's data."""
    assert ended["break"].failure == "internal_error"
    assert "ValueError at" in ended["break"].detail
    assert "SECRET" not in ended["break"].detail


def test_processes_make_way_and_have_one_thread(ended: dict[str, Ended[str]]) -> None:
    """No process lives long enough to grow, and none takes the other cores."""
    values = [str(ended[name].value).split() for name in "abcd"]
    assert len({pid for pid, _ in values}) >= 2
    assert {threads for _, threads in values} == {"1"}
