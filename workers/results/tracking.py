"""Tracking of regions: the same identifier and UID in segmentation and reports."""

from dataclasses import dataclass

from pydicom import Dataset

from listener.dicom.uids import is_uid
from workers.features.regions import Region
from workers.results.uids import ResultUids
from workers.results.valid_attributes import one_line
from workers.texts.wording import Wording

REGION_NAMES = {Region.TUMOUR: "Tumour", Region.RING: "Peritumoural ring"}


@dataclass(frozen=True)
class Tracking:
    """Tracking identifier and UID of a region (TID 4108)."""

    identifier: str
    uid: str


def tracking_of(region: Region, uids: ResultUids, tumour_segment: Dataset | None) -> Tracking:
    """Return the tracking of a region: that of the received outline, else a derived one."""
    if region is Region.TUMOUR and tumour_segment is not None:
        received_id, received_uid = tumour_segment.get("TrackingID"), tumour_segment.get("TrackingUID")
        if received_id and received_uid and is_uid(str(received_uid)):
            return Tracking(one_line(str(received_id)), str(received_uid))
    if uids.segment_number is None:
        return Tracking(REGION_NAMES[region], uids.tracking(region))
    of = f"segment {uids.segment_number}"
    label = "" if tumour_segment is None else one_line(str(tumour_segment.get("SegmentLabel") or ""))
    named = f"{label} ({of})" if label and region is Region.TUMOUR else f"{REGION_NAMES[region]} of {of}"
    return Tracking(named, uids.tracking(region))


def shown_name(tracking: Tracking, say: Wording) -> str:
    """Return the identifier for readers: our own names of the regions in their language, others as they are."""
    return say(tracking.identifier) if tracking.identifier in REGION_NAMES.values() else tracking.identifier
