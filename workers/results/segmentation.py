"""The segmentation: tumour and ring on the grid of the images that were measured.

A BINARY one, uncompressed, without empty frames, that says which slice each frame was drawn on: this is what every
viewer draws where it belongs. Tumour and ring overlap by the inner part of the ring.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation as BuiltSegmentation
from highdicom.seg import SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from model_store.signatures.profile import PROFILES
from workers.features.measurement import Measurement
from workers.features.regions import Region
from workers.results import codes
from workers.results.common_modules import MANUFACTURER, MODEL_NAME, Origin, composite, series_number, software_version
from workers.results.patient_study import decoded
from workers.results.result_classes import ResultRole
from workers.results.source_slices import SourceSlice, source_slices
from workers.results.tracking import REGION_NAMES, Tracking, tracking_of
from workers.results.uids import derived_uid

SEGMENT_NUMBERS = {Region.TUMOUR: 1, Region.RING: 2}
COLOURS = {Region.TUMOUR: (255, 92, 51), Region.RING: (51, 194, 255)}
"""Red, green, blue of 0 to 255. Orange and blue: told apart by nearly everyone, and never a grey value."""
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
"""What the received segment says about itself, where it says it."""


def segmentation(origin: Origin, measurement: Measurement) -> Dataset:
    """Return the segmentation of the two measured regions."""
    masks = np.stack([measurement.tumour, measurement.ring])  # z, y, x behind the region: memory order matters below
    touched = np.flatnonzero(masks.any(axis=(0, 2, 3)))
    first, last = int(touched[0]), int(touched[-1])
    slices = source_slices(measurement.volume.frames, measurement.volume.headers)
    instance = composite(origin, ResultRole.SEGMENTATION, "SEG", DESCRIPTION)
    built = _built(origin, measurement, slices[first : last + 1], masks[:, first : last + 1], instance)
    _replace_references(built, slices[first : last + 1])
    _replace_dimension_organization(built, origin.uids.dimension_organization())
    for element in built:
        if element.tag not in instance:
            instance.add(element)
    instance.FrameOfReferenceUID = measurement.volume.frame_of_reference_uid
    instance.ReferencedSeriesSequence = [_referenced_series(slices)]
    return instance


def _built(
    origin: Origin,
    measurement: Measurement,
    slices: Sequence[SourceSlice],
    masks: NDArray[np.bool_],
    instance: Dataset,
) -> Dataset:
    """Return the segmentation as highdicom builds it, with stand-ins for the sources."""
    thickness_mm = _distance_mm(slices)
    return BuiltSegmentation(
        source_images=[
            _stand_in(instance, measurement, number, slices[number], thickness_mm) for number in range(len(slices))
        ],
        # The region is the last axis for highdicom, but the first in memory: its sums along it are 20 times faster
        pixel_array=np.moveaxis(masks.view(np.uint8), 0, -1),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_tumour_segment(origin, measurement), _ring_segment(origin, measurement)],
        series_instance_uid=instance.SeriesInstanceUID,
        series_number=series_number(ResultRole.SEGMENTATION, origin.version.number),
        sop_instance_uid=instance.SOPInstanceUID,
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=software_version(),
        device_serial_number=instance.DeviceSerialNumber,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="TUMOUR_AND_RING",
        content_description=DESCRIPTION,
        content_date=instance.ContentDate,
        content_time=instance.ContentTime,
    )


def _stand_in(
    instance: Dataset, measurement: Measurement, number: int, source: SourceSlice, thickness_mm: float
) -> Dataset:
    """Return a header with what highdicom reads of a source, and nothing it could stumble over.

    Missing Type 2 attributes, several phases in one series and frames of an Enhanced MR would all stop it. The
    references it makes are replaced by those to the real source.
    """
    header = Dataset()
    for keyword in ("PatientID", "PatientName", "StudyID", "AccessionNumber"):
        setattr(header, keyword, "")
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(header, keyword, None)
    header.SOPClassUID = MRImageStorage
    header.SOPInstanceUID = derived_uid("stand-in", str(number))
    header.StudyInstanceUID = instance.StudyInstanceUID
    header.SeriesInstanceUID = source.reference.series_uid
    header.FrameOfReferenceUID = measurement.volume.frame_of_reference_uid
    header.PositionReferenceIndicator = measurement.volume.headers[0].get("PositionReferenceIndicator", "")
    header.Modality = "MR"
    header.Rows, header.Columns = measurement.tumour.shape[1:]
    header.ImagePositionPatient = list(source.position_mm)
    header.ImageOrientationPatient = list(source.orientation)
    header.PixelSpacing = list(source.pixel_spacing_mm)
    header.SliceThickness = source.thickness_mm or thickness_mm
    return header


def _distance_mm(slices: Sequence[SourceSlice]) -> float:
    """Return the distance of neighbouring slices; 1 mm where there is one slice only."""
    if len(slices) == 1:
        return 1.0
    return float(np.linalg.norm(np.subtract(slices[1].position_mm, slices[0].position_mm)))


def _replace_references(built: Dataset, slices: Sequence[SourceSlice]) -> None:
    """Let each frame refer to the real instance, and to the frame of it, where there are frames."""
    real = {derived_uid("stand-in", str(number)): source for number, source in enumerate(slices)}
    for group in built.PerFrameFunctionalGroupsSequence:
        item = group.DerivationImageSequence[0].SourceImageSequence[0]
        if item.ReferencedSOPInstanceUID in real:  # frames of one slice share an item, which is done already
            item.update(real[item.ReferencedSOPInstanceUID].item())


def _replace_dimension_organization(built: Dataset, uid: str) -> None:
    """Replace the random UID that highdicom makes."""
    for sequence in (built.DimensionOrganizationSequence, built.DimensionIndexSequence):
        for item in sequence:
            item.DimensionOrganizationUID = uid


def _referenced_series(slices: Sequence[SourceSlice]) -> Dataset:
    """Return the one series that was measured: viewers count the first one only."""
    item = Dataset()
    instances = {source.reference.sop_instance_uid: source.reference for source in slices}
    item.ReferencedInstanceSequence = [reference.item() for reference in instances.values()]
    item.SeriesInstanceUID = slices[0].reference.series_uid
    return item


def _tumour_segment(origin: Origin, measurement: Measurement) -> SegmentDescription:
    """Return the description of the tumour: what the received segment says about itself."""
    received = measurement.tumour_segment
    tracking = tracking_of(Region.TUMOUR, origin.uids, received)
    description = _description(Region.TUMOUR, _text(received, "SegmentLabel", "Tumour"), tracking, "MANUAL")
    for element in decoded(received, (keyword for keyword in KEPT_OF_TUMOUR if received.get(keyword))):
        description[element.tag] = element
    if description.SegmentAlgorithmType != "MANUAL" and "SegmentAlgorithmName" not in description:
        description.SegmentAlgorithmName = "not named by the outline"
    return description


def _ring_segment(origin: Origin, measurement: Measurement) -> SegmentDescription:
    tracking = tracking_of(Region.RING, origin.uids, None)
    algorithm = AlgorithmIdentificationSequence(
        name=f"{MODEL_NAME} peritumoural ring",
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


def ring_label(origin: Origin) -> str:
    """Return the name of the ring with its thickness, such as ``Peritumoural ring 4 mm``."""
    profile = PROFILES.get(origin.signature.profile) if origin.signature else None
    if profile is None:
        return REGION_NAMES[Region.RING]
    return f"{REGION_NAMES[Region.RING]} {profile.ring_inner_mm + profile.ring_outer_mm:g} mm"


def _text(dataset: Dataset, keyword: str, otherwise: str) -> str:
    return str(dataset.get(keyword) or otherwise)
