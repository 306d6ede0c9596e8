"""Results in a real PACS and a real viewer, where these are running."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite

from model_store.signatures.profile import HAN2024
from support.processes import is_listening
from support.result_cases import CONTRIBUTIONS, SIGNATURE
from workers.features.measurement import measure
from workers.jobs.result_objects import build_results
from workers.scoring.case_result import CaseResult, Score

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]
OHIF_PORT = 18080
FEATURES_FOR_PIXELMED = 10
"""Its validator needs memory with the square of the items."""


@pytest.fixture
def desk(shared_data: Path) -> list[str]:
    """Return the command that checks a study at the viewer; skips where no viewer runs."""
    run = Path(os.environ.get("VIEWER_RUN", ""))
    if not (run / "npm" / "node_modules" / "playwright-core").is_dir():
        pytest.skip("needs the viewer: start_viewer.sh start, and its folder in VIEWER_RUN")
    if not is_listening(OHIF_PORT):
        pytest.skip(f"needs the viewer to be running on port {OHIF_PORT}")
    return [str(run / "venv" / "bin" / "python"), str(shared_data.parent / "viewer" / "accept.py")]


def test_a_viewer_shows_the_results_of_br06(desk: list[str], br06: Path, tmp_path: Path) -> None:
    """OHIF draws each voxel of the segmentation and shows name and value of the score in the reports."""
    seg_path = br06 / "tumour_seg" / "seg.dcm"
    measurement = measure(sorted((br06 / "dce").glob("*.dcm")), seg_path, HAN2024)
    regions = tuple(
        replace(region, features=dict(list(region.features.items())[:FEATURES_FOR_PIXELMED]))
        for region in measurement.regions
    )
    result = CaseResult(Score(0.7312, 0.4123, 0.5, CONTRIBUTIONS), None, regions, measurement.notes, SIGNATURE)
    measured = {frame.sop_instance_uid for frame in measurement.volume.frames}
    for path in (br06 / "dce").glob("*.dcm"):
        if dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID in measured:
            shutil.copyfile(path, tmp_path / path.name)
    for role, instance in build_results(result, dcmread(seg_path), measurement).items():
        dcmwrite(tmp_path / f"{role.value}.dcm", instance, enforce_file_format=True)
    command = [*desk, str(tmp_path), "--expect", "Radiomics score|0.731"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
