"""A cohort that lies in a PACS: a list of studies, fetched from a real Orthanc."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    MRImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
    StudyRootQueryRetrieveInformationModelFind,
)
from rich.console import Console

from deploy.cohort.extract import extract
from deploy.cohort.retrieve import retrieve_studies
from deploy.errors import CommandError
from deploy.simulation.phantom import write_phantom
from model_store.cohort.plan import ExtractPlan, PacsSource, RetrieveMethod
from support.broken_studies import SMALL
from support.pacs import PLUGIN, orthanc
from support.processes import free_port
from support.structure_sets import contours_of, write_structure_set

ABSENT = "1.2.826.0.1.3680043.8.498.1"
QUIET = Console(quiet=True)

pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="needs Orthanc (Debian: orthanc, orthanc-dicomweb)"
)


def send(port: int, files: list[Path]) -> None:
    """Store files in the PACS."""
    entity = AE("MODALITY")
    for sop_class in (MRImageStorage, SegmentationStorage, RTStructureSetStorage):
        entity.add_requested_context(sop_class)
    association = entity.associate("127.0.0.1", port, ae_title="ORTHANC")
    assert association.is_established
    assert [association.send_c_store(dcmread(file)).Status for file in files] == [0] * len(files)
    association.release()


def test_a_list_is_fetched_by_c_get_and_c_move_and_what_is_not_there_has_its_reason(tmp_path: Path) -> None:
    """The same numbers either way and as from the folder; absent studies are rows; a second run asks for nothing."""
    phantom = write_phantom(tmp_path / "dicom", 5, **SMALL)
    files = sorted((tmp_path / "dicom").rglob("*.dcm"))
    study = str(dcmread(phantom.seg_path, stop_before_pixels=True).StudyInstanceUID)
    queries = tmp_path / "list.csv"
    queries.write_text(f"study_uid\n{study}\n{ABSENT}\n")
    our_port = free_port()
    modalities = {"ours": ["RADTME", "127.0.0.1", our_port]}
    with orthanc(tmp_path / "orthanc", DicomModalities=modalities, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, files)
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port, listen_port=our_port)
        tables = {}
        for method in RetrieveMethod:
            plan = ExtractPlan(pacs=replace(source, method=method), jobs=1, controls=False)
            done = extract(plan, tmp_path / method.name, QUIET)
            tables[method] = done.tables.features
            came = list((tmp_path / method.name / "received" / study).glob("*.dcm"))
            assert len(came) == len(files)
            rows = done.tables.features.set_index("study_uid")
            assert rows["reason"].to_dict() == {study: "", ABSENT: "not_in_pacs"}
            assert rows.loc[ABSENT, "case"] == "list.csv:3"
            assert rows.loc[ABSENT].filter(regex="^(tumour|ring)_").isna().all()
            assert done.tables.reasons["reason"].tolist() == ["not_in_pacs"]
        before = {file: file.stat().st_mtime_ns for file in came}
        extract(plan, tmp_path / method.name, QUIET)
        assert {file: file.stat().st_mtime_ns for file in came} == before
    plan = ExtractPlan(folder=tmp_path / "dicom", jobs=1, controls=False)
    local = extract(plan, tmp_path / "local", QUIET).tables.features
    for table in tables.values():
        measured = table[table["reason"] == ""].reset_index(drop=True)
        pd.testing.assert_frame_equal(measured, local, check_exact=True)


def test_accession_number_that_the_pacs_does_not_know(tmp_path: Path) -> None:
    """Found by C-FIND; a number that matches nothing is a row that names its line, and not the number."""
    phantom = write_phantom(tmp_path / "dicom", 6, **SMALL)
    accession = str(dcmread(phantom.seg_path, stop_before_pixels=True).AccessionNumber)
    queries = tmp_path / "list.csv"
    queries.write_text(f"accession_number\n{accession}\nNOBODYS\n")
    with orthanc(tmp_path / "orthanc", DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, sorted((tmp_path / "dicom").rglob("*.dcm")))
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port)
        done = extract(ExtractPlan(pacs=source, jobs=1, controls=False), tmp_path / "out", QUIET)
    reasons = done.tables.features.set_index("case")["reason"].to_dict()
    assert reasons.pop("list.csv:3") == "not_in_pacs"
    assert list(reasons.values()) == [""]
    assert np.count_nonzero(done.tables.features["study_uid"] == "") == 1


@pytest.mark.parametrize("method", list(RetrieveMethod))
def test_an_rt_structure_set_is_fetched_as_an_outline(tmp_path: Path, method: RetrieveMethod) -> None:
    """Every class of outline that is measured is asked for, not the segmentations alone."""
    phantom = write_phantom(tmp_path / "dicom", 7, **{**SMALL, "phases": 1})
    images = list(phantom.image_paths[0])
    mask = np.zeros((SMALL["slices"], SMALL["rows"], SMALL["columns"]), bool)
    mask[8:16, 40:56, 40:56] = True
    phantom.seg_path.unlink()
    outline = write_structure_set(tmp_path / "dicom" / "rs.dcm", images, {"Tumor": contours_of(mask, images)})
    header = dcmread(outline)
    queries = tmp_path / "list.csv"
    queries.write_text(f"study_uid\n{header.StudyInstanceUID}\n")
    our_port = free_port()
    modalities = {"ours": ["RADTME", "127.0.0.1", our_port]}
    with orthanc(tmp_path / "orthanc", DicomModalities=modalities, DicomAlwaysAllowGet=True) as pacs:
        send(pacs.dicom_port, [*images, outline])
        source = PacsSource(queries, "ORTHANC", "127.0.0.1", pacs.dicom_port, listen_port=our_port, method=method)
        assert retrieve_studies(source, tmp_path / "out", QUIET) == []
    came = {path.stem for path in (tmp_path / "out" / header.StudyInstanceUID).glob("*.dcm")}
    assert len(came) == len(images) + 1
    assert header.SOPInstanceUID in came


@pytest.mark.parametrize("column", ["study_uid", "accession_number"])
def test_a_pacs_that_refuses_to_say_is_not_one_without_the_study(tmp_path: Path, column: str) -> None:
    """C-FIND that ends with a failure (0xA700): the reason names the failure, not a missing study."""
    queries = tmp_path / "list.csv"
    queries.write_text(f"{column}\n{ABSENT}\n")
    entity = AE("BUSY")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    handlers = [(evt.EVT_C_FIND, lambda event: iter([(0xA700, None)]))]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    said = io.StringIO()
    try:
        source = PacsSource(queries, "BUSY", "127.0.0.1", server.socket.getsockname()[1])
        with pytest.raises(CommandError):
            retrieve_studies(source, tmp_path / "out", Console(file=said, width=200))
    finally:
        server.shutdown()
    assert "was not answered with success" in said.getvalue()
