"""The processing chain of a feature report: every field of the feature profile as a coded, named parameter.

With these items another program can prepare the images in the same way; `profile_of` reads the profile back.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from pydicom import Dataset
from pydicom.sr.coding import Code

from listener.dicom.own_results import PRIVATE_SCHEME
from model_store.json_records import as_json
from model_store.signatures.kinetics import Kinetics
from model_store.signatures.profile import FeatureProfile
from workers.reports.content_items import coded, container, number, text
from workers.reports.encoded_items import encoded_content, with_encoded_content
from workers.results import codes

PROCESSING_CHAIN = Code("processing-chain", PRIVATE_SCHEME, "How the features were computed")
FEATURE_DEFINITIONS = Code("feature-engine", PRIVATE_SCHEME, "Definitions of the features")
ENGINE = "pyradiomics 3.0.1"
"""Other engines and versions count only where they give the same values; the self-test checks this."""
STEPS = Code("processing-steps", PRIVATE_SCHEME, "Steps")
STEPS_TEXT = (
    "1 z-score times the intensity scale, without clipping; 2 resampling to cubic voxels, B-spline of order 3 for the "
    "image, nearest neighbour for the mask; 3 signed distance to the border of the tumour gives the ring, without air, "
    "other segments and the exclusions; 4 filters on the resampled image; 5 grey levels of fixed bin width, with a bin "
    "border at 0; 6 features in 3D, or in the planes of a 2D filter."
)
MILLIMETRE = Code("mm", "UCUM", "mm")
VOXELS = Code("{voxels}", "UCUM", "voxels")
STANDARD_DEVIATIONS = Code("{sd}", "UCUM", "standard deviations")


@dataclass(frozen=True)
class Parameter:
    """How one field of the profile is written: its name, and the unit of a number."""

    name: Code
    unit: Code | None = None


def _named(value: str, meaning: str, unit: Code | None = None) -> Parameter:
    return Parameter(Code(value, PRIVATE_SCHEME, meaning), unit)


PARAMETERS: Mapping[str, Parameter] = {
    "name": _named("profile", "Feature profile"),
    "phase_rule": _named("phase-rule", "Phase where the outline names none"),
    "normalisation": _named("normalisation", "Voxels whose mean and deviation give the z-score"),
    "intensity_scale": _named("intensity-scale", "Factor after the z-score", codes.NO_UNITS),
    "reach_mm": _named("reach", "Images used, around the outline's box", MILLIMETRE),
    "reference_from_mm": _named("reference-from", "Reference tissue begins at distance", MILLIMETRE),
    "reference_to_mm": _named("reference-to", "Reference tissue ends at distance", MILLIMETRE),
    "dark_share": _named("dark-share", "Air is darker than this share of the tumour's median", codes.NO_UNITS),
    "air_sigmas": _named("air-sigmas", "Body is brighter than the air peak by", STANDARD_DEVIATIONS),
    "spacing_mm": _named("spacing", "Voxel size after resampling", MILLIMETRE),
    "ring_inner_mm": _named("ring-inner", "Ring inside the border of the tumour", MILLIMETRE),
    "ring_outer_mm": _named("ring-outer", "Ring outside the border of the tumour", MILLIMETRE),
    "exclusions": _named("exclusion", "Taken out of the ring where found"),
    "skin_mm": _named("skin-thickness", "Thickness of the skin", MILLIMETRE),
    "vessel_length_mm": _named("vessel-length", "Shortest large vessel", MILLIMETRE),
    "filters": _named("filter-bank", "Filters"),
    "log_sigmas_mm": _named("log-sigma", "Sigma of the Laplacian of Gaussian", MILLIMETRE),
    "wavelet": _named("wavelet", "Wavelet"),
    "bin_width": _named("bin-width", "Bin width of grey levels", codes.NO_UNITS),
    "min_tumour_voxels": _named("min-tumour", "Smallest tumour", VOXELS),
    "max_tumour_ml": _named("max-tumour", "Largest tumour", codes.MILLILITRE),
    "min_ring_share": _named("min-ring-share", "Smallest measured share of the ring", codes.NO_UNITS),
    "min_grey_levels": _named("min-grey-levels", "Fewest recommended grey levels", codes.NO_UNITS),
    "max_grey_levels": _named("max-grey-levels", "Most recommended grey levels", codes.NO_UNITS),
    "kinetics": _named("kinetics", "Kinetic features of the tumour"),
}
"""In the order of the steps. The test that reads a profile back fails where a field is missing."""
SEVERAL = ("log_sigmas_mm", "exclusions")
"""Fields that hold several values, each an item of its own."""
OPTIONAL = ("kinetics",)
"""Fields of which most profiles have none."""


def processing_chain(profile: FeatureProfile) -> Dataset:
    """Return the container with the steps and their parameters."""
    return with_encoded_content(container(PROCESSING_CHAIN, []), _encoded_chain(profile))


@functools.lru_cache(maxsize=16)
def _encoded_chain(profile: FeatureProfile) -> tuple[bytes, ...]:
    items = [text(FEATURE_DEFINITIONS, ENGINE), text(STEPS, STEPS_TEXT), *_parameters(profile)]
    return tuple(map(encoded_content, items))


def _parameters(profile: FeatureProfile) -> Iterator[Dataset]:
    for field, parameter in PARAMETERS.items():
        if (value := getattr(profile, field)) is None:
            continue
        for one in value if isinstance(value, tuple) else (value,):
            yield _item(parameter, one)


def _item(parameter: Parameter, value: Any) -> Dataset:
    if parameter.unit is not None:
        return number(parameter.name, float(value), parameter.unit)
    if isinstance(value, StrEnum):
        words = value.value.replace("_", " ")
        return coded(parameter.name, Code(value.value.replace("_", "-")[:16], PRIVATE_SCHEME, words))
    return text(parameter.name, str(value))


def profile_of(chain: Dataset) -> FeatureProfile:
    """Return the profile that a container of `processing_chain` states.

    Raises
    ------
    ValueError, TypeError, KeyError, IndexError
        If a parameter is missing or holds what it cannot hold.
    """
    values: dict[str, list[Any]] = {field: [] for field in PARAMETERS}
    by_code = {parameter.name.value: field for field, parameter in PARAMETERS.items()}
    for item in chain.ContentSequence:
        field = by_code.get(str(item.ConceptNameCodeSequence[0].CodeValue))
        if field is not None:
            values[field].append(_value(field, item))
    return FeatureProfile.from_json(
        {
            name: tuple(found) if name in SEVERAL else found[0]
            for name, found in values.items()
            if found or name not in OPTIONAL
        }
    )


def _value(field: str, item: Dataset) -> Any:
    if item.ValueType == "NUM":
        value = float(item.MeasuredValueSequence[0].FloatingPointValue)
        whole = {one.name for one in fields(FeatureProfile) if one.type is int}
        return int(value) if field in whole else value
    if item.ValueType == "CODE":
        return str(item.ConceptCodeSequence[0].CodeMeaning).replace(" ", "_")
    if field == "kinetics":
        return as_json(Kinetics.from_text(str(item.TextValue)))
    return str(item.TextValue)
