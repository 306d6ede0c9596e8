"""RT structure sets: a ball with a known volume on real-shaped images, holes, and what cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from deploy.simulation.phantom import Phantom, write_phantom
from model_store.signatures.profile import HAN2024
from support.enhanced_images import write_legacy_converted
from support.structure_sets import Contours, write_structure_set
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case

SMALL = {"slices": 48, "rows": 96, "columns": 96, "spacing_mm": (1.6, 1.6, 1.6), "tumour_diameter_mm": 24.0}
RADIUS_MM = 12.0


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a phantom of three phases in one series."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 7, **SMALL)


def circles(images: tuple[Path, ...], centre: NDArray[np.float64], radius_mm: float) -> Contours:
    """Return a ball as circles on the sagittal slices that cut it."""
    found = {}
    for index, path in enumerate(images):
        x = float(dcmread(path, specific_tags=["ImagePositionPatient"]).ImagePositionPatient[0])
        left = radius_mm**2 - (x - centre[0]) ** 2
        if left > 0:
            angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
            ring = np.sqrt(left) * np.column_stack([np.zeros(180), np.cos(angles), np.sin(angles)])
            found[index] = [centre + ring + [x - centre[0], 0, 0]]
    return found


def centre_of(phantom: Phantom) -> NDArray[np.float64]:
    """Return the tumour's centre in patient coordinates."""
    header = dcmread(phantom.image_paths[1][0], stop_before_pixels=True)
    z, y, x = np.argwhere(phantom.images.tumour).mean(axis=0) * SMALL["spacing_mm"]
    return np.array(header.ImagePositionPatient, dtype=float) + np.array([-z, x, -y])


def tumour_ml(phantom: Phantom, path: Path, phases: tuple[int, ...] = (0, 1, 2)) -> tuple[float, int]:
    """Return the tumour's volume as the worker measures it, and the number of the phase."""
    images = [image for phase in phases for image in phantom.image_paths[phase]]
    volume, roi, _ = read_case(images, path, HAN2024)
    return float(np.count_nonzero(roi.tumour) * np.prod(volume.spacing_mm)) / 1000, volume.phase.index


@pytest.mark.parametrize("names_images", [True, False])
def test_a_ball_has_its_volume(phantom: Phantom, tmp_path: Path, names_images: bool) -> None:
    """4/3 pi r^3 within 2 in a hundred, on the phase whose images the contours name, or the only one."""
    ball = circles(phantom.image_paths[1], centre_of(phantom), RADIUS_MM)
    path = write_structure_set(
        tmp_path / "rs.dcm", phantom.image_paths[1], {"GTV breast": ball}, names_images=names_images
    )
    found, phase = tumour_ml(phantom, path, (0, 1, 2) if names_images else (1,))
    assert found == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.02)
    assert phase == (2 if names_images else 1)


def test_a_contour_inside_another_is_a_hole(phantom: Phantom, tmp_path: Path) -> None:
    """A ball without its core: what a clip or a biopsy cavity leaves."""
    outer = circles(phantom.image_paths[1], centre_of(phantom), RADIUS_MM)
    inner = circles(phantom.image_paths[1], centre_of(phantom), RADIUS_MM / 2)
    hollow = {index: [*contours, *inner.get(index, ())] for index, contours in outer.items()}
    path = write_structure_set(tmp_path / "rs.dcm", phantom.image_paths[1], {"Tumor": hollow})
    expected = 4 / 3 * np.pi * (RADIUS_MM**3 - (RADIUS_MM / 2) ** 3) / 1000
    assert tumour_ml(phantom, path)[0] == pytest.approx(expected, rel=0.03)


def test_the_interpreted_type_tells_the_tumour_among_organs(phantom: Phantom, tmp_path: Path) -> None:
    """GTV is the tumour, whatever its name; an organ beside it is not."""
    tumour = circles(phantom.image_paths[1], centre_of(phantom), RADIUS_MM)
    breast = circles(phantom.image_paths[1], centre_of(phantom), 2 * RADIUS_MM)
    regions = {"Breast_L": breast, "Structure 2": tumour}
    path = write_structure_set(
        tmp_path / "rs.dcm", phantom.image_paths[1], regions, interpreted={"Structure 2": "GTV", "Breast_L": "ORGAN"}
    )
    assert tumour_ml(phantom, path)[0] == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3 / 1000, rel=0.02)


