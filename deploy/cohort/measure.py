"""Measures one outline of a cohort in a child process with the workers' own code, and writes the result at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from deploy.cohort.cases import OutlineCase
from deploy.cohort.image_pairs import read_pair
from deploy.cohort.outline_bits import packed
from model_store.files import readable_json, replace_durably
from model_store.signatures.profile import FeatureProfile
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.features.extraction import columns
from workers.features.measurement import Measurement, measure_roi
from workers.images.acquisition import acquisition_columns
from workers.images.volume import Volume
from workers.outline.region_of_interest import RegionOfInterest


@dataclass(frozen=True)
class MeasuringTask:
    """The task of a child."""

    case: OutlineCase
    profile: FeatureProfile
    folder: Path
    """Where results are kept, a file for each case."""
    inputs: str
    """`OutlineCase.inputs`: a result that was made of others is not taken."""

    @property
    def path(self) -> Path:
        """The result's file."""
        return self.folder / f"{self.case.key}.json"


def measure_case(task: MeasuringTask) -> str:
    """Measure a case, write its result, and return the reason why it has no features, else an empty text."""
    try:
        volume, roi, segment = read_outline_case(task.case, task.profile)
        result = measured_values(measure_roi(volume, roi, task.profile, segment))
    except RejectedInput as refusal:
        result = {"reason": refusal.reason.value, "message": str(refusal)}
    task.folder.mkdir(parents=True, exist_ok=True)
    replace_durably(task.path, readable_json({"inputs": task.inputs, **result}))
    return str(result.get("reason", ""))


def read_outline_case(case: OutlineCase, profile: FeatureProfile) -> tuple[Volume, RegionOfInterest, Dataset]:
    """Return volume and outline of a case, whatever its file format.

    Raises
    ------
    RejectedInput
        With the reason why there is nothing to measure.
    """
    if case.is_pair:
        return *read_pair(case, profile), Dataset()
    images = [Path(name) for name in case.images]
    others = [[Path(name) for name in series] for series in case.other_series]
    number, rules = case.segment_number, case.rules
    return read_case(images, Path(case.outline), profile, segment_number=number, rules=rules, other_series=others)


def measured_values(measurement: Measurement) -> dict[str, Any]:
    """Return the table's values of a measured case, JSON-ready."""
    features = {f"{r.region}_{name}": float(value) for r in measurement.regions for name, value in r.features.items()}
    return {
        "features": features,
        "missing": {f"{r.region}_{name}": why for r in measurement.regions for name, why in r.missing.items()},
        "volume_ml": {str(r.region): r.volume_ml for r in measurement.regions},
        "grey_levels": {str(r.region): r.grey_levels for r in measurement.regions},
        "notes": [note.text for note in measurement.notes],
        "acquisition": acquisition_columns(measurement.volume),
        "outline": packed(measurement.tumour),
        "ring": packed(measurement.ring),
        "pixel_digest": pixel_digest(measurement.volume),
    }


def kept_result(task: MeasuringTask) -> dict[str, Any] | None:
    """Return the result of an earlier run from the same inputs, if there is one and it is whole.

    Its features are an array in the order of `columns`, and its ring is left out: of 5,000 cases, each number by its
    name would take 800 MB.
    """
    found = kept_values(task.path, task.inputs)
    if found is not None and "features" in found:
        found["features"] = in_order(found["features"], columns(task.profile))
        del found["ring"]
    return found


def in_order(features: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    """Return features in the order of these names; NaN where one is missing."""
    return np.array([features.get(name, np.nan) for name in names], np.float64)


def kept_values(path: Path, inputs: str) -> dict[str, Any] | None:
    """Return a stored result of these inputs; None where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if found.get("inputs") == inputs else None


def pixel_digest(volume: Volume) -> str:
    """Return the SHA-256 of a phase's shape and grey values (z, y, x) as 32-bit floats, without its headers.

    It recognises the same images under another pseudonym.
    """
    digest = hashlib.sha256(str(volume.array.shape).encode())
    for plane in volume.array:
        digest.update(np.ascontiguousarray(plane, dtype="<f4").tobytes())
    return digest.hexdigest()
