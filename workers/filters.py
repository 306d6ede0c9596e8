"""The five images that features are measured on: the original one and four that pyradiomics' filters make of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics import imageoperations

from model_store.profile import FeatureProfile, FilterBank

LOG_MARGIN_SIGMAS = 6.0
"""How far around a region the Laplacian of Gaussian needs the image, in sigmas: what lies beyond changes features by
less than 1e-6 (tests/workers/test_filters.py)."""
WAVELET_MARGIN_VOXELS = 10
"""A coif1 kernel has 6 taps; the rest is for longer wavelets."""
Margins = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class FilteredImage:
    """An image, its pyradiomics name, and the settings that pyradiomics measures it with."""

    name: str
    array: NDArray[np.float64]
    """z, y, x."""
    start: tuple[int, int, int]
    """Index (z, y, x) of its first voxel in the image that was filtered."""
    settings: Mapping[str, Any]


def margin_voxels(profile: FeatureProfile) -> int:
    """Return how many resampled voxels around a region the filters of this profile need."""
    if profile.filters is FilterBank.WAVELET_2D:
        return WAVELET_MARGIN_VOXELS
    return max(_log_margin(sigma, profile) for sigma in profile.log_sigmas_mm)


def image_names(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the pyradiomics names of the five images."""
    if profile.filters is FilterBank.WAVELET_2D:
        return ("original", "wavelet-LH", "wavelet-HL", "wavelet-HH", "wavelet-LL")
    return ("original", *(f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in profile.log_sigmas_mm))


def settings_of(profile: FeatureProfile) -> dict[str, Any]:
    """Return the settings of pyradiomics for the original image."""
    return {"binWidth": profile.bin_width, "label": 1}


def image_types(profile: FeatureProfile) -> dict[str, dict[str, Any]]:
    """Return the image types with their own settings, as a pyradiomics parameter file gives them.

    ``force2D`` makes the wavelet work within slices and, as always in pyradiomics, the texture of its images too.
    """
    if profile.filters is FilterBank.WAVELET_2D:
        return {"Original": {}, "Wavelet": {"wavelet": profile.wavelet, "force2D": True, "force2Ddimension": 0}}
    return {"Original": {}, "LoG": {"sigma": list(profile.log_sigmas_mm)}}


def filtered_images(
    image: NDArray[np.float64], region_box: Sequence[tuple[int, int]], profile: FeatureProfile
) -> Iterator[FilteredImage]:
    """Yield the original image and its filtered ones, each as far around the regions as its filter needs.

    ``region_box`` gives the first and last index (z, y, x) that any region touches.
    """
    settings = settings_of(profile)
    yield FilteredImage("original", image, (0, 0, 0), settings)
    if profile.filters is FilterBank.WAVELET_2D:
        wavelet = settings | image_types(profile)["Wavelet"]
        box = _box_around(region_box, WAVELET_MARGIN_VOXELS, image.shape)
        for filtered, name, _ in imageoperations.getWaveletImage(
            as_sitk(image[box], profile.spacing_mm), None, **wavelet
        ):
            yield FilteredImage(name, sitk.GetArrayFromImage(filtered), _start(box), wavelet)
        return
    for sigma in profile.log_sigmas_mm:
        box = _box_around(region_box, _log_margin(sigma, profile), image.shape)
        for filtered, name, _ in imageoperations.getLoGImage(
            as_sitk(image[box], profile.spacing_mm), None, sigma=[sigma]
        ):
            yield FilteredImage(name, sitk.GetArrayFromImage(filtered), _start(box), settings)


def as_sitk(array: NDArray[Any], *spacing_mm: float) -> sitk.Image:
    """Wrap an array (z, y, x) as an image; spacing along x, y, z, or one for all."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_mm * 3 if len(spacing_mm) == 1 else spacing_mm)  # type: ignore[no-untyped-call]
    return image


def _log_margin(sigma_mm: float, profile: FeatureProfile) -> int:
    return math.ceil(LOG_MARGIN_SIGMAS * sigma_mm / profile.spacing_mm)


def _box_around(
    region_box: Sequence[tuple[int, int]], margin: int, shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    z, y, x = (
        slice(max(0, first - margin), min(size, last + 1 + margin))
        for (first, last), size in zip(region_box, shape, strict=True)
    )
    return z, y, x


def _start(box: tuple[slice, slice, slice]) -> tuple[int, int, int]:
    z, y, x = box
    return z.start, y.start, x.start
