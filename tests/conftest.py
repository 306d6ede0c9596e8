"""Fixtures that every tier shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import threadpoolctl

# One thread, as in the service: more add in another order, and the last digit of a feature differs. NumPy is loaded
# before this file (the warning filters name pandas), other libraries and child processes come after it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
threadpoolctl.threadpool_limits(1)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test does to structlog's configuration, which belongs to the process and not to the test."""
    configured = structlog.get_config()
    yield
    structlog.configure(**configured)


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
