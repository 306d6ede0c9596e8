"""A small study in a spool, with the shipped signature."""

from pathlib import Path

import pytest

from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.broken_studies import SMALL
from support.claimed_jobs import keep_study
from workers.settings import WorkerSettings
from workers.targets.target import Target


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small study."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return a registry with the shipped signature."""
    registry = Registry(tmp_path_factory.mktemp("signatures"))
    registry.ensure_shipped()
    return registry


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None, phantom: Phantom) -> Spool:
    """Return a spool that holds the study."""
    spool = Spool(tmp_path / "spool", ledger_url)
    keep_study(spool, phantom)
    return spool


@pytest.fixture
def settings(spool: Spool, registry: Registry) -> WorkerSettings:
    """Return settings with one target."""
    return WorkerSettings(spool.root, registry.root, (Target("pacs", "PACS", "127.0.0.1", 1),))
