"""Fixtures that every tier shares."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real inputs with known answers; skips where this checkout has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the shared test data beside the checkout (../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def br06(shared_data: Path) -> Path:
    """Return the folder of a real breast DCE-MRI with its outlines."""
    return shared_data / "breast_dce_ucsf_br06"
