"""Control regions: what is left of a tumour when its texture is gone, and what other tissue looks like."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from deploy.cohort.control_regions import CLEARANCE_MM, control_features, elsewhere, shuffled_voxels
from deploy.cohort.measure import pixel_digest
from deploy.simulation.phantom import Phantom, write_phantom
from model_store.cohort.control_tables import ControlRegion
from model_store.signatures.profile import HAN2024
from support.broken_studies import SMALL
from workers.features.case_input import read_case
from workers.features.measurement import Measurement, measure_roi
from workers.images.volume import Volume
from workers.outline.region_of_interest import RegionOfInterest


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small study."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


@pytest.fixture(scope="module")
def case(phantom: Phantom) -> tuple[Volume, RegionOfInterest, Measurement]:
    """Return its volume and outline, and what the service measures."""
    volume, roi, segment = read_case(phantom.image_paths[1], phantom.seg_path, HAN2024)
    return volume, roi, measure_roi(volume, roi, HAN2024, segment)


def test_shuffled_voxels_are_the_same_in_another_order(case: tuple[Volume, RegionOfInterest, Measurement]) -> None:
    """The histogram of tumour and outer ring stays, each for itself; nothing else of the volume changes."""
    volume, roi, measured = case
    shuffled = shuffled_voxels(volume, roi.tumour, measured.ring, np.random.default_rng(1)).array
    outer = measured.ring & ~roi.tumour
    for region in (roi.tumour, outer):
        assert np.array_equal(np.sort(shuffled[region]), np.sort(volume.array[region]))
        assert (shuffled[region] != volume.array[region]).mean() > 0.5
    rest = ~(roi.tumour | outer)
    assert np.array_equal(shuffled[rest], volume.array[rest])


def test_the_other_place_has_the_same_shape_in_the_body_away_from_the_tumour(
    case: tuple[Volume, RegionOfInterest, Measurement],
) -> None:
    """Every voxel moved by the same step; the place is not air, and the clearance from the tumour is kept."""
    volume, roi, _ = case
    moved = elsewhere(volume, roi, HAN2024)
    assert moved is not None
    steps = np.argwhere(moved) - np.argwhere(roi.tumour)
    assert (steps == steps[0]).all()
    distance = ndimage.distance_transform_edt(~roi.tumour, volume.grid.spacing_zyx)
    assert distance[moved].min() > CLEARANCE_MM - 3.0  # half a coarse voxel on either side
    # Air is the darkest peak of a phantom's histogram, and tissue lies well above the middle of both.
    background = np.median(volume.array[:, :5, :5])
    assert np.percentile(volume.array[moved], 1) > background


def test_controls_have_the_columns_of_the_case(case: tuple[Volume, RegionOfInterest, Measurement]) -> None:
    """Shape is that of the tumour, texture is not; the same seed gives the same numbers."""
    volume, roi, measured = case
    found = control_features(volume, roi, measured.ring, HAN2024, 7)
    own = {f"{one.region}_{name}": value for one in measured.regions for name, value in one.features.items()}
    shuffled = found[ControlRegion.SHUFFLED_VOXELS]
    assert isinstance(shuffled, dict)
    assert set(shuffled) == set(own)
    assert shuffled["tumour_original_shape_MeshVolume"] == own["tumour_original_shape_MeshVolume"]
    # Shuffling destroys the likeness of neighbours, and correlation says how like neighbours are.
    assert shuffled["tumour_original_glcm_Correlation"] < own["tumour_original_glcm_Correlation"] / 2
    other = found[ControlRegion.ELSEWHERE]
    assert isinstance(other, dict)
    assert other["tumour_original_firstorder_Mean"] != own["tumour_original_firstorder_Mean"]
    assert control_features(volume, roi, measured.ring, HAN2024, 7) == found


def test_no_place_is_said_so(case: tuple[Volume, RegionOfInterest, Measurement]) -> None:
    """An outline of nearly the whole breast has no second place in it."""
    volume, roi, _ = case
    whole = np.zeros_like(roi.tumour)
    whole[2:-2, 5:-5, 5:-5] = True
    assert elsewhere(volume, RegionOfInterest(whole, None), HAN2024) is None


def test_pixel_digest_is_of_the_pixels(case: tuple[Volume, RegionOfInterest, Measurement]) -> None:
    """Another patient's name changes nothing, one grey value does."""
    volume, _, _ = case
    assert pixel_digest(replace(volume, headers=(), notes=("other",))) == pixel_digest(volume)
    changed = volume.array.copy()
    changed[3, 4, 5] += 1
    assert pixel_digest(replace(volume, array=changed)) != pixel_digest(volume)
