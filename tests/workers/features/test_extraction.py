"""Features: names, counts, gaps, and pyradiomics itself on the whole image."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from billiard.exceptions import SoftTimeLimitExceeded
from numpy.typing import NDArray
from radiomics import featureextractor
from radiomics.glcm import RadiomicsGLCM
from scipy import ndimage

from model_store.signatures.profile import HAN2024, HAN2024_WAVELET2D, FeatureProfile
from workers.features.engine.choice import Engine, EngineChoice
from workers.features.extraction import columns, feature_names, grey_levels, measure_columns, measure_regions
from workers.features.filters import image_types, margin_voxels, settings_of
from workers.features.regions import Region
from workers.features.resampling import Resampled, resample
from workers.features.ring import geometric_ring

PROFILES = [HAN2024, HAN2024_WAVELET2D]
SPACING = (0.9, 0.9, 1.3)
SHAPE = (60, 100, 110)


@pytest.fixture(scope="module")
def tumour() -> NDArray[np.bool_]:
    """A ball of 13 mm."""
    z, y, x = np.indices(SHAPE)
    return np.asarray(((z - 30) * 1.3) ** 2 + ((y - 50) * 0.9) ** 2 + ((x - 55) * 0.9) ** 2 <= 6.5**2)


@pytest.fixture(scope="module")
def array(tumour: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Texture with a tumour, air on one side, and far from the tumour what is brighter than anything near it."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.2)
    values = texture / texture.std() * 220 + 500
    values[tumour] *= 1.8
    values[:, :12] = 0
    values[:, -18:] += 2500
    values[:6] += 1500
    return np.clip(values, 0, 32000).astype(np.int16)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_paper_counts_479_features_in_each_region(profile: FeatureProfile) -> None:
    """14 shape + 5 images x (18 first-order + 75 texture); columns are those of the tumour, then of the ring."""
    names = feature_names(profile)
    assert len(names) == len(set(names)) == 479
    assert sum("_shape_" in name for name in names) == 14
    assert sum("_firstorder_" in name for name in names) == 90
    assert columns(profile) == tuple(f"{region}_{name}" for region in ("tumour", "ring") for name in names)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_regions_equal_pyradiomics_on_the_whole_image(
    profile: FeatureProfile, array: NDArray[np.int16], tumour: NDArray[np.bool_]
) -> None:
    """All 479 features of both regions within 1e-6, though we compute nothing but the region itself."""
    resampled = resample(array, SPACING[::-1], tumour, None, profile, margin=margin_voxels(profile) + 8)
    ring = geometric_ring(resampled.tumour, 2.0, 2.0, 1.0)
    masks = {Region.TUMOUR: resampled.tumour, Region.RING: ring}
    crop = tuple(slice(start, stop) for start, stop in resampled.ranges)
    whole = _whole_image(array)
    for ours in measure_regions(resampled, masks, profile):
        mask = np.zeros(whole.GetSize()[::-1], dtype=np.uint8)
        mask[crop] = masks[ours.region]
        assert not ours.missing
        expected = _by_pyradiomics(whole, mask, profile)
        for name, value in ours.features.items():
            assert value == pytest.approx(expected[name], rel=1e-6, abs=1e-6 * _scale(name, expected)), name


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_some_columns_of_several_outlines_are_those_of_each(
    profile: FeatureProfile, array: NDArray[np.int16], tumour: NDArray[np.bool_]
) -> None:
    """What is measured for a few columns of outlines side by side is what each outline has by itself."""
    resampled = resample(array, SPACING[::-1], tumour, None, profile, margin=margin_voxels(profile) + 8)
    outlines = [
        {Region.TUMOUR: mask, Region.RING: geometric_ring(mask, 2.0, 2.0, 1.0)}
        for mask in (resampled.tumour, ndimage.binary_dilation(resampled.tumour))
    ]
    wanted = columns(profile)[::37]
    found = measure_columns(resampled, outlines, profile, wanted)
    for masks, ours in zip(outlines, found, strict=True):
        whole = measure_regions(resampled, masks, profile)
        expected = {f"{region.region}_{name}": value for region in whole for name, value in region.features.items()}
        assert set(ours) == set(wanted)
        for name, value in ours.items():
            # Where the filter ends differs with the outlines beside it.
            assert value == pytest.approx(expected[name], rel=1e-6, abs=1e-6), name


def _scale(name: str, features: Mapping[str, float]) -> float:
    """Grey values may lie anywhere around zero: what counts is how far they reach in this image and region."""
    image, _, feature = name.split("_")
    is_grey_value = feature in ("Mean", "Median", "Minimum", "Maximum", "10Percentile", "90Percentile")
    return features[f"{image}_firstorder_Range"] if is_grey_value else 0.0


def _whole_image(array: NDArray[np.int16]) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    normalised = sitk.Normalize(sitk.Cast(image, sitk.sitkFloat64)) * 100.0
    size = [int(np.floor(count * step + 0.5)) for count, step in zip(image.GetSize(), SPACING, strict=True)]
    origin = [0.5 - step / 2 for step in SPACING]
    return sitk.Resample(
        normalised, size, sitk.Transform(), sitk.sitkBSpline, origin, (1.0, 1.0, 1.0), image.GetDirection(), 0.0
    )


def _by_pyradiomics(image: sitk.Image, mask: NDArray[np.uint8], profile: FeatureProfile) -> dict[str, float]:
    extractor = featureextractor.RadiomicsFeatureExtractor(**settings_of(profile))
    extractor.disableAllImageTypes()
    for name, settings in image_types(profile).items():
        extractor.enableImageTypeByName(name, customArgs=settings)
    label = sitk.GetImageFromArray(mask)
    label.CopyInformation(image)
    values = extractor.execute(image, label)
    return {name: float(value) for name, value in values.items() if not name.startswith("diagnostics")}


def test_features_that_cannot_be_computed_are_named_and_never_zero(
    array: NDArray[np.int16], tumour: NDArray[np.bool_]
) -> None:
    """One single grey level: skewness and correlation have no value; what has one is there."""
    profile = replace(HAN2024_WAVELET2D, bin_width=1e6, name="flat")
    resampled = resample(np.where(tumour, 700, array), SPACING[::-1], tumour, None, profile, margin=14)
    inner = ndimage.binary_erosion(resampled.tumour, iterations=4)
    (found,) = measure_regions(
        replace(resampled, image=np.where(inner, 5.0, resampled.image)), {Region.TUMOUR: inner}, profile
    )
    assert set(found.features) | set(found.missing) == set(feature_names(profile))
    assert not set(found.features) & set(found.missing)
    assert all(np.isfinite(value) for value in found.features.values())
    assert found.grey_levels == 1


@pytest.fixture
def small(array: NDArray[np.int16], tumour: NDArray[np.bool_]) -> Resampled:
    """The tumour and a little around it."""
    return resample(array, SPACING[::-1], tumour, None, HAN2024_WAVELET2D, margin=14)


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded, MemoryError, AttributeError])
def test_what_is_no_arithmetic_is_never_a_missing_value(
    monkeypatch: pytest.MonkeyPatch, small: Resampled, error: type[Exception]
) -> None:
    """The end of a task's time, of its memory, and defects end the measurement, wherever they strike."""

    def strike(self: RadiomicsGLCM) -> float:
        raise error

    monkeypatch.setattr(RadiomicsGLCM, "getMCCFeatureValue", strike)
    with pytest.raises(error):
        measure_regions(small, {Region.TUMOUR: small.tumour}, HAN2024_WAVELET2D, EngineChoice(Engine.PYRADIOMICS))


