"""`radtme probe` reports what a PACS accepts: Orthanc, storescp, and one with few SOP classes."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    Verification,
)

from deploy.cli import radtme
from support.pacs import PLUGIN, orthanc
from support.processes import free_port, running


@contextmanager
def restricted(*more: str) -> Iterator[int]:
    """Run a PACS that takes SEG in Implicit VR only, and reports as Comprehensive SR; yields its port."""
    entity = AE("PACS")
    entity.add_supported_context(Verification)
    entity.add_supported_context(SegmentationStorage, ImplicitVRLittleEndian)
    entity.add_supported_context(SecondaryCaptureImageStorage, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    for uid in (ComprehensiveSRStorage, *more):
        entity.add_supported_context(uid, ExplicitVRLittleEndian)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    yield server.server_address[1]
    server.shutdown()


def probed(folder: Path, port: int, **settings: object) -> Result:
    """Run the command on a target of a configuration."""
    target = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port, **settings}
    file = folder / "radtme.yaml"
    file.write_text(f"targets: [{target}]\n")
    return CliRunner().invoke(radtme, ["probe", "pacs", "--config", str(file)], env={"COLUMNS": "160"})


def rows(output: str) -> dict[str, list[str]]:
    """Return the lines of the tables by their first column."""
    cells = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]
    return {line[0]: line[1:] for line in cells}


def test_a_target_that_forbids_plainer_objects(tmp_path: Path) -> None:
    """A form that the configuration forbids is not proposed for a result."""
    with restricted() as port:
        told = probed(tmp_path, port, fallback="none", results=["summary_report", "segmentation"])
    assert told.exit_code != 0
    assert "summary_report is not taken as any of its SOP classes" in told.output
    assert rows(told.output)["segmentation"][0] == "Segmentation Storage"


def test_a_pacs_that_takes_little(tmp_path: Path) -> None:
    """Each result is sent in the first accepted class and transfer syntax; results that are not accepted are named."""
    with restricted() as port:
        told = probed(tmp_path, port)
    assert told.exit_code == 0, told.output
    said = rows(told.output)
    assert said["Segmentation Storage"] == ["Implicit VR Little Endian"]
    assert said["Secondary Capture Image Storage"] == ["Explicit VR Little Endian, Implicit VR Little Endian"]
    assert said["Comprehensive 3D SR Storage"] == said["Enhanced SR Storage"] == ["not accepted"]
    assert said["segmentation"] == ["Segmentation Storage", "Implicit VR Little Endian"]
    assert said["summary_report"] == ["Comprehensive SR Storage", "Explicit VR Little Endian"]
    assert "storage commitment: not accepted" in told.output


def test_what_cannot_be_delivered_is_an_error(tmp_path: Path) -> None:
    """A proof that needs commitment, and a result that is not taken, end with 1; what is not configured does not."""
    with restricted() as port:
        told = probed(tmp_path, port, proof="committed_and_seen")
        assert told.exit_code == 1
        assert "needs Storage Commitment, which is not accepted" in told.output
        assert "needs Study Root Query (C-FIND), which is not accepted" in told.output
    with restricted("1.2.840.10008.1.20.1") as port:
        told = probed(tmp_path, port, proof="committed")
        assert told.exit_code == 0, told.output
        assert "storage commitment: accepted" in told.output


def test_nobody_there(tmp_path: Path) -> None:
    """Exit code 3, as of every command that cannot reach its peer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert probed(tmp_path, taken.getsockname()[1]).exit_code == 3


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("storescp") is None, reason="needs dcmtk")
def test_storescp_with_a_profile_of_its_own(tmp_path: Path) -> None:
    """Dcmtk's storescp that takes nothing but SEG: results that it does not accept are named, if configured."""
    profile = tmp_path / "storescp.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianImplicit\n"
        "[[PresentationContexts]]\n[Storage]\n"
        "PresentationContext1 = VerificationSOPClass\\Plain\n"
        "PresentationContext2 = SegmentationStorage\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Storage\n"
    )
    port = free_port()
    with running(["storescp", "-xf", str(profile), "Default", str(port)], tmp_path / "log", port):
        told = probed(tmp_path, port)
        assert told.exit_code == 1, told.output
        assert rows(told.output)["segmentation"] == ["Segmentation Storage", "Implicit VR Little Endian"]
        assert "key_image is not taken as any of its SOP classes; feature_report is not taken" in told.output
        outlines = probed(tmp_path, port, results=["segmentation"])
        assert outlines.exit_code == 0, outlines.output
        assert rows(outlines.output)["summary_report"] == ["not configured for this target"]


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="needs orthanc and orthanc-dicomweb")
def test_orthanc_by_dimse_and_by_dicomweb(tmp_path: Path) -> None:
    """Orthanc accepts every object unchanged and answers C-FIND; over DICOMweb, only QIDO-RS can be checked."""
    modalities = {"radtme": ["RADTME", "127.0.0.1", 1]}
    with orthanc(tmp_path / "pacs", DicomModalities=modalities) as pacs:
        told = probed(tmp_path, pacs.dicom_port, ae_title=pacs.ae_title, proof="seen")
        assert told.exit_code == 0, told.output
        assert rows(told.output)["summary_report"] == ["Comprehensive 3D SR Storage", "Explicit VR Little Endian"]
        assert "Study Root Query (C-FIND): accepted" in told.output
        assert pacs.get("/patients", "application/json").strip() in (b"[]", b"[ ]"), "nothing was stored"
        file = tmp_path / "web.yaml"
        url = f"http://127.0.0.1:{pacs.http_port}/dicom-web"
        file.write_text(f"targets: [{{name: web, kind: dicomweb, url: '{url}'}}]\n")
        web = CliRunner().invoke(radtme, ["probe", "web", "--config", str(file)], env={"COLUMNS": "160"})
        assert web.exit_code == 0, web.output
        assert "ok, QIDO-RS" in web.output
        assert "STOW-RS has no negotiation" in web.output
