"""Makes the Segmentation of a mask: coded as tumour, on the grid of the phase, referencing each of its images."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset

from deploy.errors import CommandError
from deploy.outlining.mask import LabelledRegion, Mask
from deploy.outlining.phase import OutlinedPhase
from listener.dicom.own_results import MANUFACTURER
from workers.images.attributes import text
from workers.images.volume import SourceFrame
from workers.results import codes
from workers.results.common_modules import set_file_meta, software_version
from workers.results.patient_study import content_date_time, patient_and_study
from workers.results.segmentation_frames import SourceGrid, binary_segmentation
from workers.results.source_slices import source_slices
from workers.results.uids import derived_uid

OUTLINE_MODEL_NAME = "radtme outline"
"""Manufacturer's Model Name: these are inputs, not results of ours, which are never scored."""
SERIES_NUMBER = 9500
DESCRIPTION = "Tumour outline from a mask file"


def outline_segmentation(mask: Mask, source: OutlinedPhase) -> Dataset:
    """Return the SEG; the same mask on the same images gives the same object, to the byte.

    Its Tracking UIDs and its series follow from the file's name and the images alone, so a mask that is corrected and
    sent again replaces its earlier version.

    Raises
    ------
    CommandError
        If a part of the mask lies outside the images.
    """
    drawn = [_drawn(mask, region, source) for region in mask.regions]
    frames = source.frames
    headers = list({id(frame.instance): frame.instance.dataset for frame in frames}.values())
    slices = source_slices([SourceFrame(*frame.reference) for frame in frames], headers)
    shared = patient_and_study(headers[:1])
    uid_seed = (slices[0].reference.series_uid, mask.path.name)
    content = (*uid_seed, _digest(drawn), *(one.reference.sop_instance_uid for one in slices), *_names(mask.regions))
    moment = content_date_time(headers[0], headers)
    first = headers[0]
    grid = SourceGrid(
        slices,
        rows=source.grid.shape[1],
        columns=source.grid.shape[2],
        study_uid=shared.StudyInstanceUID,
        frame_of_reference_uid=text(first, "FrameOfReferenceUID")
        or derived_uid("outline frame of reference", *uid_seed),
        position_reference=text(first, "PositionReferenceIndicator"),
    )
    instance = binary_segmentation(
        grid,
        drawn,
        [_segment(number, name, uid_seed) for number, name in enumerate(_names(mask.regions), start=1)],
        derived_uid("outline dimensions", *content),
        series_instance_uid=derived_uid("outline series", *uid_seed),
        series_number=SERIES_NUMBER,
        series_description=DESCRIPTION,
        sop_instance_uid=derived_uid("outline", *content),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=OUTLINE_MODEL_NAME,
        software_versions=software_version(),
        device_serial_number=f"{MANUFACTURER}-{software_version()}",
        content_label="TUMOUR",
        content_description=DESCRIPTION,
        content_date=moment.date,
        content_time=moment.time,
    )
    instance.update(shared)
    instance.SpecificCharacterSet = "ISO_IR 192"
    instance.InstanceCreationDate, instance.InstanceCreationTime = moment.date, moment.time
    instance.SeriesDate, instance.SeriesTime = moment.date, moment.time
    if "ContributingEquipmentSequence" in instance:
        del instance.ContributingEquipmentSequence  # highdicom's own item holds the time of the run
    set_file_meta(instance)
    return instance


def write_outline(instance: Dataset, path: Path) -> None:
    """Write the object whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        instance.save_as(temporary, enforce_file_format=True)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _drawn(mask: Mask, region: LabelledRegion, source: OutlinedPhase) -> NDArray[np.bool_]:
    drawn, outside = source.placement.draw(region, source.grid)
    if outside:
        raise CommandError(
            f"{mask.path}: {outside} voxels of label {region.value} lie outside the images",
            "check that the mask belongs to this series, and give the folder of the series that it was drawn on",
        )
    return drawn


def _digest(masks: Sequence[NDArray[np.bool_]]) -> str:
    digest = hashlib.sha256()
    for mask in masks:
        digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()


def _names(regions: Sequence[LabelledRegion]) -> list[str]:
    if len(regions) == 1:
        return [regions[0].name or "Tumour"]
    return [region.name or f"Tumour {region.value}" for region in regions]


def _segment(number: int, name: str, uid_seed: tuple[str, ...]) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.MORPHOLOGICALLY_ABNORMAL,
        segmented_property_type=codes.NEOPLASM,
        algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        anatomic_regions=[codes.BREAST],
        tracking_uid=derived_uid("outline tracking", *uid_seed, str(number)),
        tracking_id=name,
    )
