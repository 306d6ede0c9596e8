"""A listener without free file descriptors."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

from listener.scp.statuses import Status
from listener.spool.jobs import JobState
from support.disturbed import Study, assert_kept
from support.doomed import Site
from support.live_folder import found_below
from support.modality import store_all, store_until_gone
from support.processes import wait_until

TAKEN_BEFORE = 5
"""So many objects are sent before the fault."""


def then(paths: tuple[Path, ...], fault: Callable[[], object]) -> Iterator[Path]:
    """Yield paths; the fault comes in the middle, while the association is open."""
    yield from paths[:TAKEN_BEFORE]
    fault()
    yield from paths[TAKEN_BEFORE:]


def test_no_descriptors_left_in_the_listener(site: Site, study: Study) -> None:
    """It refuses, also whole associations, and serves again when others were closed."""
    acknowledged: list[Path] = []
    with site.listening() as (port, process):
        assert process.pid is not None
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)

        def limit(soft: int) -> None:
            assert process.pid is not None
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, before[1]))

        refused = store_until_gone(port, then(study.paths, lambda: limit(3)), acknowledged)
        assert refused == Status.OUT_OF_RESOURCES
        assert store_until_gone(port, study.paths[TAKEN_BEFORE:], acknowledged) is None, "it took an association"
        assert len(acknowledged) == TAKEN_BEFORE
        assert process.is_alive()
        limit(before[0])
        store_all(port, study.paths, acknowledged)
        site.wait_for_jobs(1, JobState.READY)
        wait_until(lambda: not found_below(site.spool.root, "*.part"), 30, "no file of an association is left")
    assert_kept(site, study.paths)
