"""Outlines that other programs write: dcm2niix and dcmqi (ITK-SNAP's way and MITK's), and highdicom."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom import dcmread
from pydicom.sr.codedict import codes

from deploy.cli import radtme
from deploy.simulation.phantom import Phantom, write_phantom
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from support.enhanced_images import TYPE_2
from workers.features.case_input import read_case
from workers.jobs.case import CaseInputs, examine
from workers.stages import StageSeconds

pytestmark = pytest.mark.acceptance

ODD = {"slices": 33, "rows": 75, "columns": 67, "spacing_mm": (2.0, 1.5, 1.5), "tumour_diameter_mm": 22.0}
"""A matrix whose frames are no whole number of bytes."""
SIGNATURE = load_bundle(shipped_bundle())
PROFILE = SIGNATURE.profile
NEOPLASM = {"CodeValue": "108369006", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Neoplasm"}
CATEGORY = {
    "CodeValue": "49755003",
    "CodingSchemeDesignator": "SCT",
    "CodeMeaning": "Morphologically Abnormal Structure",
}


@pytest.fixture(scope="module", params=[True, False], ids=["a series a phase", "one series"])
def phantom(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a phantom of three phases; its outline was drawn on the second."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 7, separate_series=request.param, **ODD)


def all_images(phantom: Phantom) -> list[Path]:
    """Return the images of all phases."""
    return [image for phase in phantom.image_paths for image in phase]


def check(phantom: Phantom, outline: Path, images: list[Path], *, by_rule: bool) -> None:
    """See that the outline is the phantom's tumour, voxel by voxel, on the second phase."""
    expected_volume, expected, _ = read_case(all_images(phantom), phantom.seg_path, PROFILE)
    volume, roi, _ = read_case(images, outline, PROFILE)
    assert volume.frames == expected_volume.frames
    assert np.array_equal(roi.tumour, expected.tumour)
    assert any("phase rule" in note.text for note in volume.notes) is by_rule


@dataclass(frozen=True)
class Masks:
    """The tumour as mask files."""

    native: Path
    """On the slices of the DICOM images, as ITK-SNAP saves it that has opened these."""
    turned: Path
    """On the image that dcm2niix makes of them, which turns sagittal slices into axial ones."""


