"""Measurement groups of a region (TID 1411), bound to its segment, and of a verdict without a region (TID 1501)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.sr.coding import Code

from workers.reports.content_items import (
    HAS_CONCEPT_MOD,
    HAS_OBS_CONTEXT,
    coded,
    container,
    object_reference,
    of_template,
    text,
    uid_reference,
)
from workers.results import codes
from workers.results.anatomy import Site
from workers.results.instance_reference import InstanceReference
from workers.results.tracking import Tracking

WITH_SEGMENT, WITHOUT_REGION = "1411", "1501"


@dataclass(frozen=True)
class RegionReference:
    """The segment that a group is about."""

    segmentation: InstanceReference
    segment_number: int
    source_series_uid: str
    """Series of the images that the segment was drawn on."""


def identity_items(tracking: Tracking, finding: Code, site: Site) -> list[Dataset]:
    """Return what identifies the region: tracking identifier, finding, finding site with its side."""
    found = [
        text(codes.TRACKING_IDENTIFIER, tracking.identifier, HAS_OBS_CONTEXT),
        coded(codes.FINDING, finding),
    ]
    if site.is_breast:
        finding_site = coded(codes.FINDING_SITE, codes.BREAST, HAS_CONCEPT_MOD)
        if site.side is not None:
            finding_site.ContentSequence = [coded(codes.LATERALITY, site.side, HAS_CONCEPT_MOD)]
        found.append(finding_site)
    return found


def reference_items(tracking: Tracking, region: RegionReference | None) -> list[Dataset]:
    """Return what programs follow: the tracking UID, the segment and the series that it was drawn on."""
    found = [uid_reference(codes.TRACKING_UID, tracking.uid, HAS_OBS_CONTEXT)]
    if region is not None:
        found += [
            object_reference(codes.REFERENCED_SEGMENT, region.segmentation, region.segment_number),
            uid_reference(codes.SOURCE_SERIES, region.source_series_uid),
        ]
    return found


def measurement_group(items: Sequence[Dataset], region: RegionReference | None) -> Dataset:
    """Return a group with these items in this order, which TID 1411 and TID 1501 leave open."""
    return of_template(container(codes.MEASUREMENT_GROUP, items), WITH_SEGMENT if region else WITHOUT_REGION)
