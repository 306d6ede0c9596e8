"""What goes to an archive that takes no SR or SEG: valid, always the same, readable, and the best that it takes."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)
from pynetdicom import AE, evt

from deploy.operations.delivery_status import read_deliveries
from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.outboxes import delivering, entry_of, state_of
from support.recorder import recorder
from support.records import AT, facts_of, job_record, result_record
from support.result_cases import FEATURE_NAMES, make_case
from workers.delivery.deliver import deliver
from workers.delivery.outbox import write_delivery
from workers.delivery.record import StoreResponse, queued
from workers.fallbacks.alternatives import alternatives
from workers.fallbacks.documents import _identity, as_encapsulated_pdf, document_of
from workers.jobs.result_objects import build_results
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import Fallback, ResultRole
from workers.settings import WorkerSettings
from workers.targets.store_scu import send
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

PLAINER = (EncapsulatedPDFStorage, SecondaryCaptureImageStorage)
TO_READ = (ResultRole.SUMMARY_REPORT, ResultRole.SEGMENTATION, ResultRole.FEATURE_REPORT)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[ResultRole, Path]:
    """Return the files of a case, with few features."""
    folder = tmp_path_factory.mktemp("objects")
    case = make_case(features=FEATURE_NAMES[:30])
    paths = {}
    for role, instance in build_results(case.result, case.seg_header, case.measurement).items():
        paths[role] = folder / f"{role}.dcm"
        dcmwrite(paths[role], instance, enforce_file_format=True)
    return paths


def pdf_text(instance: Dataset, folder: Path) -> str:
    """Return the text that poppler finds in the document."""
    file = folder / "document.pdf"
    file.write_bytes(instance.EncapsulatedDocument)
    done = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("role", TO_READ)
@pytest.mark.parametrize("sop_class", PLAINER)
def test_a_plainer_object_is_valid_and_always_the_same(
    results: dict[ResultRole, Path], role: ResultRole, sop_class: UID, tmp_path: Path
) -> None:
    """Dciodvfy finds no error; made again it is the same; same patient and study, own series and UID, same evidence."""
    made, again = alternatives(results[role])[sop_class](), alternatives(results[role])[sop_class]()
    assert made == again
    original = dcmread(results[role])
    assert (made.PatientID, made.StudyInstanceUID) == (original.PatientID, original.StudyInstanceUID)
    assert made.SOPInstanceUID != original.SOPInstanceUID
    assert made.SeriesInstanceUID != original.SeriesInstanceUID
    references = made.get("SourceInstanceSequence") or made.get("SourceImageSequence")
    referred = {item.ReferencedSOPInstanceUID for item in references}
    known = {str(element.value) for element in original.iterall() if element.keyword == "ReferencedSOPInstanceUID"}
    assert referred
    assert referred <= known
    file = tmp_path / "made.dcm"
    dcmwrite(file, made, enforce_file_format=True)
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dicom3tools")
    done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
    assert "Error" not in done.stderr, done.stderr


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_the_document_says_what_it_stands_in_for_and_what_the_original_says(
    results: dict[ResultRole, Path], tmp_path: Path
) -> None:
    """Verdict, threshold, notice and what is replaced can be read, with patient and study."""
    original = dcmread(results[ResultRole.SUMMARY_REPORT])
    made = alternatives(results[ResultRole.SUMMARY_REPORT])[EncapsulatedPDFStorage]()
    text = pdf_text(made, tmp_path)
    for words in (
        "Radiomics 0.731 HOT",
        "did not take the Comprehensive 3D SR",
        original.SOPInstanceUID,
        "Threshold for hot: 0.412",
        "Volume:",
        "RESEARCH - simulated training data - not for clinical use",
        "Patient ID: P1",
        "page 1 of 2",
    ):
        assert words in text
    assert made.BurnedInAnnotation == "YES"
    segmentation = alternatives(results[ResultRole.SEGMENTATION])[EncapsulatedPDFStorage]()
    assert "did not take the Segmentation" in pdf_text(segmentation, tmp_path)
    assert "voxels themselves are not in here" in pdf_text(segmentation, tmp_path)


def test_dates_are_shown_as_people_read_them() -> None:
    """They were those of the header, 19700101; what is no date stays as it is."""
    result = Dataset()
    result.PatientName, result.PatientID, result.PatientBirthDate = "Doe^Jane", "20240301", "19700101"
    result.StudyDate, result.StudyDescription = "20240301", "MR"
    lines = [line.text for line in _identity(result)]
    assert lines == ["Patient: Doe Jane", "Patient ID: 20240301, 1970-01-01", "Study: 2024-03-01, MR"]


def test_the_document_of_a_report_shows_the_key_image(results: dict[ResultRole, Path]) -> None:
    """Report and segmentation show the slice; a picture has the free text of headers in its pixels, and says so."""
    for role in (ResultRole.SUMMARY_REPORT, ResultRole.SEGMENTATION):
        picture = document_of(dcmread(results[role]), results[role]).picture
        assert picture is not None
        assert (picture == dcmread(results[ResultRole.KEY_IMAGE]).pixel_array).all()
    page = alternatives(results[ResultRole.SUMMARY_REPORT])[SecondaryCaptureImageStorage]()
    assert page.BurnedInAnnotation == "YES"


@pytest.mark.parametrize("sop_class", PLAINER)
def test_another_key_image_makes_another_document(
    results: dict[ResultRole, Path], sop_class: UID, tmp_path: Path
) -> None:
    """A document that shows the key image has another UID where the key image has; other documents keep theirs."""
    paths = {role: Path(shutil.copy(path, tmp_path)) for role, path in results.items()}
    image = dcmread(paths[ResultRole.KEY_IMAGE])
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.PixelData = bytes(len(image.PixelData))
    dcmwrite(paths[ResultRole.KEY_IMAGE], image, enforce_file_format=True)
    for role in TO_READ:
        before, after = (alternatives(folder[role])[sop_class]() for folder in (results, paths))
        assert (before.SOPInstanceUID == after.SOPInstanceUID) == (before == after)
        assert (before == after) == (role is ResultRole.FEATURE_REPORT)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
@pytest.mark.parametrize("name", ["山田^太郎", "김^철수", "やまだ^たろう", "Müller^Änne"])
def test_names_of_any_script_are_written(results: dict[ResultRole, Path], name: str, tmp_path: Path) -> None:
    """A name is never lost: its letters are in the document, in a font that has them and is embedded."""
    report = dcmread(results[ResultRole.SUMMARY_REPORT])
    report.PatientName = name
    document = as_encapsulated_pdf(report, results[ResultRole.SUMMARY_REPORT])
    assert set(name) - {"^"} <= set(pdf_text(document, tmp_path))
    fonts = set(re.findall(rb"/BaseFont /[A-Z]+\+([A-Za-z0-9-]+)", document.EncapsulatedDocument))
    assert (b"DroidSansFallback" in fonts) is (name[0] != "M")
    assert len(fonts) == document.EncapsulatedDocument.count(b"/FontFile2 ")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_every_feature_is_in_the_document(results: dict[ResultRole, Path], tmp_path: Path) -> None:
    """Each number of the feature report is there as it was written."""
    original = dcmread(results[ResultRole.FEATURE_REPORT])
    text = pdf_text(alternatives(results[ResultRole.FEATURE_REPORT])[EncapsulatedPDFStorage](), tmp_path)
    numbers = [str(element.value) for element in original.iterall() if element.keyword == "NumericValue"]
    assert len(numbers) > 30
    assert [number for number in numbers if number not in text] == []


def test_a_picture_that_does_not_hold_everything_says_so(results: dict[ResultRole, Path]) -> None:
    """The page is no empty sheet, and another text gives another picture."""
    pages = [alternatives(results[role])[SecondaryCaptureImageStorage]() for role in TO_READ]
    pixels = [np.frombuffer(page.PixelData, np.uint8) for page in pages]
    assert all((one < 128).mean() > 0.005 for one in pixels)
    assert len({page.PixelData for page in pages}) == len(TO_READ)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ((Comprehensive3DSRStorage, ComprehensiveSRStorage), Comprehensive3DSRStorage),
        ((EnhancedSRStorage, ComprehensiveSRStorage, EncapsulatedPDFStorage), ComprehensiveSRStorage),
        ((EnhancedSRStorage, EncapsulatedPDFStorage), EnhancedSRStorage),
        ((SecondaryCaptureImageStorage, EncapsulatedPDFStorage), EncapsulatedPDFStorage),
        ((SecondaryCaptureImageStorage,), SecondaryCaptureImageStorage),
        ((SegmentationStorage,), None),
    ],
)
def test_a_target_gets_the_best_that_it_takes(
    results: dict[ResultRole, Path], accepted: tuple[UID, ...], expected: UID | None
) -> None:
    """Comprehensive 3D, Comprehensive, Enhanced SR, PDF, Secondary Capture; else a refusal with its reason."""
    came: list[str] = []

    def take(event: evt.Event) -> int:
        came.append(event.dataset.SOPClassUID)
        return 0x0000

    entity = AE("PACS")
    for sop_class in accepted:
        entity.add_supported_context(sop_class, ExplicitVRLittleEndian)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
    roles = (ResultRole.SUMMARY_REPORT, ResultRole.SEGMENTATION)
    try:
        target = Target("pacs", "PACS", "127.0.0.1", server.server_address[1], timeout_seconds=30)
        sent = list(send(target, "RADTME", {role: alternatives(results[role]) for role in roles}))
    finally:
        server.shutdown()
    report = sent[0]
    assert (report.answer is StoreResult.TAKEN) is (expected is not None)
    if expected is not None:
        assert report.instance.sop_class_uid == came[0] == expected


@pytest.mark.parametrize(
    ("fallback", "role", "expected"),
    [
        ("report", ResultRole.SUMMARY_REPORT, [Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage]),
        ("report", ResultRole.SEGMENTATION, [SegmentationStorage]),
        ("none", ResultRole.SUMMARY_REPORT, [Comprehensive3DSRStorage]),
        ("none", ResultRole.SEGMENTATION, [SegmentationStorage]),
    ],
)
def test_a_target_can_forbid_plainer_objects(
    results: dict[ResultRole, Path], fallback: str, role: ResultRole, expected: list[UID]
) -> None:
    """Never a PDF or Secondary Capture instead of a report, or nothing but what was made."""
    assert list(alternatives(results[role], Fallback(fallback))) == expected


def test_a_result_that_may_go_in_no_form_is_refused_and_told(tmp_path: Path) -> None:
    """A PACS that takes Secondary Capture alone gets no page instead of a report when its setting forbids it."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    job = delivering(spool, "pacs", roles=("summary_report",))
    written = job.folder / "objects" / "summary_report.dcm"
    report = dcmread(written)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = Comprehensive3DSRStorage
    report.save_as(written)
    with recorder(SecondaryCaptureImageStorage) as pacs:
        target = Target("pacs", pacs.ae_title, "127.0.0.1", pacs.port, timeout_seconds=30, fallback=Fallback.REPORT)
        deliver(spool, job.id, target, WorkerSettings(spool.root, tmp_path))
    assert not pacs.digests
    assert state_of(spool, job) is JobState.FAILED
    assert "accepts none of the SOP classes" in str(entry_of(spool, job).last_error)


def test_status_shows_what_went_in_another_form(tmp_path: Path) -> None:
    """The case's record has the SOP class that a target took, and `radtme status` names what differs."""
    spool = Spool(tmp_path)
    spool.prepare()
    job = spool.create_job(job_record("0123456789abcdef-v1"), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert job is not None
    made = InstanceReference("1.2.3", "1.2.3.4", Comprehensive3DSRStorage, "1.2.3.4.5")
    result = result_record(job.id, references={ResultRole.SUMMARY_REPORT: made, ResultRole.KEY_IMAGE: made})
    plainer = replace(made, sop_class_uid=EncapsulatedPDFStorage)
    record = replace(
        queued("pacs", ResultRole, AT),
        state=DeliveryState.DELIVERED,
        next_try=None,
        taken={
            ResultRole.SUMMARY_REPORT: StoreResponse.on(plainer, "0x0000"),
            ResultRole.KEY_IMAGE: StoreResponse.on(made, "0x0000"),
        },
    )
    write_delivery(spool.ledger, job.id, record)
    (status,) = read_deliveries(spool, job, result)
    assert status.plainer == ("summary_report as Encapsulated PDF Storage",)
