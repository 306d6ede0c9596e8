"""What the tests of the ledger share."""

from pathlib import Path

import pytest

from listener.ledger.database import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """Return an empty ledger on each of the two databases."""
    if request.param == "sqlite":
        return Ledger.in_folder(tmp_path)
    return Ledger(request.getfixturevalue("postgres").new_database())
