"""The record of a job: what is to be scored, and what it waits for or was made ready with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from listener.ledger.self_test_recipients import SelfTestRecipients
from listener.spool.record_file import LEFT_OUT_IF_NONE, UtcTime

UNKNOWN_SERIES = ""
"""Key of the instances whose series the segmentation does not name."""


class Pairing(StrEnum):
    """What a segmentation's images are known by, the strongest evidence first."""

    INSTANCES = "instances"
    SOURCE_IMAGES = "source_images"
    FRAME_OF_REFERENCE = "frame_of_reference"


@dataclass(frozen=True)
class SegmentationReference:
    """Where the outline lies in its study."""

    series_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class NotComplete:
    """Why a job was closed although images are missing."""

    reason: str
    """Coded; a value of `workers.errors.Reason`."""
    message: str


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One scoring of one outline. UIDs are as received; times are UTC."""

    job_id: str
    """Derived from the outline's SOP Instance UID and the version."""
    version: int
    """1 for the first result of this outline."""
    replaces: str | None = None
    """Id of the job whose result this one's replaces."""
    study_uid: str
    seg: SegmentationReference
    """The outline."""
    pairing: Pairing
    """What the outline says about its images."""
    frame_of_reference_uid: str | None = None
    """Of the outline."""
    required: Mapping[str, tuple[str, ...]]
    """SOP Instance UIDs that the outline names, by Series Instance UID, `UNKNOWN_SERIES` where it does not name that;
    empty for `Pairing.FRAME_OF_REFERENCE`."""
    instances: Mapping[str, tuple[str, ...]] | None = None
    """SOP Instance UIDs of every image that lay there when the job became ready, by Series Instance UID."""
    other_series: Annotated[Mapping[str, int | None] | None, LEFT_OUT_IF_NONE] = None
    """Number of instances of each other series of the study then, by Series Instance UID; None for one that cannot be a
    phase of the same examination."""
    not_complete: NotComplete | None = None
    """Why it was closed without all of its images."""
    created: UtcTime
    readied: UtcTime | None = None
    """When it became ready, or was closed."""
    fetched: UtcTime | None = None
    """When the missing images were asked for (C-MOVE)."""
    tracking_uids: tuple[str, ...] = ()
    """Tracking UIDs of the outline's segments: who corrects an outline keeps them."""
    calling_ae_title: str | None = None
    """Who sent the outline."""
    segment_number: Annotated[int | None, LEFT_OUT_IF_NONE] = None
    """Of the one segment to be scored, in a job that was made for a further tumour of the outline."""
    self_test: SelfTestRecipients | None = None
    """Set where the study was announced as a self-test."""

    @property
    def is_self_test(self) -> bool:
        """Whether the case is a self-test's, not a patient's."""
        return self.self_test is not None

    @property
    def watches_study(self) -> bool:
        """Whether any series of its study may concern it: it names none, or not of every instance, or lacks images.

        Missing images may come in another series than the one named, or converted.
        """
        return not self.required or UNKNOWN_SERIES in self.required or self.not_complete is not None
