"""`radtme demo`: the main job from an empty folder, as a person starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread

ROLES = ["feature_report", "key_image", "segmentation", "summary_report"]


def demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in ``folder``."""
    command = [sys.executable, "-P", "-m", "deploy", "demo", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, check=False
    )


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name ``folder``."""
    listed = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(folder) in line and "deploy" in line]


def test_the_phantom_is_scored_and_its_results_arrive(tmp_path: Path):
    """Score, class and notice are shown, each stage with its time; four results lie in the PACS; no process is left.

    The output explains UNCERTAIN as a result.

    The variables of a real installation have no effect: its spool, its ports and its Redis are not the demo's.
    """
    installation = {
        "RADTME_DATA": str(tmp_path / "hospital"),
        "RADTME_SPOOL": str(tmp_path / "hospital" / "spool"),
        "RADTME_LISTENER_PORT": "1",
        "RADTME_WORKERS_METRICS_PORT": "1",
        "RADTME_REDIS_URL": "redis://127.0.0.1:1/0",
        "RADTME_SINK_ENABLED": "false",
    }
    run = demo(tmp_path, "--output", "kept", **installation)
    assert run.returncode == 0, run.stdout + run.stderr
    for expected in ("sent", "paired", "features", "delivered", "score 0.", "threshold", "not for clinical use"):
        assert expected in run.stdout, expected
    assert ("UNCERTAIN" in run.stdout) == ("This is a result, not an error" in run.stdout)
    results = next((tmp_path / "kept" / "results").iterdir())
    assert sorted(path.stem for path in results.glob("*.dcm")) == ROLES
    study = dcmread(next((tmp_path / "kept" / "study").rglob("*.dcm"))).StudyInstanceUID
    assert {dcmread(path).StudyInstanceUID for path in results.glob("*.dcm")} == {study}
    assert len({path.read_bytes() for path in (tmp_path / "kept" / "pacs").glob("*.dcm")}) == len(ROLES)
    with Image.open(results / "key_image.png") as picture:
        assert picture.size[0] >= 512
    assert processes_of(tmp_path) == []
    assert not (tmp_path / "hospital").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [({"notes.txt": b"x"}, "is a DICOM instance"), ({}, "no file is in it")],
)
def test_a_folder_without_a_study_is_refused_at_once(tmp_path: Path, files: dict[str, bytes], said: str):
    """Nothing is started for a folder that holds no study."""
    study = tmp_path / "study"
    study.mkdir()
    for name, content in files.items():
        (study / name).write_bytes(content)
    run = demo(tmp_path, "--input", "study")
    assert run.returncode == 1
    assert said in run.stderr
    assert not (tmp_path / "radtme-data").exists()


def test_a_folder_with_an_earlier_demo_is_not_mixed_with_a_new_one(tmp_path: Path):
    """--output asks for a new or empty folder."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "radtme.yaml").touch()
    run = demo(tmp_path, "--output", "kept")
    assert run.returncode == 2
    assert "is not empty" in run.stderr


def test_images_without_an_outline_are_told_apart(br06: Path, tmp_path: Path):
    """A real series without its SEG: the error names what is missing before anything starts."""
    run = demo(tmp_path, "--input", str(br06 / "dce"))
    assert run.returncode == 1
    assert "no segmentation (SEG)" in run.stderr
