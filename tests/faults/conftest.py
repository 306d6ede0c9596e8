"""What the fault tests share: a study, a signature, and what an undisturbed run makes of them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.simulation.phantom import write_phantom
from listener.spool.jobs import JobState
from model_store.signatures.registry import Registry
from support.disturbed import TINY, Study, site_with
from support.doomed import Site, was_killed
from support.modality import store_all
from support.mounts import close_ledgers
from support.postgresql import PostgresServer
from support.recorder import Recorder, recorder


@pytest.fixture(scope="session")
def model_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a registry's folder with the shipped signature."""
    registry = Registry(tmp_path_factory.mktemp("signatures"))
    registry.ensure_shipped()
    return registry.root


@pytest.fixture
def pacs() -> Iterator[Recorder]:
    """Return a receiving PACS that loses nothing."""
    with recorder() as one:
        yield one


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory, model_store: Path) -> Study:
    """Return a small study, scored and delivered once without any fault."""
    phantom = write_phantom(tmp_path_factory.mktemp("phantom"), 91, **TINY)
    folder = tmp_path_factory.mktemp("undisturbed")
    with recorder() as pacs:
        site = site_with(folder, model_store, pacs)
        with site.listening() as (port, _):
            store_all(port, phantom.paths, [])
            site.wait_for_jobs(1, JobState.READY)
        ready = folder / "ready"
        close_ledgers()  # reading the files of an open SQLite drops this process's locks on them
        shutil.copytree(site.spool.root, ready)
        with site.working("score.handed_over:kill") as worker:
            assert was_killed(worker), site.log()
        delivering = folder / "delivering"
        close_ledgers()
        shutil.copytree(site.spool.root, delivering)
        with site.working():
            site.wait_for_jobs(1, JobState.DONE)
        assert len(pacs.digests) == 4
        return Study(phantom.paths, pacs.once(), ready, delivering)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def ledger_url(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of an empty ledger, None for the embedded one: each fault is met with both of them."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def make_site(tmp_path: Path, model_store: Path, pacs: Recorder, ledger_url: str | None) -> Callable[[], Site]:
    """Return a site with no spool yet."""
    return lambda: replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=ledger_url)


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    """Return a site with no spool yet."""
    return make_site()
