"""Fixtures that every tier shares."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import threadpoolctl
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from support.mounts import close_ledgers
from support.postgresql import PostgresServer, postgres_server, programs

# One thread, as in the service: more add in another order, and the last digit of a feature differs. NumPy is loaded
# before this file (the warning filters name pandas), other libraries and child processes come after it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
threadpoolctl.threadpool_limits(1)

# The same examples in every run: none fails by chance. No time limit: how long one takes depends on the machine.
# `make fuzz` looks for new ones, and pytest --hypothesis-profile=default.
hypothesis_settings.register_profile(
    "tests", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("tests")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test does to structlog's configuration, which belongs to the process and not to the test."""
    configured = structlog.get_config()
    yield
    structlog.configure(**configured)


@pytest.fixture(autouse=True)
def _ledgers_closed() -> Iterator[None]:
    """Close the connections to the ledgers of a test."""
    yield
    close_ledgers()


@pytest.fixture(autouse=True)
def _umask_as_it_was() -> Iterator[None]:
    """Undo what a command that a test runs in this process does to the umask, which belongs to the process."""
    umask = os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose the database of the ledger."""
    parser.addoption("--ledger", choices=["sqlite", "postgresql"], default="sqlite", help="Database of the ledger.")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a PostgreSQL server of this run; skips where Debian's package is not installed."""
    if programs() is None:
        pytest.skip("needs the Debian package postgresql")
    with tempfile.TemporaryDirectory(prefix="radtme-postgresql-") as folder, postgres_server(Path(folder)) as server:
        yield server


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of an empty ledger; None for the embedded one, which a run without ``--ledger postgresql`` has."""
    if request.config.getoption("--ledger") == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


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
