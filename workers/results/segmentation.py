"""The segmentation: tumour and ring on the grid of the measured images.

It is BINARY, uncompressed, without empty frames, and references the source slice of each frame, so that every viewer
displays it in the right place. Tumour and ring overlap in the inner part of the ring.
"""

from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentDescription
from pydicom import Dataset

from listener.dicom.own_results import CONTENT_LABEL, MANUFACTURER, RESULT_MODEL_NAME
from workers.features.measurement import Measurement
from workers.features.regions import Region
from workers.results import codes
from workers.results.common_modules import Origin, composite, series_number, software_version
from workers.results.patient_study import decoded
from workers.results.region_colours import COLOURS, ring_label
from workers.results.result_roles import ResultRole
from workers.results.segmentation_frames import SourceGrid, binary_segmentation
from workers.results.source_slices import source_slices
from workers.results.tracking import Tracking, tracking_of
from workers.results.uids import derived_uid
from workers.results.valid_attributes import one_line

SEGMENT_NUMBERS = {Region.TUMOUR: 1, Region.RING: 2}
DESCRIPTION = "Tumour and ring"
KEPT_OF_TUMOUR = (
    "SegmentedPropertyCategoryCodeSequence",
    "SegmentedPropertyTypeCodeSequence",
    "SegmentedPropertyTypeModifierCodeSequence",
    "AnatomicRegionSequence",
    "SegmentAlgorithmType",
    "SegmentAlgorithmName",
    "SegmentationAlgorithmIdentificationSequence",
)
"""Attributes of the received segment that are copied if present."""


def segmentation(origin: Origin, measurement: Measurement) -> Dataset:
    """Return the segmentation of the two measured regions."""
    regions = (measurement.tumour, measurement.ring)
    touched = np.flatnonzero(np.logical_or.reduce([mask.any(axis=(1, 2)) for mask in regions]))
    part = slice(int(touched[0]), int(touched[-1]) + 1)
    slices = source_slices(measurement.volume.frames[part], measurement.volume.headers)
    instance = composite(origin, ResultRole.SEGMENTATION, "SEG", origin.wording.segmentation_name)
    rows, columns = measurement.tumour.shape[1:]
    # Required in a segmentation (PS3.3 C.7.4.1): where the images have none, that of the outline.
    frame_of_reference_uid = (
        measurement.volume.frame_of_reference_uid
        or str(origin.seg_header.get("FrameOfReferenceUID") or "")
        or derived_uid("frame of reference", str(measurement.volume.headers[0].SeriesInstanceUID))
    )
    grid = SourceGrid(
        slices,
        rows,
        columns,
        instance.StudyInstanceUID,
        frame_of_reference_uid,
        measurement.volume.headers[0].get("PositionReferenceIndicator", ""),
        origin.image_references,
    )
    built = binary_segmentation(
        grid,
        [mask[part] for mask in regions],
        [_tumour_segment(origin, measurement), _ring_segment(origin, measurement)],
        origin.uids.dimension_organization(),
        series_instance_uid=instance.SeriesInstanceUID,
        series_number=series_number(ResultRole.SEGMENTATION, origin),
        sop_instance_uid=instance.SOPInstanceUID,
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=RESULT_MODEL_NAME,
        software_versions=software_version(),
        device_serial_number=instance.DeviceSerialNumber,
        content_label=CONTENT_LABEL,
        content_description=DESCRIPTION,
        content_date=instance.ContentDate,
        content_time=instance.ContentTime,
    )
    built.update(instance)
    built.FrameOfReferenceUID = frame_of_reference_uid
    built.file_meta = instance.file_meta
    return built


def _tumour_segment(origin: Origin, measurement: Measurement) -> SegmentDescription:
    """Return the description of the tumour, from the attributes of the received segment."""
    received = measurement.tumour_segment
    tracking = tracking_of(Region.TUMOUR, origin.uids, received)
    description = _description(Region.TUMOUR, _text(received, "SegmentLabel", "Tumour"), tracking, "MANUAL")
    for element in decoded(received, (keyword for keyword in KEPT_OF_TUMOUR if received.get(keyword))):
        description[element.tag] = element
    if description.SegmentAlgorithmType == "MANUAL":
        description.pop("SegmentAlgorithmName", None)
    elif "SegmentAlgorithmName" not in description:
        description.SegmentAlgorithmName = "not named by the outline"
    return description


def _ring_segment(origin: Origin, measurement: Measurement) -> SegmentDescription:
    tracking = tracking_of(Region.RING, origin.uids, None)
    algorithm = AlgorithmIdentificationSequence(
        name=f"{RESULT_MODEL_NAME} peritumoural ring",
        family=codes.MORPHOLOGICAL_OPERATIONS,
        version=software_version(),
        source=MANUFACTURER,
    )
    description = _description(Region.RING, ring_label(origin), tracking, "AUTOMATIC", algorithm)
    if measurement.tumour_segment.get("AnatomicRegionSequence"):
        description.update(decoded(measurement.tumour_segment, ["AnatomicRegionSequence"]))
    return description


def _description(
    region: Region, label: str, tracking: Tracking, algorithm_type: str, algorithm: Any = None
) -> SegmentDescription:
    category, kind = PROPERTIES[region]
    return SegmentDescription(
        segment_number=SEGMENT_NUMBERS[region],
        segment_label=label[:64],
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=algorithm_type,
        algorithm_identification=algorithm,
        tracking_uid=tracking.uid,
        tracking_id=tracking.identifier,
        display_color=CIELabColor.from_rgb(*COLOURS[region]),
    )


PROPERTIES = {
    Region.TUMOUR: (codes.MORPHOLOGICALLY_ABNORMAL, codes.NEOPLASM),
    Region.RING: (codes.TISSUE, codes.PERITUMOURAL_RING),
}
"""Category and type of the segments."""


def _text(dataset: Dataset, keyword: str, otherwise: str) -> str:
    return one_line(str(dataset.get(keyword) or "")) or otherwise
