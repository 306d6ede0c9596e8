"""The feature report: the full feature vector of both regions, for programs."""

from collections.abc import Iterator

from highdicom.sr import (
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset

from workers.features.measurement import Measurement
from workers.features.regions import Region, RegionMeasurement
from workers.reports.content_items import number, text
from workers.reports.encoded_items import encoded_content, encoded_number, prepare_for_writing, with_encoded_content
from workers.reports.feature_codes import feature_concept
from workers.reports.measurement_report import algorithm_identification, measurement_report
from workers.results import codes
from workers.results.common_modules import Origin
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.results.segmentation import PROPERTIES, SEGMENT_NUMBERS
from workers.results.tracking import tracking_of
from workers.scoring.case_result import CaseResult, Score

REFERENCED_SEGMENT = "121191"


def feature_report(
    origin: Origin, result: CaseResult, measurement: Measurement, segmentation: InstanceReference
) -> Dataset:
    """Return the report that holds each feature as a double, in one group per region."""
    series_uid = str(measurement.volume.headers[0].SeriesInstanceUID)
    groups = [_group(origin, measurement, region.region, segmentation, series_uid) for region in result.regions]
    count = sum(len(region.features) for region in result.regions)
    report = measurement_report(
        origin, ResultRole.FEATURE_REPORT, f"Radiomics features ({count})", groups, [segmentation]
    )
    measurements = report.ContentSequence[-1]
    measurements.ContentSequence = [
        _with_features(group, region, result.score)
        for group, region in zip(measurements.ContentSequence, result.regions, strict=True)
    ]
    prepare_for_writing(report)
    return report


def _group(
    origin: Origin, measurement: Measurement, region: Region, segmentation: InstanceReference, series_uid: str
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """Return the group of a region, without its numbers (TID 1411)."""
    tracking = tracking_of(region, origin.uids, measurement.tumour_segment)
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=tracking.uid, identifier=tracking.identifier),
        finding_type=PROPERTIES[region][1],
        algorithm_id=algorithm_identification(origin),
        referenced_segment=ReferencedSegment(
            sop_class_uid=segmentation.sop_class_uid,
            sop_instance_uid=segmentation.sop_instance_uid,
            segment_number=SEGMENT_NUMBERS[region],
            source_series=SourceSeriesForSegmentation(series_uid),
        ),
    )


def _with_features(group: Dataset, region: RegionMeasurement, score: Score | None) -> Dataset:
    """Return the group with its numbers inserted before the reference to the segment."""
    items = list(group.ContentSequence)
    names = [item.ConceptNameCodeSequence[0].CodeValue for item in items]
    place = names.index(REFERENCED_SEGMENT)
    encoded = [
        *map(encoded_content, items[:place]),
        *(_encoded_score(score) if score and region.region is Region.TUMOUR else ()),
        *_encoded_features(region),
        *map(encoded_content, items[place:]),
    ]
    return with_encoded_content(group, encoded)


def _encoded_score(score: Score) -> Iterator[bytes]:
    """Yield the unrounded score and its parts, because the summary report rounds them."""
    for code, value in (
        (codes.SCORE, score.hot_probability),
        (codes.THRESHOLD, score.threshold),
        (codes.MEAN_SCORE, score.mean_probability),
    ):
        yield encoded_number(code, float(value), codes.PROBABILITY)


def _encoded_features(region: RegionMeasurement) -> Iterator[bytes]:
    yield encoded_content(number(codes.GREY_LEVELS, float(region.grey_levels), codes.NO_UNITS))
    for name, value in region.features.items():
        concept = feature_concept(name)
        yield encoded_number(concept.name, float(value), concept.unit, concept.method)
    for name, why in region.missing.items():
        yield encoded_content(text(codes.MISSING_FEATURE, f"{name}: {why}"))
