"""Reads a feature report back: the features by column, the score, and what they were computed with."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset

from model_store.signatures.profile import FeatureProfile
from workers.features.extraction import region_features
from workers.features.regions import Region, RegionMeasurement
from workers.reports.processing_chain import PROCESSING_CHAIN, profile_of
from workers.results import codes
from workers.results.feature_codes import feature_concept
from workers.results.segmentation import SEGMENT_NUMBERS
from workers.scoring.drift import scanner_name

DIGEST = re.compile(r"sha256 ([0-9a-f]{64})")
Key = tuple[str, str, str]


class NotAFeatureReport(ValueError):
    """A data set is no feature report of radtme, or one that cannot be read back; the message says what is missing."""


@dataclass(frozen=True)
class FeatureReport:
    """The content of a feature report."""

    profile: FeatureProfile
    signature_id: str
    signature_digest: str
    regions: tuple[RegionMeasurement, ...]
    hot_probability: float | None
    """None in the report of a case that was not scored."""
    threshold: float | None
    stated_digest: str
    """Digest of the features as the report states it."""
    features: Mapping[str, float] = field(default_factory=dict)
    """By column, such as ``ring_original_glcm_Contrast``."""
    scanner: str = ""
    """Manufacturer and model, as the report names them under contributing equipment; empty where it does not."""

    @property
    def is_intact(self) -> bool:
        """Whether the features are those that were written."""
        return self.stated_digest == features_digest(self.features)


def features_digest(features: Mapping[str, float]) -> str:
    """Return the SHA-256 over all columns and their values as hexadecimal doubles."""
    lines = (f"{name}={value.hex()}\n" for name, value in sorted(features.items()))
    return hashlib.sha256("".join(lines).encode("ascii")).hexdigest()


def read_feature_report(report: Dataset) -> FeatureReport:
    """Return the content of a feature report.

    Raises
    ------
    NotAFeatureReport
        If it is none, or lacks what the score needs.
    """
    chain = next((item for item in _items(report) if _code(item) == PROCESSING_CHAIN.value), None)
    if chain is None:
        raise NotAFeatureReport("no container with the processing chain: not a feature report, or of an older version")
    try:
        profile = profile_of(chain)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise NotAFeatureReport(f"the processing chain cannot be read: {error}") from error
    columns = column_keys(profile)
    found = [(group, region_of(group)) for group in groups_of(report)]
    regions = tuple(_region(group, region, columns) for group, region in found)
    algorithm = _texts(report)
    digest = DIGEST.search(algorithm.get("111002", ""))
    if digest is None:
        raise NotAFeatureReport("the report names no signature")
    numbers = {key: value for group, _ in found for key, value in numbers_of(group)}
    return FeatureReport(
        profile,
        algorithm.get("111001", ""),
        digest[1],
        regions,
        numbers.get(_key(codes.SCORE.value)),
        numbers.get(_key(codes.THRESHOLD.value)),
        _texts(report).get(codes.FEATURES_DIGEST.value, ""),
        {f"{one.region}_{name}": value for one in regions for name, value in one.features.items()},
        _scanner(report),
    )


def _scanner(report: Dataset) -> str:
    """Return the equipment that acquired the images."""
    wanted = codes.ACQUISITION_EQUIPMENT.value
    found = [
        item
        for item in report.get("ContributingEquipmentSequence", ())
        if any(purpose.CodeValue == wanted for purpose in item.get("PurposeOfReferenceCodeSequence", ()))
    ]
    return scanner_name(found)


def column_keys(profile: FeatureProfile) -> dict[Key, str]:
    """Return the feature's name by code, scheme and method of its concept."""
    names = {}
    for name in region_features(profile, Region.TUMOUR):  # the ring's are among them
        concept = feature_concept(name)
        method = concept.method.value if concept.method else ""
        names[concept.name.value, concept.name.scheme_designator, method] = name
    return names


def groups_of(item: Dataset) -> Iterator[Dataset]:
    """Yield the measurement groups at whatever depth."""
    for one in _items(item):
        if one.ValueType == "CONTAINER":
            if _code(one) == codes.MEASUREMENT_GROUP.value:
                yield one
            else:
                yield from groups_of(one)


def region_of(group: Dataset) -> Region:
    """Return the region of a group, by the number of its segment.

    Raises
    ------
    NotAFeatureReport
        If it refers to no segment of ours.
    """
    regions = {number: region for region, number in SEGMENT_NUMBERS.items()}
    for item in _items(group):
        if item.ValueType == "IMAGE" and _code(item) == codes.REFERENCED_SEGMENT.value:
            number = item.ReferencedSOPSequence[0].get("ReferencedSegmentNumber", 0)
            value = int(number[0] if not isinstance(number, int) else number)
            if value in regions:
                return regions[value]
    raise NotAFeatureReport("a measurement group refers to no segment of tumour or ring")


def numbers_of(group: Dataset) -> Iterator[tuple[Key, float]]:
    """Yield each number of a group as a double, by code, scheme and method of its name."""
    for item in _items(group):
        if item.ValueType == "NUM":
            name = item.ConceptNameCodeSequence[0]
            methods = [one.ConceptCodeSequence[0].CodeValue for one in _items(item) if _code(one) == METHOD]
            key = (str(name.CodeValue), str(name.CodingSchemeDesignator), str(methods[0]) if methods else "")
            yield key, float(item.MeasuredValueSequence[0].FloatingPointValue)


METHOD = codes.MEASUREMENT_METHOD.value


def _region(group: Dataset, region: Region, columns: Mapping[Key, str]) -> RegionMeasurement:
    numbers = dict(numbers_of(group))
    features = {name: numbers[key] for key, name in columns.items() if key in numbers}
    levels = int(numbers.get(_key(codes.GREY_LEVELS.value), 0))
    return RegionMeasurement(region, 0.0, 0, levels, features)


def _key(private_code: str) -> Key:
    return private_code, codes.SCORE.scheme_designator, ""


def _texts(report: Dataset) -> dict[str, str]:
    """Return the first text of each name, from groups and root."""
    found: dict[str, str] = {}
    for parent in (*groups_of(report), report):
        for item in _items(parent):
            if item.ValueType == "TEXT":
                found.setdefault(_code(item), str(item.TextValue))
    return found


def _items(parent: Dataset) -> Iterator[Dataset]:
    yield from parent.get("ContentSequence") or ()


def _code(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""
