"""A file system that is really full, below a real listener."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listener.scp.statuses import Status
from listener.spool.jobs import JobState
from support.disturbed import Study, assert_kept, site_with
from support.doomed import Site
from support.live_folder import found_below
from support.modality import store_all, store_until_gone
from support.mounts import close_ledgers, tmpfs
from support.processes import wait_until
from support.recorder import Recorder


@pytest.fixture
def small(tmp_path: Path, model_store: Path, pacs: Recorder, study: Study) -> Iterator[Site]:
    """Return a site on a file system that has room for half of the study beside an empty ledger."""
    folder = tmp_path / "small"
    with tmpfs(folder, "size=64m"):
        site = site_with(folder, model_store, pacs)
        site.spool.prepare()
        with site.spool.ledger.reading():
            pass  # what makes it
        close_ledgers()
        taken = shutil.disk_usage(folder).used
        half = sum(path.stat().st_size for path in study.paths) // 2
        subprocess.run(["mount", "-o", f"remount,size={taken + half}", folder], check=True)
        yield site


def test_a_full_disk_below_the_listener(small: Site, study: Study) -> None:
    """Acknowledged objects are complete; the listener keeps running and accepts the rest when there is space again."""
    acknowledged: list[Path] = []
    with small.listening(min_free_bytes=0) as (port, process):
        assert store_until_gone(port, study.paths, acknowledged) == Status.OUT_OF_RESOURCES
        assert 0 < len(acknowledged) < len(study.paths)
        assert_kept(small, acknowledged)
        refused: list[Path] = []
        left = [path for path in study.paths if path not in acknowledged]
        assert store_until_gone(port, left, refused) == Status.OUT_OF_RESOURCES
        assert process.is_alive()
        subprocess.run(["mount", "-o", "remount,size=256m", small.folder], check=True)
        store_all(port, study.paths, acknowledged)
        assert_kept(small, study.paths)
        small.wait_for_jobs(1, JobState.READY)
        wait_until(lambda: not found_below(small.spool.root, "*.part"), 30, "no file of an association is left")
