"""The import contracts of pyproject.toml hold, and they fail where an import goes the wrong way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("listener", "workers", "model_store", "deploy")


@pytest.mark.parametrize(
    ("module", "wrong", "contract"),
    [
        ("listener/dicom/uids.py", "workers.errors", "The packages"),
        ("listener/dicom/uids.py", "listener.spool.jobs", "Inside listener"),
        ("workers/errors.py", "listener.scp.statuses", "Workers take from the listener what the spool needs"),
        ("model_store/files.py", "model_store.cohort.plan", "Inside model_store"),
    ],
)
def test_a_wrong_import_breaks_its_contract(tmp_path: Path, module: str, wrong: str, contract: str) -> None:
    """lint-imports ends with an error that names the contract and the module of the wrong import."""
    for package in PACKAGES:
        shutil.copytree(
            REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "shipped")
        )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\nimport {wrong}\n")
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"{contract} BROKEN" in ended.stdout
    assert module.removesuffix(".py").replace("/", ".") in ended.stdout
