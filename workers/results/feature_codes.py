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
LOG_PATTERN = re.compile(r"(ibsi-)?log-sigma-(\d+)-(\d+)-mm-3D")
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
KINETICS: Mapping[str, Code] = MappingProxyType(
    {
        name: Code(code, PRIVATE_SCHEME, meaning)
        for name, code, meaning in (
            ("InitialEnhancementMedian", "ki-initial-50", "Initial enhancement, median"),
            ("InitialEnhancement90Percentile", "ki-initial-90", "Initial enhancement, 90th percentile"),
            ("WashOutMedian", "ki-washout-50", "Wash-out, median"),
            ("WashOut90Percentile", "ki-washout-90", "Wash-out, 90th percentile"),
            ("WashOutShare", "ki-washout", "Share of voxels with wash-out"),
            ("PersistentShare", "ki-persistent", "Share of voxels with persistent enhancement"),
            ("SERMedian", "ki-ser-50", "Signal enhancement ratio, median"),
            ("SER90Percentile", "ki-ser-90", "Signal enhancement ratio, 90th percentile"),
        )
    }
)
"""Kinetic features of the tumour (`workers.features.kinetics`), whose class pyradiomics does not have."""
UNIT_MEANINGS = {"1": "no units", "/mm": "per millimeter"}
NO_UNITS = Code("1", "UCUM", UNIT_MEANINGS["1"])


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
    if feature_class == "kinetics" and feature in KINETICS:
        kinetic = KINETICS[feature]
        return FeatureConcept(kinetic, NO_UNITS, None, None, kinetic.meaning)
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
        origin, sigma_mm = log[1], f"{log[2]}.{log[3]}"
        meaning = f"Laplacian of Gaussian filter{' of IBSI 2' if origin else ''}, sigma {sigma_mm} mm"
        short = f"{'IBSI ' if origin else ''}LoG {float(sigma_mm):g} mm"
        value = f"ibsi-log-{sigma_mm}mm" if origin else f"log-{sigma_mm}-mm"
        return Code(value, PRIVATE_SCHEME, meaning), short
    if wavelet := WAVELET_PATTERN.fullmatch(image):
        return Code(image, PRIVATE_SCHEME, f"Wavelet filter, band {wavelet[1]}"), f"wavelet {wavelet[1]}"
    raise ValueError(f"feature {name}: no code is known for the filter {image}")
