"""Which phase is measured, by how an outline names its images."""

from pathlib import Path

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
