"""The feature report: the full feature vector of both regions, for programs."""

import functools
from collections.abc import Iterator

from pydicom import Dataset

from model_store.signatures.profile import PROFILES, present_name
from workers.features.measurement import Measurement
from workers.features.regions import Region, RegionMeasurement
from workers.reports.content_items import number, text
from workers.reports.encoded_items import EncodedNumber, encoded_content, with_encoded_content
from workers.reports.feature_reader import features_digest
from workers.reports.measurement_groups import RegionReference, identity_items, measurement_group, reference_items
from workers.reports.measurement_report import algorithm_items, measurement_report
from workers.reports.processing_chain import processing_chain
from workers.results import codes
from workers.results.anatomy import site_of
from workers.results.common_modules import Origin
from workers.results.feature_codes import feature_concept
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.results.segmentation import PROPERTIES, SEGMENT_NUMBERS
from workers.results.tracking import tracking_of
from workers.scoring.case_result import CaseResult, Score


def feature_report(
    origin: Origin, result: CaseResult, measurement: Measurement, segmentation: InstanceReference
) -> Dataset:
    """Return the report that holds each feature as a double, in one group per region."""
    groups = [_group(origin, measurement, region, segmentation, result.score) for region in result.regions]
    count = sum(len(region.features) for region in result.regions)
    named = PROFILES.get(present_name(origin.signature.profile)) if origin.signature else None
    profile = result.profile or named
    features = {f"{one.region}_{name}": float(value) for one in result.regions for name, value in one.features.items()}
    return measurement_report(
        origin,
        ResultRole.FEATURE_REPORT,
        f"{origin.wording.series_name} features ({count})",
        groups,
        [segmentation],
        before=[processing_chain(profile)] if profile else [],
        after=[text(codes.FEATURES_DIGEST, features_digest(features))],
    )


def _group(
    origin: Origin,
    measurement: Measurement,
    region: RegionMeasurement,
    segmentation: InstanceReference,
    score: Score | None,
) -> Dataset:
    """Return the group of a region (TID 1411): what it is, its numbers, and the segment that they are of."""
    series_uid = str(measurement.volume.headers[0].SeriesInstanceUID)
    reference = RegionReference(segmentation, SEGMENT_NUMBERS[region.region], series_uid)
    tracking = tracking_of(region.region, origin.uids, measurement.tumour_segment)
    site = site_of(origin.image_headers, measurement.tumour_segment)
    items = [
        *map(encoded_content, identity_items(tracking, PROPERTIES[region.region][1], site)),
        *map(encoded_content, algorithm_items(origin)),
        *(_encoded_score(score) if score and region.region is Region.TUMOUR else ()),
        *_encoded_features(region),
        *map(encoded_content, reference_items(tracking, reference)),
    ]
    return with_encoded_content(measurement_group([], reference), items)


def _encoded_score(score: Score) -> Iterator[bytes]:
    """Yield the unrounded score and its parts, because the summary report rounds them."""
    for code, value in (
        (codes.SCORE, score.hot_probability),
        (codes.THRESHOLD, score.threshold),
        (codes.MEAN_SCORE, score.mean_probability),
    ):
        yield EncodedNumber.of(code, codes.OF_ONE).item(float(value))


def _encoded_features(region: RegionMeasurement) -> Iterator[bytes]:
    yield encoded_content(number(codes.GREY_LEVELS, float(region.grey_levels), codes.NO_UNITS))
    for name, value in region.features.items():
        yield _feature(name).item(float(value))
    for name, why in region.missing.items():
        yield encoded_content(text(codes.MISSING_FEATURE, f"{name}: {why}"))


@functools.lru_cache(maxsize=2048)
def _feature(name: str) -> EncodedNumber:
    concept = feature_concept(name)
    return EncodedNumber.of(concept.name, concept.unit, concept.method, concept.derivation)
