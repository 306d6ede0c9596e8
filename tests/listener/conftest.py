"""An empty spool for the listener's unit tests."""

from pathlib import Path

import pytest

from listener.spool.spool import Spool


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool
