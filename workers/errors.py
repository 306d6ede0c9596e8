"""The three families of errors. The family determines what to do next; the reason, from a closed set, why."""

import errno
from enum import StrEnum


class Reason(StrEnum):
    """Why a case is not scored. `radtme status`, the log, the metrics and the report show the value."""

    EMPTY_SEGMENTATION = "empty_segmentation"
    NO_TUMOUR_SEGMENT = "no_tumour_segment"
    SEVERAL_TUMOUR_SEGMENTS = "several_tumour_segments"
    UNSUPPORTED_SEGMENTATION = "unsupported_segmentation"
    OUTSIDE_VOLUME = "outside_volume"
    OTHER_FRAME_OF_REFERENCE = "other_frame_of_reference"
    MISSING_INSTANCES = "missing_instances"
    MISSING_SLICES = "missing_slices"
    IRREGULAR_GEOMETRY = "irregular_geometry"
    NO_GEOMETRY = "no_geometry"
    UNKNOWN_PHASE = "unknown_phase"
    DERIVED_IMAGES = "derived_images"
    OTHER_TECHNIQUE = "other_technique"
    OTHER_BODY_PART = "other_body_part"
    BEFORE_CONTRAST = "before_contrast"
    OTHER_PHASE = "other_phase"
    OTHER_ACQUISITION = "other_acquisition"
    OTHER_SPACING = "other_spacing"
    OTHER_SCANNER = "other_scanner"
    UNREADABLE_PIXELS = "unreadable_pixels"
    INVALID_PIXELS = "invalid_pixels"
    SINGLE_SLICE = "single_slice"
    TUMOUR_TOO_SMALL = "tumour_too_small"
    TUMOUR_TOO_LARGE = "tumour_too_large"
    RING_TOO_SMALL = "ring_too_small"
    FEATURE_NOT_COMPUTABLE = "feature_not_computable"
    TOO_FEW_GREY_LEVELS = "too_few_grey_levels"
    FEATURES_OUT_OF_RANGE = "features_out_of_range"
    UNLIKE_TRAINING = "unlike_training"
    PATIENT_MISMATCH = "patient_mismatch"
    UNREADABLE_OBJECT = "unreadable_object"
    SIGNATURE_UNUSABLE = "signature_unusable"
    ENGINES_DIFFER = "engines_differ"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OVER_LIMITS = "over_limits"


class FailureReason(StrEnum):
    """Why a job failed: no target received a result, and manual action is needed."""

    WORKER_KILLED = "worker_killed"
    INTERNAL_ERROR = "internal_error"
    DELIVERY_REFUSED = "delivery_refused"


class RadtmeError(Exception):
    """An error with a reason from the closed set and a message without patient data."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RejectedInput(RadtmeError):
    """The input cannot be scored reliably. Never retried: the case ends as not scored."""


class TransientFailure(Exception):
    """An external failure that may pass. Retried."""


class ModelError(RadtmeError):
    """The signature cannot be trusted. Nothing is scored until an operator has corrected it."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.SIGNATURE_UNUSABLE, message)


class EnginesDiffer(RadtmeError):
    """The two feature engines measured different values. Nothing is scored until an operator has chosen one."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.ENGINES_DIFFER, message)


TRANSIENT_ERRNOS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
    }
)


def is_of_the_machine(error: BaseException) -> bool:
    """Return whether an error passes without a change to the job: a full disk, a permission that was lost, ..."""
    return isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS
