"""Compares the features of a self-test, read back from the service's report, with those of the canary."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydicom import Dataset, dcmread

from workers.features.canary import differing, expected_features
from workers.features.regions import Region
from workers.reports.feature_codes import feature_concept
from workers.results.codes import MEASUREMENT_METHOD, REFERENCED_SEGMENT
from workers.results.segmentation import SEGMENT_NUMBERS

MEASUREMENT_GROUP = "125007"
NAMED = 3
"""Features that are named one by one; the rest is counted."""
Key = tuple[str, str, str]


def reported_features(path: Path, profile: str) -> dict[str, float]:
    """Return the features in a feature report, by column; those that a profile's canary has.

    The method tells the filtered images apart.
    """
    names = {_key_of(column): column for column in expected_features()[profile]}
    found = {}
    for group in _groups(dcmread(path)):
        region = _region_of(group)
        for item in group.ContentSequence:
            if item.ValueType == "NUM" and (column := names.get((region, *_concept(item)))):
                found[column] = float(item.MeasuredValueSequence[0].FloatingPointValue)
    return found


def complaint(found: Mapping[str, float], profile: str) -> str | None:
    """Return a description of what differs from the canary; None where nothing does."""
    expected = expected_features()[profile]
    wrong = differing(found, expected)
    if not wrong:
        return None
    first = [f"{name} is {found.get(name, 'absent')}, expected {expected[name]}" for name in wrong[:NAMED]]
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return f"{len(wrong)} of {len(expected)} features differ: {'; '.join(first)}{more}"


def has_canary(profile: str) -> bool:
    """Return whether the expected features of the case are known for this profile."""
    return profile in expected_features()


def _key_of(column: str) -> tuple[str, str, str, str]:
    region, name = column.split("_", 1)
    concept = feature_concept(name)
    method = concept.method.value if concept.method else ""
    return region, concept.name.value, concept.name.scheme_designator, method


def _concept(item: Dataset) -> Key:
    name = item.ConceptNameCodeSequence[0]
    methods = [
        one.ConceptCodeSequence[0].CodeValue
        for one in item.get("ContentSequence", ())
        if one.ValueType == "CODE" and one.ConceptNameCodeSequence[0].CodeValue == MEASUREMENT_METHOD.value
    ]
    return name.CodeValue, name.CodingSchemeDesignator, methods[0] if methods else ""


def _groups(item: Dataset) -> Iterator[Dataset]:
    """Yield the measurement groups (TID 1411) at whatever depth."""
    for one in item.get("ContentSequence", ()):
        if one.ValueType != "CONTAINER":
            continue
        if one.ConceptNameCodeSequence[0].CodeValue == MEASUREMENT_GROUP:
            yield one
        else:
            yield from _groups(one)


def _region_of(group: Dataset) -> Region:
    regions = {number: region for region, number in SEGMENT_NUMBERS.items()}
    for item in group.ContentSequence:
        if item.ValueType == "IMAGE" and item.ConceptNameCodeSequence[0].CodeValue == REFERENCED_SEGMENT.value:
            number = item.ReferencedSOPSequence[0].ReferencedSegmentNumber
            return regions[int(number[0] if not isinstance(number, int) else number)]
    raise ValueError("a measurement group without a segment")
