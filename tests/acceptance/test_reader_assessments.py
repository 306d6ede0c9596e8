"""Readers assess results in the PACS, which sends their documents to radtme: status, metrics and export show them."""

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.simulation.phantom import write_phantom
from support.installation import Installation, send
from support.pacs import routing_orthanc
from support.processes import free_port, wait_until
from support.reader_documents import assessment_report, rejection_note, verified_copy

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)"),
]

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (3.2, 1.6, 1.6), "tumour_diameter_mm": 24.0}


def test_a_reader_rejects_accepts_and_modifies_a_result(tmp_path: Path) -> None:
    """A rejection note, then verified copies of the report: each is kept and counted, and names no reader."""
    port = free_port()
    with routing_orthanc(tmp_path / "pacs", port, ("KO", "SR")) as pacs:
        target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        listener = {"assessments": {"accepted": ["AIRA-ACCEPT^99PACS"]}}
        with Installation(tmp_path / "radtme", [target], listener, dicom_port=port) as installed:
            installed.start()
            phantom = write_phantom(tmp_path / "study", 5, **SMALL)
            send(port, tmp_path / "study")
            (job,) = installed.wait_for_jobs(1, 180)
            results = [dcmread(path) for path in sorted((job.folder / "objects").glob("*.dcm"))]
            report = dcmread(job.folder / "objects" / "summary_report.dcm")

            for path, shown in (
                (rejection_note(results, tmp_path / "rejected.dcm"), "1 rejected"),
                (verified_copy(report, tmp_path / "accepted.dcm"), "1 accepted, 1 rejected"),
                (verified_copy(report, tmp_path / "modified.dcm", "COLD after all."), "1 modified, 1 rejected"),
            ):
                send(pacs.dicom_port, path, ae_title=pacs.ae_title)
                wait_until(lambda words=shown: f"readers: {words}" in installed.radtme("status"), 60, shown)

            said = installed.radtme("status", phantom.study_uid)
            assert "rejected, " in said
            assert "113001^DCM: " in said
            assert "VERIFIED: summary report" in said
            metrics = installed.get("work", "/metrics")
            signature = "{id} {version}".format(**installed.result(job)["signature"])
            for assessment, count in (("accepted", 0), ("modified", 1), ("rejected", 1)):
                labels = f'assessment="{assessment}",calling_ae_title="ORTHANC",signature="{signature}"'
                assert f"radtme_assessed_results{{{labels}}} {count}.0" in metrics
            # IHE's AIRA: a known code counts by reader, another one is logged.
            accepted = assessment_report(report, tmp_path / "aira.dcm", "AIRA-ACCEPT", "Curie^Marie")
            unknown = assessment_report(report, tmp_path / "other.dcm", "OTHER", "Curie^Marie")
            for path in (unknown, accepted):
                send(pacs.dicom_port, path, ae_title=pacs.ae_title)
            wait_until(lambda: "1 accepted, 1 modified, 1 rejected" in installed.radtme("status"), 60, "accepted")
            assert "assessment_not_understood" in installed.log("listen")
            assert "OTHER^99PACS" in installed.log("listen")
            names = ("Meitner", "Curie")
            said += metrics + installed.log("listen") + installed.log("work")
            assert not [name for name in names if name in said]
            assert len(installed.jobs()) == 1

            installed.radtme("export", str(tmp_path / "cases.csv"))
            (row,) = csv.DictReader(io.StringIO((tmp_path / "cases.csv").read_text()))
            assert (row["readers_accepted"], row["readers_modified"], row["readers_rejected"]) == ("1", "1", "1")
            assert float(row["score"]) == pytest.approx(installed.result(job)["score"]["hot_probability"], abs=0)
            assert phantom.study_uid not in (tmp_path / "cases.csv").read_text()
            assert phantom.study_uid in installed.radtme("export", "--identifiers")


@pytest.mark.skipif(shutil.which("dcmsend") is None, reason="needs dcmtk")
def test_documents_are_refused_without_the_setting(tmp_path: Path) -> None:
    """A PACS that sends whole studies does not fill the spool with other people's reports."""
    with Installation(tmp_path / "radtme") as installed:
        installed.start("redis", "listen")
        named = write_phantom(tmp_path / "study", 5, **SMALL)
        image = dcmread(next((tmp_path / "study").rglob("*.dcm")))
        note = rejection_note([image], tmp_path / "note.dcm")
        command = ["dcmsend", "-aec", "RADTME", "127.0.0.1", str(installed.dicom_port), str(note)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "No Acceptable Presentation Contexts" in done.stderr
        assert not (installed.spool.studies / named.study_uid).exists()
