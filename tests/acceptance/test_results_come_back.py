"""A PACS that routes by modality sends our own segmentations back: they create no case."""

import shutil
import time
from pathlib import Path

import pytest

from deploy.simulation.phantom import write_phantom
from support.installation import Installation, send
from support.pacs import routing_orthanc
from support.processes import free_port, wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)"),
]

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (3.2, 1.6, 1.6), "tumour_diameter_mm": 24.0}
QUIET_SECONDS = 15.0
"""Before, a second case was scored within 4 s of the first result."""


def test_an_automatic_route_of_mr_and_seg_makes_no_case_of_a_result(tmp_path: Path) -> None:
    """One outline stays one case; its segmentation comes back, is kept, counted and shown."""
    port = free_port()
    with routing_orthanc(tmp_path / "pacs", port, ("MR", "SEG")) as pacs:
        target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        with Installation(tmp_path / "radtme", [target], dicom_port=port) as installed:
            installed.start()
            phantom = write_phantom(tmp_path / "study", 5, **SMALL)
            send(pacs.dicom_port, tmp_path / "study", ae_title=pacs.ae_title)
            installed.wait_for_jobs(1, 180)
            returned = 'radtme_outlines_set_aside_total{reason="own_result"} 1.0'
            wait_until(lambda: returned in installed.get("listen", "/metrics"), 60, "our segmentation coming back")
            time.sleep(QUIET_SECONDS)
            assert len(installed.jobs()) == 1, installed.radtme("status")
            assert returned in installed.get("listen", "/metrics")
            assert "radtme_study_cases_per_hour 1.0" in installed.get("listen", "/metrics")
            assert "no case (1 own result)" in installed.radtme("status")
            assert "a result of radtme" in installed.radtme("status", phantom.study_uid)
            installed.stop("listen")
            installed.start("listen")  # what it finds in the spool makes no case either
            time.sleep(QUIET_SECONDS / 3)
            assert len(installed.jobs()) == 1
