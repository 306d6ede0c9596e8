"""Names of features: code, unit, filter, and a text that a radiologist can read.

The table ``feature_codes.csv`` names each of pyradiomics' 107 features. Source ``dicom``: the code is in PS3.16 (CID
7466 to 7478, 7500, 7501). Source ``ibsi``: it is only in the reference manual of the Image Biomarker Standardisation
Initiative (arXiv:1612.07003). Source ``private``: it is in neither, or is defined differently there (pyradiomics'
kurtosis does not subtract 3).
"""

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from pydicom.sr.coding import Code

from listener.dicom.own_results import PRIVATE_SCHEME

ORIGINAL = "original"
LOG_PATTERN = re.compile(r"log-sigma-(\d+)-(\d+)-mm-3D")
WAVELET_PATTERN = re.compile(r"wavelet-([LH]{2,3})")
DERIVATIONS: Mapping[str, Code] = MappingProxyType(
    {
        "Mean": Code("373098007", "SCT", "Mean"),
        "Median": Code("373099004", "SCT", "Median"),
        "Minimum": Code("255605001", "SCT", "Minimum"),
        "Maximum": Code("56851009", "SCT", "Maximum"),
        "Skewness": Code("126051", "DCM", "Skewness"),
        "Variance": Code("C1711260", "UMLS", "Variance"),
        "RootMeanSquared": Code("C2347976", "UMLS", "Root Mean Square"),
    }
)
"""Of CID 7464. Not pyradiomics' kurtosis, which does not subtract 3."""
UNIT_MEANINGS = {"1": "no units", "/mm": "per millimeter"}


@dataclass(frozen=True)
class FeatureConcept:
    """A feature as a coded measurement."""

    name: Code
    unit: Code
    method: Code | None
    """The filter of the image; None for the original image. The feature's name alone does not include it."""
    derivation: Code | None
    """The statistic in DICOM's own form (CID 7464), where one exists."""
    text: str
    """Text for readers, such as ``Contrast of GLCM, LoG 2 mm``."""


@functools.cache
def feature_table() -> Mapping[tuple[str, str], tuple[Code, Code]]:
    """Return code and unit by class and feature, such as ``("glcm", "Contrast")``."""
    text = resources.files("workers.results").joinpath("feature_codes.csv").read_text(encoding="utf-8")
    return {
        (row["class"], row["feature"]): (
            Code(row["code"], row["scheme"], row["meaning"]),
            Code(row["unit"], "UCUM", UNIT_MEANINGS.get(row["unit"], row["unit"])),
        )
        for row in csv.DictReader(text.splitlines())
    }


@functools.lru_cache(maxsize=2048)
def feature_concept(name: str) -> FeatureConcept:
    """Return the names of a feature, by its pyradiomics name, such as ``log-sigma-2-0-mm-3D_glcm_Contrast``.

    Raises
    ------
    ValueError
        If the feature or its filter is not known.
    """
    image, feature_class, feature = name.split("_", 2)
    try:
        code, unit = feature_table()[feature_class, feature]
    except KeyError:
        raise ValueError(
            f"feature {name}: no code is known for it; add it to workers/results/feature_codes.csv"
        ) from None
    derivation = DERIVATIONS.get(feature) if feature_class == "firstorder" else None
    if image == ORIGINAL:
        return FeatureConcept(code, unit, None, derivation, code.meaning)
    method, short = _filter(name, image)
    return FeatureConcept(code, unit, method, derivation, f"{code.meaning}, {short}")


def _filter(name: str, image: str) -> tuple[Code, str]:
    """Return a filter as a coded method, and its short name."""
    if log := LOG_PATTERN.fullmatch(image):
        sigma_mm = f"{log[1]}.{log[2]}"
        meaning = f"Laplacian of Gaussian filter, sigma {sigma_mm} mm"
        return Code(f"log-{sigma_mm}-mm", PRIVATE_SCHEME, meaning), f"LoG {float(sigma_mm):g} mm"
    if wavelet := WAVELET_PATTERN.fullmatch(image):
        return Code(image, PRIVATE_SCHEME, f"Wavelet filter, band {wavelet[1]}"), f"wavelet {wavelet[1]}"
    raise ValueError(f"feature {name}: no code is known for the filter {image}")