@pytest.mark.parametrize("error", [ZeroDivisionError, np.linalg.LinAlgError, ValueError, IndexError])
def test_a_feature_without_value_names_what_arithmetic_raised(
    monkeypatch: pytest.MonkeyPatch, small: Resampled, error: type[Exception]
) -> None:
    """The other 478 features of the region are there, and the missing one says why it is not."""

    def strike(self: RadiomicsGLCM) -> float:
        if not strikes:
            strikes.append(1)
            raise error
        return 0.5

    strikes: list[int] = []
    monkeypatch.setattr(RadiomicsGLCM, "getMCCFeatureValue", strike)
    choice = EngineChoice(Engine.PYRADIOMICS)
    (found,) = measure_regions(small, {Region.TUMOUR: small.tumour}, HAN2024_WAVELET2D, choice)
    assert list(found.missing) == ["original_glcm_MCC"]
    assert error.__name__ in found.missing["original_glcm_MCC"]
    assert len(found.features) == 478


def test_grey_levels_are_the_occupied_bins() -> None:
    """Bins are counted from zero, as pyradiomics does: -1 and 1 are two levels, 1 and 24 one."""
    assert grey_levels(np.array([-1.0, 1.0, 24.0, 25.0, 99.0]), 25.0) == 4


@pytest.mark.parametrize("spread", [1e-3, 100.0, 1e5, 1e9, 1e300])
def test_grey_levels_of_any_spread_are_counted(spread: float) -> None:
    """Of few bins and of far more than values; none without a value."""
    values = np.random.default_rng(3).normal(0, spread, 500)
    assert grey_levels(values, 25.0) == len(np.unique(np.floor(values / 25.0)))
    assert grey_levels(values[:0], 25.0) == 0