@pytest.fixture(scope="module")
def converted(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the phantom as one object of all three phases."""
    images = [image for phase in phantom.image_paths for image in phase]
    return write_legacy_converted(tmp_path_factory.mktemp("converted") / "enhanced.dcm", images)


@pytest.mark.parametrize("phase", [2, 3])
def test_a_frame_number_says_which_phase_the_contours_were_drawn_on(
    phantom: Phantom, converted: Path, tmp_path: Path, phase: int
) -> None:
    """PS3.3 section 10.3: Referenced Frame Number; frames of every phase lie in one object."""
    images = phantom.image_paths[0]
    ball = circles(images, centre_of(phantom), RADIUS_MM)
    first = (phase - 1) * len(images) + 1
    path = write_structure_set(tmp_path / "rs.dcm", images, {"Tumor": ball}, converted=converted, first_frame=first)
    volume, roi, _ = read_case([converted], path, HAN2024)
    found = np.count_nonzero(roi.tumour) * np.prod(volume.spacing_mm)
    assert found == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.02)
    assert volume.phase.index == phase
    assert "rule" not in " ".join(volume.notes)


def test_frames_that_an_object_does_not_have_are_missing(phantom: Phantom, converted: Path, tmp_path: Path) -> None:
    """Of 144 frames the last named one is number 190: nothing says which phase was meant."""
    images = phantom.image_paths[0]
    ball = circles(images, centre_of(phantom), RADIUS_MM)
    path = write_structure_set(tmp_path / "rs.dcm", images, {"Tumor": ball}, converted=converted, first_frame=145)
    with pytest.raises(RejectedInput, match=r"frame 1[4-9][0-9] of.*which has 144") as refused:
        read_case([converted], path, HAN2024)
    assert refused.value.reason is Reason.MISSING_INSTANCES


def test_other_tissue_on_the_slices_beside_the_tumour_is_known(phantom: Phantom, tmp_path: Path) -> None:
    """The ring reaches 2 mm beyond the last slice of the tumour: a vessel that runs there does not belong in it."""
    images, centre = phantom.image_paths[1], centre_of(phantom)
    tumour = circles(images, centre, RADIUS_MM)
    last = max(tumour)
    places = [dcmread(image, specific_tags=["ImagePositionPatient"]).ImagePositionPatient[0] for image in images]
    beside = {at: [tumour[last][0] + [float(places[at] - places[last]), 0, 0]] for at in (last + 1, last + 2)}
    path = write_structure_set(tmp_path / "rs.dcm", images, {"Tumor": tumour, "Vessel": beside})
    _, roi, _ = read_case([image for phase in phantom.image_paths for image in phase], path, HAN2024)
    assert roi.other_tissue is not None
    assert set(np.nonzero(roi.other_tissue)[0]) == {last + 1, last + 2}


def refusal(phantom: Phantom, path: Path) -> RejectedInput:
    """Return why a structure set is not measured."""
    with pytest.raises(RejectedInput) as refused:
        tumour_ml(phantom, path)
    assert "PHANTOM" not in str(refused.value)
    return refused.value


def test_what_cannot_be_measured_is_refused_with_what_was_found(phantom: Phantom, tmp_path: Path) -> None:
    """Points instead of closed contours, contours between the slices, and no region at all."""
    images = phantom.image_paths[1]
    ball = circles(images, centre_of(phantom), RADIUS_MM)
    found = refusal(phantom, write_structure_set(tmp_path / "a.dcm", images, {"Tumor": ball}, geometry="POINT"))
    assert (found.reason, "no closed planar contour" in str(found)) == (Reason.UNSUPPORTED_SEGMENTATION, True)
    between = {index: [points + np.array([0.8, 0, 0]) for points in contours] for index, contours in ball.items()}
    found = refusal(phantom, write_structure_set(tmp_path / "b.dcm", images, {"Tumor": between}))
    assert (found.reason, "off the slices" in str(found)) == (Reason.UNSUPPORTED_SEGMENTATION, True)
    assert refusal(phantom, write_structure_set(tmp_path / "c.dcm", images, {})).reason is Reason.NO_TUMOUR_SEGMENT


def test_contours_on_images_that_came_converted_lie_on_their_frames(
    phantom: Phantom, converted: Path, tmp_path: Path
) -> None:
    """The structure set names classic images, and the object that was made of them is what came."""
    images = phantom.image_paths[1]
    path = write_structure_set(tmp_path / "rs.dcm", images, {"Tumor": circles(images, centre_of(phantom), RADIUS_MM)})
    volume, roi, _ = read_case([*images], path, HAN2024)
    found, again, _ = read_case([converted], path, HAN2024)
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_array_equal(again.tumour, roi.tumour)
