"""Compares the cases of a scanner with the training cases of the signature.

For each scored case, the worker records the part of the training distribution that each of the most important features
is in. The counts of a scanner's last cases are compared with the training shares by the population stability index
(Siddiqi, Credit Risk Scorecards, 2006): below 0.1 there is no shift, above 0.25 investigate.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from pydicom import Dataset

from model_store.signatures.signature import Signature
from model_store.signatures.training_ranges import FeatureRange
from workers.features.regions import RegionMeasurement
from workers.images.attributes import text
from workers.scoring.applicability import taken_values
from workers.scoring.case_result import DriftRecord

WATCHED = 10
"""Number of watched features: the most important ones of the forest."""
SHARES = (0.05, 0.20, 0.25, 0.25, 0.20, 0.05)
"""Share of the training cases below the 5th percentile, between it and the first quartile, and so on."""
UNKNOWN_SCANNER = "unknown"
SCANNER_LENGTH = 48
SMOOTHING = 0.5
"""Pseudo-count of each part, so that an empty part does not make the index infinite."""


def drift_record(signature: Signature, regions: Sequence[RegionMeasurement], headers: Sequence[Dataset]) -> DriftRecord:
    """Return the position of a scored case in the distribution of the training cases."""
    values = taken_values(signature, regions, scanner_name(headers))
    ranges = signature.ranges
    return DriftRecord(
        scanner=scanner_of(headers[0]) if headers else UNKNOWN_SCANNER,
        parts={name: part_of(ranges[name], values[name]) for name in watched_columns(signature)},
        outside=sum(not ranges[name].holds(values[name]) for name in signature.columns),
        features=len(signature.columns),
    )


def watched_columns(signature: Signature) -> tuple[str, ...]:
    """Return the columns that are most important to the forest, in descending order."""
    importance = signature.estimator.feature_importances_
    order = np.argsort(-np.round(importance, 9), kind="stable")[:WATCHED]
    return tuple(signature.columns[index] for index in order)


def part_of(range_: FeatureRange, value: float) -> int:
    """Return the index into `SHARES` of the part of the training distribution that holds the value."""
    borders = (range_.percentile_5, range_.quartile_1, range_.median, range_.quartile_3, range_.percentile_95)
    return sum(value > border for border in borders)


def stability_index(counts: Sequence[int]) -> float:
    """Return the population stability index of case counts by part against the training shares."""
    total = sum(counts) + SMOOTHING * len(SHARES)
    found = [(count + SMOOTHING) / total for count in counts]
    return sum((is_ - was) * math.log(is_ / was) for is_, was in zip(found, SHARES, strict=True))


def scanner_of(header: Dataset) -> str:
    """Return manufacturer and model, with the characters of a metric label only."""
    return scanner_name([header])[:SCANNER_LENGTH].strip() or UNKNOWN_SCANNER


def scanner_name(headers: Sequence[Dataset]) -> str:
    """Return manufacturer and model of the images, in plain characters; empty where they state none."""
    words = " ".join(text(headers[0], name) for name in ("Manufacturer", "ManufacturerModelName")) if headers else ""
    return re.sub(r"[^A-Za-z0-9._+-]+", " ", words).strip()
