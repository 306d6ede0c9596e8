"""The five images that features are measured on: the original image and four filtered ones.

They are those of pyradiomics, or with `FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN` those of IBSI 2.
Both engines measure features on the same filtered images: that one checks the other says nothing about the filters,
which tests hold against ITK, pyradiomics and the reference maps of IBSI 2.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile, FilterBank
from workers.features.engine.feature_engine import Discretisation
from workers.features.laplacian_of_gaussian import Kernel, laplacians_of_gaussian
from workers.features.resampling import Resampled
from workers.images.voxels import Box

WAVELET_MARGIN_VOXELS = 10
"""A coif1 kernel has 6 taps; the rest is a reserve for longer wavelets."""


@dataclass(frozen=True, eq=False)
class FilteredImage:
    """An image, its name, and how its values become grey levels."""

    name: str
    array: NDArray[np.float64]
    """z, y, x."""
    start: tuple[int, int, int]
    """Index (z, y, x) of its first voxel in the image that was filtered."""
    discretisation: Discretisation


def margin_voxels(profile: FeatureProfile) -> int:
    """Return how many resampled voxels around a region the filters of this profile need."""
    return WAVELET_MARGIN_VOXELS if profile.filters is FilterBank.WAVELET_2D else 0


def image_names(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the names of the five images: those of pyradiomics, or with ``ibsi-`` before them what is not its own."""
    if profile.filters is FilterBank.WAVELET_2D:
        return ("original", "wavelet-LH", "wavelet-HL", "wavelet-HH", "wavelet-LL")
    origin = "ibsi-" if profile.filters is FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN else ""
    return (
        "original",
        *(f"{origin}log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in profile.log_sigmas_mm),
    )


def settings_of(profile: FeatureProfile) -> dict[str, Any]:
    """Return the settings of pyradiomics for the original image."""
    return {"binWidth": profile.bin_width, "label": 1}


def image_types(profile: FeatureProfile) -> dict[str, dict[str, Any]]:
    """Return the image types with their settings, in the form of a pyradiomics parameter file.

    ``force2D`` applies the wavelet within slices; pyradiomics then also computes the texture of these images in 2D.

    Raises
    ------
    ValueError
        pyradiomics does not have the profile's filter.
    """
    if profile.filters is FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN:
        raise ValueError(f"profile {profile.name}: pyradiomics does not have the filter {profile.filters}")
    if profile.filters is FilterBank.WAVELET_2D:
        return {"Original": {}, "Wavelet": {"wavelet": profile.wavelet, "force2D": True, "force2Ddimension": 0}}
    return {"Original": {}, "LoG": {"sigma": list(profile.log_sigmas_mm)}}


def filtered_images(
    resampled: Resampled, box: Box, profile: FeatureProfile, wanted: Collection[str] | None = None
) -> Iterator[FilteredImage]:
    """Yield the original image and the filtered ones, at least for ``box`` of the resampled image.

    ``wanted`` lists the names of the images that are needed; without it, all are computed.
    """
    whole = Discretisation(profile.bin_width)
    names = [name for name in image_names(profile) if wanted is None or name in wanted]
    if "original" in names:
        yield FilteredImage("original", resampled.image, (0, 0, 0), whole)
    if profile.filters is FilterBank.WAVELET_2D:
        within_slices = Discretisation(profile.bin_width, within_slices=True)
        for name, array in _wavelet_images(resampled.image, profile):
            if name in names:
                yield FilteredImage(name, array, (0, 0, 0), within_slices)
        return
    z, y, x = ((start + part.start, start + part.stop) for (start, _), part in zip(resampled.ranges, box, strict=True))
    corner = (box[0].start, box[1].start, box[2].start)
    sigmas = dict(zip(image_names(profile)[1:], profile.log_sigmas_mm, strict=True))
    wanted_sigmas = {name: sigma for name, sigma in sigmas.items() if name in names}
    is_ibsi = profile.filters is FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN
    kernel = Kernel.IBSI if is_ibsi else Kernel.ITK
    filtered = laplacians_of_gaussian(resampled.source, (z, y, x), list(wanted_sigmas.values()), kernel)
    for (name, sigma_mm), array in zip(wanted_sigmas.items(), filtered, strict=True):
        levels = _levels_without_normalisation(profile, sigma_mm) if is_ibsi else whole
        yield FilteredImage(name, array, corner, levels)


def _levels_without_normalisation(profile: FeatureProfile, sigma_mm: float) -> Discretisation:
    """Return bins that are as much narrower as the response is smaller than one that is normalised across scales."""
    return Discretisation(profile.bin_width / (sigma_mm / profile.spacing_mm) ** 2)


def _wavelet_images(image: NDArray[np.float64], profile: FeatureProfile) -> Iterator[tuple[str, NDArray[np.float64]]]:
    from radiomics import imageoperations  # half a second, which processes without this filter need not spend

    settings = settings_of(profile) | image_types(profile)["Wavelet"]
    for filtered, name, _ in imageoperations.getWaveletImage(sitk.GetImageFromArray(image), None, **settings):
        yield name, sitk.GetArrayFromImage(filtered)
