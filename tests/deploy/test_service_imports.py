"""The service runs without the libraries of studies, and a command loads only what it needs."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from listener.spool.jobs import job_id_for

ROOT = Path(__file__).resolve().parents[2]
STUDY_LIBRARIES = (
    "pandas",
    "pyarrow",
    "matplotlib",
    "lifelines",
    "gseapy",
    "pingouin",
    "statsmodels",
    "dask",
    "distributed",
)
LARGE_LIBRARIES = {
    *STUDY_LIBRARIES,
    *("celery", "kombu", "numpy", "PIL", "prometheus_client", "pydicom", "pynetdicom", "reportlab", "requests"),
    *("scipy", "SimpleITK", "sklearn", "skops", "highdicom", "structlog"),
}
SERVICE = (
    "listener.listener",
    "workers.jobs.app",
    "workers.fallbacks.documents",
    "model_store.signatures.bundle",
    "deploy.commands.parts",
    "deploy.commands.up",
    "deploy.commands.demo",
    "deploy.commands.selftest",
    "deploy.commands.signature",
    "deploy.commands.status",
    "deploy.status_page.server",
)
SCORE = "from model_store.signatures import bundle, registry; bundle.load_bundle(registry.shipped_bundle())"


def loaded_after(statement: str, *, absent: tuple[str, ...] = ()) -> set[str]:
    """Return the top-level modules that a new interpreter has after a statement, while others cannot be found."""
    # scikit-learn imports pandas wherever it is installed; `None` makes an import fail as if it were not.
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r})); {statement}; "
        "print(*(name for name, module in sys.modules.items() if module is not None))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("statement", [*(f"import {module}" for module in SERVICE), SCORE])
def test_the_service_does_without_the_libraries_of_studies(statement: str) -> None:
    """Every part starts, and the shipped signature passes its checks, where they are not installed."""
    assert loaded_after(statement, absent=STUDY_LIBRARIES).isdisjoint(STUDY_LIBRARIES)


def test_the_services_lock_does_not_name_them() -> None:
    """What an image installs is this list: 290 MB would come with pandas, pyarrow and Matplotlib."""
    locked = (ROOT / "requirements" / "service.txt").read_text()
    assert re.findall(r"^numpy==", locked, re.MULTILINE)
    assert re.findall(rf"^({'|'.join(STUDY_LIBRARIES)})==", locked, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("statement", "too_much"),
    [
        ("import deploy.cli", {"numpy", "pydicom", "celery", "sklearn"}),
        (
            "import deploy.configuration.load",
            {"numpy", "pydicom", "celery", "sqlalchemy", "cryptography", "redis"},
        ),
        ("import deploy.commands.parts", {"numpy", "pydicom", "celery", "pynetdicom", "scipy", "sklearn", "SimpleITK"}),
        ("import deploy.status_page.server", {"celery", "scipy", "sklearn", "SimpleITK", "highdicom", "pandas"}),
        (
            "import listener.listener",
            {"scipy", "sklearn", "SimpleITK", "highdicom", "matplotlib", "pandas", "reportlab"},
        ),
        ("import workers.jobs.app", {"scipy", "sklearn", "skops", "reportlab", "jinja2", *STUDY_LIBRARIES}),
        (SCORE, {"sklearn", "skops", "joblib", "scipy", "SimpleITK", "pandas"}),
    ],
)
def test_a_part_loads_only_what_it_needs(statement: str, too_much: set[str]) -> None:
    """An import costs every start: the libraries of another part are not among them."""
    assert loaded_after(statement) & too_much == set()


def test_a_command_for_studies_says_what_to_install_where_only_the_service_is(tmp_path: Path) -> None:
    """Two lines and exit code 1 instead of a traceback."""
    (tmp_path / "radtme.yaml").write_text("data: data\n")
    (tmp_path / "features.parquet").touch()
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({STUDY_LIBRARIES!r})); "
        "sys.argv = ['radtme', 'signature', 'score', 'features.parquet']; import deploy.cli; deploy.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "needs pandas" in done.stderr
    assert "pip install 'radtme[study]'" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("status",),
        ("status", "--json"),
        ("status", "1.2.3"),
        ("status", "--help"),
        ("config", "check"),
        ("config", "show"),
        ("retention",),
        ("retry", job_id_for("1.6", 1)),
        ("hold", job_id_for("1.2", 1)),
        ("drop", job_id_for("1.1", 1), "--why", "test study"),
    ],
)
@pytest.mark.usefixtures("full_spool")
def test_a_short_command_starts_without_large_libraries(
    run_radtme: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """What people and scripts ask all day does not wait for what it does not use; Redis is asked only where one runs.

    The audit trail names the patient of a case that is tried again, held or dropped: its header is read where it is on.
    """
    (tmp_path / "radtme.yaml").write_text("data: .\naudit: {enabled: false}\n")
    done = run_radtme(*words, PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "click" in imported
    assert imported.isdisjoint({*LARGE_LIBRARIES, "redis"})


@pytest.mark.parametrize("command", ["status", "retry", "hold", "drop", "retention", "quarantine", "spool", "config"])
def test_the_help_of_a_short_command_and_the_settings_need_no_database(
    run_radtme: Callable[..., subprocess.CompletedProcess[str]], command: str
) -> None:
    """SQLAlchemy is a third of what such a command would load, and only reading the ledger needs it."""
    done = run_radtme(command, "--help", PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "click" in imported
    assert imported.isdisjoint(LARGE_LIBRARIES | {"cryptography", "sqlalchemy", "redis"})


def test_status_of_an_empty_folder_needs_no_database(
    run_radtme: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Where nothing ever ran there is no ledger to read: the command says so in half of the time."""
    done = run_radtme("status", PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 1
    assert "there is no spool" in done.stderr
    assert "Nothing is running" in done.stdout
    assert imported.isdisjoint(LARGE_LIBRARIES | {"cryptography", "sqlalchemy", "redis"})
