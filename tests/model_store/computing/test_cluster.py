"""The processes of a study end with it; those of a scheduler elsewhere are used, checked and missed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.cohort.cluster_tasks import run_tasks
from model_store.computing.cluster import Cluster
from model_store.errors import ComputingError
from support.dask_scheduler import HERE, WORKER_LOG, dask_scheduler, dask_worker, lone_scheduler
from support.pool_tasks import mark_and_hang, settings_of_process, work
from support.processes import free_port, group_lives, kill, start, wait_until

WORKING = """
from model_store.computing.cluster import Cluster
from support.pool_tasks import mark_and_hang
if __name__ == "__main__":
    with Cluster(2) as cluster:
        list(cluster.map(mark_and_hang, {paths!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left_when_the_owner_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    """Only the owner is signalled, while both of its processes are at work; all of them end.

    After Ctrl-C, their temporary folders are removed as well; a process that is killed can remove nothing.
    """
    marks = [tmp_path / "one", tmp_path / "two"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background has it ignored
    script = WORKING.format(paths=[str(mark) for mark in marks])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = start([sys.executable, "-c", script], tmp_path / "log", **HERE, TMPDIR=str(temporary))
    signal.signal(signal.SIGINT, before)
    try:
        wait_until(lambda: all(mark.exists() for mark in marks) or process.poll() is not None, 120, "both at work")
        assert process.poll() is None, (tmp_path / "log").read_text()
        process.send_signal(number)
        process.wait(120)
        wait_until(lambda: not group_lives(process.pid), 60, "its processes to end")
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if number == signal.SIGINT:
        assert not list(temporary.iterdir())


STARTING = """
import psutil
from model_store.computing.cluster import Cluster
if __name__ == "__main__":
    with Cluster(2) as cluster:
        cluster.client(2)
        while not (spawned := [one for one in psutil.Process().children() if "spawn_main" in "".join(one.cmdline())]):
            pass
        print(*(f"/proc/{one.pid}/status" for one in spawned), flush=True)
        input()
"""


def test_ctrl_c_is_not_for_the_processes_of_a_cluster(tmp_path: Path) -> None:
    """They have it blocked from their first moment, and print no traceback; no folder for files is left."""
    command = [sys.executable, "-c", STARTING]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for path in process.stdout.readline().split():
            blocked = next(line for line in Path(path).read_text().splitlines() if line.startswith("SigBlk:"))
            assert int(blocked.split()[1], 16) & 1 << signal.SIGINT - 1
        process.communicate("\n")
    assert not list(tmp_path.iterdir())


def test_results_come_in_order_and_errors_as_they_are() -> None:
    """As with `map`; what a task raises is what the caller sees; one that kills its process twice is named so."""
    with Cluster(2) as cluster:
        assert list(cluster.map(pow, range(9), [2] * 9)) == [number**2 for number in range(9)]
        with pytest.raises(ValueError, match="SECRET"):
            list(cluster.map(work, ["break", "a"]))
        with pytest.raises(ComputingError, match="as where memory runs out"):
            list(cluster.map(work, ["die"]))


def test_processes_keep_freed_memory_and_look_for_cycles_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask asks the C library to return freed memory at once, and Python looks for cycles after 700 objects.

    Dask would also look at its own event loop 50 times a second, and at its memory twice, in each process.
    """
    variable = "MALLOC_TRIM_THRESHOLD_"
    monkeypatch.delenv(variable, raising=False)
    with Cluster(1) as cluster:
        assert list(cluster.map(settings_of_process, [variable])) == [(None, (50_000, 20, 100), 1000, 60_000)]


def test_one_process_opens_several_clusters_in_turn(tmp_path: Path) -> None:
    """As the steps of a study do; a new interpreter, because an earlier test has loaded Dask's settings."""
    script = tmp_path / "steps.py"
    script.write_text(
        "from deploy.cohort.cluster_tasks import run_tasks\n"
        "from model_store.computing.cluster import Cluster\n"
        'if __name__ == "__main__":\n'
        "    for number in range(2):\n"
        "        with Cluster(1) as cluster:\n"
        "            print([one.value for one in run_tasks(cluster, abs, [-number])])\n"
    )
    own = {**os.environ, **HERE}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=own)
    assert (done.stdout, done.returncode) == ("[0]\n[1]\n", 0), done.stderr


def test_the_workers_of_a_scheduler_do_the_work(tmp_path: Path) -> None:
    """One that dies is reported as on this machine; the scheduler has no key of ours to keep.

    The time limit of a task begins with its work: here it waits longer behind the tasks of somebody else.
    """
    with dask_scheduler(tmp_path) as (address, _), Cluster(scheduler=address) as cluster:
        wait_until(lambda: len(cluster.workers(1)) == 2, 60, "both workers")
        others = [
            cluster.client(1).submit(time.sleep, 15, workers=[worker], pure=False) for worker in cluster.workers(1)
        ]
        assert [one.failure for one in run_tasks(cluster, work, ["a", "b"], limit_seconds=10)] == ["", ""]
        assert all(other.done() for other in others)
        ended = {one.task: one.failure for one in run_tasks(cluster, work, ["a", "die", "b"])}
    assert ended == {"a": "", "die": "worker_killed", "b": ""}


def test_a_scheduler_without_workers_is_said_and_late_ones_are_checked(tmp_path: Path) -> None:
    """With the command that starts them; one that is not fit gets nothing to do, and the others go on."""
    said: list[str] = []
    with ExitStack() as stack:
        address = stack.enter_context(lone_scheduler(tmp_path))
        cluster = stack.enter_context(Cluster(scheduler=address, say=said.append))
        assert cluster.workers(1) == ()
        wait_until(lambda: bool(cluster.workers(1) or said), 60, "a word on the missing workers")
        assert "start them with dask worker" in said[0]
        stack.enter_context(dask_worker(address, tmp_path / "unfit.log", threads=2))
        wait_until(lambda: bool(cluster.workers(1) or len(said) > 1), 60, "the first worker")
        assert "has several threads: start it with dask worker --nthreads 1" in said[1]
        stack.enter_context(dask_worker(address, tmp_path / "fit.log"))
        assert list(cluster.map(pow, [2, 3], [2, 2])) == [4, 9]
        (fit,) = cluster.workers(1)
        assert [one.failure for one in run_tasks(cluster, work, ["a", "b"])] == ["", ""]
        assert fit not in said[1]
        assert len(said) == 2


def test_a_scheduler_that_goes_away_ends_the_command(tmp_path: Path) -> None:
    """It says so, and that nothing is lost; it does not wait for ever."""
    mark = tmp_path / "begun"
    with dask_scheduler(tmp_path) as (address, process), Cluster(scheduler=address) as cluster:
        tasks = run_tasks(cluster, look_and_hang(process, mark), [str(mark)])
        with pytest.raises(ComputingError, match="connection to the Dask scheduler was lost"):
            list(tasks)


def look_and_hang(process: "subprocess.Popen[bytes]", mark: Path) -> Callable[[str], None]:
    """Return a task that hangs, and end the scheduler when it has begun."""
    import threading

    def end() -> None:
        wait_until(mark.exists, 60, "the task to begin")
        kill(process)

    threading.Thread(target=end, daemon=True).start()
    return mark_and_hang


def test_a_scheduler_that_is_not_there_or_not_fit_is_refused(tmp_path: Path) -> None:
    """Before the first case: nobody listens, the address is none, the workers have several threads."""
    nobody = f"tcp://127.0.0.1:{free_port()}"
    for address in (nobody, "nonsense://x"):
        with Cluster(scheduler=address) as cluster, pytest.raises(ComputingError, match="no Dask scheduler answers"):
            list(run_tasks(cluster, work, ["a"]))
    with dask_scheduler(tmp_path, threads=2) as (address, _), Cluster(scheduler=address) as cluster:
        wait_until(lambda: "Registered to" in (tmp_path / WORKER_LOG).read_text(), 60, "the workers")
        with pytest.raises(ComputingError, match="--nthreads 1"):
            list(run_tasks(cluster, work, ["a"]))