@pytest.fixture(scope="module")
def masks(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Masks:
    """Return the tumour as masks on the second phase."""
    folder = tmp_path_factory.mktemp("nifti")
    (folder / "dicom").mkdir()
    for image in phantom.image_paths[1]:
        (folder / "dicom" / image.name).symlink_to(image)
    run("dcm2niix", "-o", str(folder), "-f", "phase2", "-z", "y", str(folder / "dicom"))
    image = sitk.ReadImage(str(folder / "phase2.nii.gz"))
    volume, roi, _ = read_case(all_images(phantom), phantom.seg_path, PROFILE)
    truth = sitk.GetImageFromArray(roi.tumour.astype(np.uint8))
    truth.SetOrigin(volume.origin_mm)
    truth.SetSpacing(volume.spacing_mm)
    truth.SetDirection(volume.direction.ravel().tolist())
    found = Masks(folder / "native.nii.gz", folder / "turned.nii.gz")
    sitk.WriteImage(truth, str(found.native))
    sitk.WriteImage(sitk.Resample(truth, image, sitk.Transform(), sitk.sitkNearestNeighbor), str(found.turned))
    return found


def run(program: str, *words: str) -> None:
    """Run a program of the environment that the tests run in."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def dcmqi(folder: Path, mask: Path, images: list[Path], kind: str = "binary") -> Path:
    """Write the mask as a SEG with dcmqi's itkimage2segimage, which ITK-SNAP's users and MITK call."""
    segment = {
        "labelID": 1,
        "SegmentLabel": "Tumor",
        "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": CATEGORY,
        "SegmentedPropertyTypeCodeSequence": NEOPLASM,
    }
    words = {"ContentCreatorName": "Reader", "SeriesDescription": "Segmentation", "SeriesNumber": "300"}
    words |= {"InstanceNumber": "1", "ContentLabel": "TUMOR", "ContentDescription": "Tumor"}
    metadata = folder / "metadata.json"
    metadata.write_text(json.dumps({**words, "segmentAttributes": [[segment]]}))
    outline = folder / "seg.dcm"
    files = ["--inputDICOMList", ",".join(map(str, images)), "--inputImageList", str(mask)]
    run(
        "itkimage2segimage",
        *files,
        "--inputMetadata",
        str(metadata),
        "--outputDICOM",
        str(outline),
        "--segmentationType",
        kind,
    )
    return outline


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_dcmqi_on_the_images_of_one_phase(phantom: Phantom, masks: Masks, tmp_path: Path, kind: str) -> None:
    """The frames name the images of the phase that was drawn on: that phase, each voxel."""
    outline = dcmqi(tmp_path, masks.native, list(phantom.image_paths[1]), kind)
    check(phantom, outline, all_images(phantom), by_rule=False)


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_dcmqi_on_what_dcm2niix_turned(phantom: Phantom, masks: Masks, tmp_path: Path, kind: str) -> None:
    """Axial frames on sagittal images name none of them: placed by geometry, on the phase of the signature's rule."""
    outline = dcmqi(tmp_path, masks.turned, list(phantom.image_paths[1]), kind)
    check(phantom, outline, all_images(phantom), by_rule=True)


def test_dcmqi_on_the_images_of_all_phases(phantom: Phantom, masks: Masks, tmp_path: Path) -> None:
    """Given the whole examination, each frame names an image of every phase: the signature's rule selects the phase."""
    outline = dcmqi(tmp_path, masks.native, all_images(phantom))
    check(phantom, outline, all_images(phantom), by_rule=True)


def test_what_dcmqi_wrote_is_scored_like_the_outline_it_was_made_of(
    phantom: Phantom, masks: Masks, tmp_path: Path
) -> None:
    """The whole way of a worker, from dcmqi's object on the phase to the same probability."""
    outline = dcmqi(tmp_path, masks.native, list(phantom.image_paths[1]))
    found = [
        examine(CaseInputs(path, tuple(all_images(phantom)), None), SIGNATURE, StageSeconds()).result
        for path in (phantom.seg_path, outline)
    ]
    assert [one.rejection for one in found] == [None, None]
    assert found[0].score is not None
    assert found[1].score is not None
    assert found[0].score.hot_probability == found[1].score.hot_probability


@pytest.mark.parametrize("mask", ["native", "turned"])
def test_our_own_command_on_the_same_masks(phantom: Phantom, masks: Masks, tmp_path: Path, mask: str) -> None:
    """`radtme outline` names the images of the phase in either orientation."""
    folder = str(phantom.image_paths[0][0].parent)
    words = ["outline", str(getattr(masks, mask)), folder, "--output", str(tmp_path / "seg.dcm")]
    made = CliRunner().invoke(radtme, words)
    assert made.exit_code == 0, made.output
    check(phantom, tmp_path / "seg.dcm", all_images(phantom), by_rule=False)


@pytest.mark.parametrize("kind", list(SegmentationTypeValues))
def test_highdicom_in_each_kind_of_segmentation(phantom: Phantom, tmp_path: Path, kind: SegmentationTypeValues) -> None:
    """BINARY, FRACTIONAL and LABELMAP of one mask are one outline."""
    images = [dcmread(path) for path in phantom.image_paths[1]]
    for image in images:
        for keyword in (*TYPE_2, "PatientBirthDate", "PatientSex"):
            setattr(image, keyword, image.get(keyword) or "")
    mask = phantom.images.tumour
    segment = SegmentDescription(
        1, "Tumor", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, SegmentAlgorithmTypeValues.MANUAL
    )
    outline = Segmentation(
        images,
        mask.astype(np.float32 if kind is SegmentationTypeValues.FRACTIONAL else np.uint8),
        kind,
        [segment],
        series_instance_uid=highdicom.UID(),
        series_number=300,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Writer",
        manufacturer_model_name="Writer",
        software_versions="1",
        device_serial_number="1",
    )
    outline.save_as(tmp_path / "seg.dcm")
    check(phantom, tmp_path / "seg.dcm", all_images(phantom), by_rule=False)
