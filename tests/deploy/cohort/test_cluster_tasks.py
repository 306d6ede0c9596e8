"""Tasks on a cluster: one that goes wrong never stops the others."""

from collections.abc import Iterator

import pytest

from deploy.cohort.cluster_tasks import Ended, run_tasks
from model_store.computing.cluster import Cluster
from support.pool_tasks import work


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Yield two processes."""
    with Cluster(2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def ended(cluster: Cluster) -> dict[str, Ended[str]]:
    """Return the outcomes of tasks, some of which fail; two run at a time."""
    tasks = ["a", "die", "b", "break", "c", "d"]
    return {one.task: one for one in run_tasks(cluster, work, tasks)}


def test_every_task_ends(ended: dict[str, Ended[str]]) -> None:
    """An error in one task does not affect the others."""
    assert len(ended) == 6
    assert all(ended[name].failure == "" for name in "abcd")


def test_a_killed_process_names_its_task(ended: dict[str, Ended[str]]) -> None:
    """The case is known, and that it was tried again: memory may have run out because of another one."""
    assert ended["die"].failure == "worker_killed"
    assert "each time it was tried" in ended["die"].detail


def test_a_hanging_task_is_ended_and_the_next_one_runs(cluster: Cluster) -> None:
    """One endless case would hold up a night's run; its process is ended even where it sits in code in C."""
    ended = {one.task: one.failure for one in run_tasks(cluster, work, ["hang", "hang in C"], limit_seconds=5)}
    assert ended == {"hang": "time_limit", "hang in C": "time_limit"}
    assert [one.failure for one in run_tasks(cluster, work, ["a"])] == [""]


def test_an_unexpected_error_is_told_without_its_text(ended: dict[str, Ended[str]]) -> None:
    """The text of an exception may quote a patient's data."""
    assert ended["break"].failure == "internal_error"
    assert "ValueError at" in ended["break"].detail
    assert "SECRET" not in ended["break"].detail


def test_processes_have_one_thread(ended: dict[str, Ended[str]]) -> None:
    """None takes the cores of the others."""
    values = [str(ended[name].value).split() for name in "abcd"]
    assert {threads for _, threads in values} == {"1"}
