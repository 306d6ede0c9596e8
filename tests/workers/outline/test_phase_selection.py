"""Which phase is measured, by how an outline names its images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from deploy.simulation.phantom import Phantom, write_phantom
from model_store.signatures.profile import HAN2024
from workers.features.case_input import read_case

SMALL = {"slices": 24, "rows": 64, "columns": 64, "spacing_mm": (2.0, 2.0, 2.0), "tumour_diameter_mm": 20.0}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a phantom of three phases in one series."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 7, **SMALL)


def sources(seg: Dataset) -> list[Dataset]:
    """Return the source images of all frames."""
    return [
        source
        for groups in seg.PerFrameFunctionalGroupsSequence
        for derivation in groups.DerivationImageSequence
        for source in derivation.SourceImageSequence
    ]


def test_a_frame_number_of_a_classic_image_says_nothing(phantom: Phantom, tmp_path: Path) -> None:
    """Some writers give 1 to images of one frame: the phase is the one that they name, here the third."""
    third = {
        str(dcmread(second, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): str(
            dcmread(later, specific_tags=["SOPInstanceUID"]).SOPInstanceUID
        )
        for second, later in zip(phantom.image_paths[1], phantom.image_paths[2], strict=True)
    }
    seg = dcmread(phantom.seg_path)
    for source in sources(seg):
        source.ReferencedSOPInstanceUID = third[source.ReferencedSOPInstanceUID]
        source.ReferencedFrameNumber = 1
    seg.save_as(tmp_path / "seg.dcm")
    images = [image for phase in phantom.image_paths for image in phase]
    volume, _, _ = read_case(images, tmp_path / "seg.dcm", HAN2024)
    assert volume.phase.index == 3
    assert "rule" not in " ".join(volume.notes)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, "with another image type or echo time"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "with another orientation"),
        ({"Rows": 32, "Columns": 32, "PixelSpacing": [4, 4], "PixelData": bytes(2 * 32 * 32)}, "with another matrix"),
        ({"ImagePositionPatient": [0.7, 0, 0]}, "with another position"),
        ({"ImagePositionPatient": None}, "without a position in space"),
    ],
    ids=["image type", "orientation", "matrix", "position", "none"],
)
def test_a_note_says_how_a_picture_that_was_set_aside_differs(
    phantom: Phantom, tmp_path: Path, attributes: dict[str, Any], words: str
) -> None:
    """A projection, scout or capture inside the series changes no voxel of the phase."""
    picture = dcmread(phantom.image_paths[1][12])
    picture.SOPInstanceUID = picture.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9"
    if place := attributes.get("ImagePositionPatient"):  # across the slices, which are sagittal
        attributes = {"ImagePositionPatient": np.add(picture.ImagePositionPatient, place).tolist()}
    for keyword, value in attributes.items():
        setattr(picture, keyword, value)
    picture.save_as(tmp_path / "picture.dcm")
    images = [image for phase in phantom.image_paths for image in phase]
    expected, _, _ = read_case(images, phantom.seg_path, HAN2024)
    volume, _, _ = read_case([*images, tmp_path / "picture.dcm"], phantom.seg_path, HAN2024)
    np.testing.assert_array_equal(volume.array, expected.array)
    assert volume.phase.index == 2
    [text] = [note.text for note in volume.notes if "set aside" in note.text]
    assert text.startswith(f"1 picture of the series {words}")
