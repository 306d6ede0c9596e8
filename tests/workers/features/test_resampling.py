"""Preprocessing: z-scores and the 1 mm grid, against ITK on the whole volume."""

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from model_store.signatures.profile import HAN2024
from workers.features.resampling import intensities_of, resample, to_source

SPACING = (0.7, 0.9, 2.1)
RNG = np.random.default_rng(11)
ARRAY = RNG.integers(-50, 2000, (25, 60, 70)).astype(np.int16)


def as_image(array: NDArray[np.generic]) -> sitk.Image:
    """Wrap an array with the spacing of this module."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    return image


def resampled_whole(image: sitk.Image, interpolator: int) -> NDArray[np.float64]:
    """Resample a whole image to 1 mm with ITK, corner on corner."""
    size = [int(np.floor(count * step + 0.5)) for count, step in zip(image.GetSize(), SPACING, strict=True)]
    origin = [0.5 - step / 2 for step in SPACING]
    resampled = sitk.Resample(
        image, size, sitk.Transform(), interpolator, origin, (1.0, 1.0, 1.0), image.GetDirection(), 0.0
    )
    return np.asarray(sitk.GetArrayFromImage(resampled), dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float64])
def test_z_scores_are_those_of_itk(dtype: type) -> None:
    """Mean and standard deviation (n - 1) of the whole volume, whatever its type."""
    array = np.abs(ARRAY // 10).astype(dtype)
    statistics = sitk.StatisticsImageFilter()
    statistics.Execute(sitk.GetImageFromArray(array))
    found = intensities_of(array)
    assert found.mean == pytest.approx(statistics.GetMean(), rel=1e-12)
    assert found.standard_deviation == pytest.approx(statistics.GetSigma(), rel=1e-9)


@pytest.mark.parametrize(
    "where", [(slice(10, 14), slice(20, 33), slice(30, 47)), (slice(0, 3), slice(50, 60), slice(0, 9))]
)
def test_the_crop_equals_the_whole_volume_resampled(where: tuple[slice, slice, slice]) -> None:
    """Cubic B-spline and nearest neighbour, in the middle and in a corner of the volume: under 1e-6 of the range."""
    tumour = np.zeros(ARRAY.shape, dtype=bool)
    tumour[where] = True
    ours = resample(ARRAY, SPACING[::-1], tumour, tumour, HAN2024, margin=5)
    normalised = sitk.Normalize(sitk.Cast(as_image(ARRAY), sitk.sitkFloat64)) * HAN2024.intensity_scale
    whole = resampled_whole(normalised, sitk.sitkBSpline)
    crop = tuple(slice(start, stop) for start, stop in ours.ranges)
    assert np.abs(ours.image - whole[crop]).max() < 1e-6 * np.ptp(whole)
    mask = resampled_whole(as_image(tumour.astype(np.uint8)), sitk.sitkNearestNeighbor) > 0
    np.testing.assert_array_equal(ours.tumour, mask[crop])
    assert ours.tumour.sum() == mask.sum()
    assert ours.other_tissue is not None
    np.testing.assert_array_equal(ours.other_tissue, ours.tumour)


def test_values_do_not_depend_on_the_crop() -> None:
    """The same voxel has the same value, whatever was outlined around it."""
    small, large = np.zeros(ARRAY.shape, dtype=bool), np.zeros(ARRAY.shape, dtype=bool)
    small[12, 30, 30] = True
    large[5:20, 10:50, 12:60] = True
    first, second = (resample(ARRAY, SPACING[::-1], mask, None, HAN2024, margin=3) for mask in (small, large))
    inside = tuple(
        slice(start - other, stop - other)
        for (start, stop), (other, _) in zip(first.ranges, second.ranges, strict=True)
    )
    assert np.abs(first.image - second.image[inside]).max() < 1e-6 * np.ptp(second.image)


def test_a_mask_comes_back_where_it_was() -> None:
    """Each source voxel gets what lies at its centre: a block comes back, less or more a voxel at its edges."""
    tumour = np.zeros(ARRAY.shape, dtype=bool)
    tumour[8:16, 20:40, 15:45] = True
    resampled = resample(ARRAY, SPACING[::-1], tumour, None, HAN2024, margin=4)
    back = to_source(resampled.tumour, resampled)
    assert (back ^ tumour).sum() < 0.08 * tumour.sum()
    centres = [np.argwhere(mask).mean(axis=0) for mask in (back, tumour)]
    np.testing.assert_allclose(*centres, atol=1.0)
