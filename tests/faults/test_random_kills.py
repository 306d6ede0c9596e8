"""SIGKILL at random moments, of two listeners and two workers on one spool, while studies come in."""

import contextlib
import functools
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from deploy.simulation.phantom import write_phantom
from listener.spool.jobs import JobState
from support.disturbed import TINY, assert_kept, site_with
from support.doomed import Site
from support.modality import store_all
from support.processes import free_port
from support.recorder import recorder

SEED = 20261125
FAR_FROM_POISON = 10_000
"""Attempts: here a worker's death is never the job's fault."""
LONG_STUDIES, LONG_KILLS = (int(number) for number in os.environ.get("RADTME_TEST_KILLS", "100,200").split(","))
DIFFERENT = 4
"""Studies with images of their own; all are copies of them with UIDs of their own, which takes no time."""
UID_END = re.compile(rb"(2\.25\.\d{20,})\d{3}(?!\d)")


def make_studies(folder: Path, number: int) -> list[tuple[Path, ...]]:
    """Return the files of so many studies."""
    made = [write_phantom(folder / f"of-{nth}", 1000 + nth, **TINY).paths for nth in range(min(number, DIFFERENT))]
    # Copies all: an original UID could end as one of them does.
    return [_copied(made[nth % len(made)], folder / str(nth), nth) for nth in range(number)]


def _copied(paths: Sequence[Path], folder: Path, nth: int) -> tuple[Path, ...]:
    """Write a study again, with UIDs of the same length that end otherwise."""
    folder.mkdir()
    copies = tuple(folder / f"{place}.dcm" for place in range(len(paths)))
    for path, copy in zip(paths, copies, strict=True):
        copy.write_bytes(UID_END.sub(rb"\g<1>%03d" % nth, path.read_bytes()))
    return copies


@contextlib.contextmanager
def parts_of(site: Site) -> Iterator[tuple[dict[str, Callable[[], BaseProcess]], tuple[int, int]]]:
    """Yield what starts each part of a site with two listeners and two workers, and the listeners' ports."""
    ports = (free_port(), free_port())
    with contextlib.ExitStack() as stack:
        yield (
            {
                "listener 1": lambda: stack.enter_context(site.starting_to_listen(ports[0])),
                "listener 2": lambda: stack.enter_context(site.starting_to_listen(ports[1])),
                "worker 1": lambda: stack.enter_context(site.working(max_attempts=FAR_FROM_POISON)),
                "worker 2": lambda: stack.enter_context(site.working(max_attempts=FAR_FROM_POISON)),
            },
            ports,
        )


def run(
    site: Site, studies: Sequence[tuple[Path, ...]], kills: int, every_seconds: float
) -> tuple[list[Path], Counter[str]]:
    """Send all studies from two senders while parts are killed; return what was acknowledged, and who was killed."""
    chance = random.Random(SEED)
    acknowledged: list[Path] = []
    killed: Counter[str] = Counter()
    with parts_of(site) as (start, ports):
        running = {name: starter() for name, starter in start.items()}
        senders = [
            threading.Thread(target=_send, args=(ports[nth], studies[nth::2], acknowledged), daemon=True)
            for nth in range(2)
        ]
        for sender in senders:
            sender.start()
        while killed.total() < kills:
            time.sleep(chance.uniform(0, 2 * every_seconds))
            name = chance.choice(sorted(running))
            running[name].kill()
            running[name].join()
            running[name] = start[name]()
            killed[name] += 1
        for sender in senders:
            sender.join(3600)
        site.wait_for_jobs(len(studies), seconds=3600, pause_seconds=0.01 * len(studies))
    return acknowledged, killed


def _send(port: int, studies: Sequence[tuple[Path, ...]], acknowledged: list[Path]) -> None:
    for paths in studies:
        mine: list[Path] = []
        store_all(port, paths, mine, 1800)
        acknowledged.extend(mine)


@pytest.fixture(scope="module")
def undisturbed(
    model_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], tuple[list[tuple[Path, ...]], dict[str, str]]]:
    """Return what gives so many studies, and the results that a run without kills makes of them."""

    @functools.cache
    def calm_run(number: int) -> tuple[list[tuple[Path, ...]], dict[str, str]]:
        folder = tmp_path_factory.mktemp("undisturbed")
        sent = make_studies(folder / "studies", number)
        with recorder() as pacs:
            run(site_with(folder, model_store, pacs), sent, 0, 0)
            assert len(pacs.digests) == 4 * number
            return sent, pacs.once()

    return calm_run


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("studies", "kills"),
    [(2, 4), pytest.param(LONG_STUDIES, LONG_KILLS, marks=(pytest.mark.long, pytest.mark.timeout(3 * 3600)))],
)
def test_random_kills(
    studies: int,
    kills: int,
    database: str,
    tmp_path: Path,
    model_store: Path,
    undisturbed: Callable[[int], tuple[list[tuple[Path, ...]], dict[str, str]]],
    request: pytest.FixtureRequest,
) -> None:
    """No acknowledged object is lost, every job is done, each result exists once and equals the undisturbed one."""
    sent, calm = undisturbed(studies)
    with recorder() as pacs:
        url = None if database == "sqlite" else request.getfixturevalue("postgres").new_database()
        site = replace(site_with(tmp_path / "killed", model_store, pacs), ledger_url=url)
        begin = time.monotonic()
        acknowledged, killed = run(site, sent, kills, 1.2)
        seconds = time.monotonic() - begin
        files = [path for paths in sent for path in paths]
        assert sorted(acknowledged) == sorted(files)
        assert_kept(site, files)
        assert site.has_jobs(studies, JobState.DONE), site.states()
        assert not pacs.unlike()
        assert pacs.once() == calm
        again = sum(len(seen) - 1 for seen in pacs.digests.values())
    print(
        f"{database}: {kills} kills {dict(sorted(killed.items()))} in {seconds:.0f} s: "
        f"{len(files)} objects acknowledged and kept, "
        f"{studies} jobs done, {len(calm)} results once, {again} of them sent twice with the same bytes"
    )
