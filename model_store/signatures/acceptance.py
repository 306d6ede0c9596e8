"""The acceptance contract: to which images and measurements a signature may be applied.

The signature owns it, training writes it, and the workers apply it. Evidence in an image against a criterion refuses a
case; missing evidence is noted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Criterion(StrEnum):
    """What a case has to meet. A site may let a criterion note what it would refuse."""

    TECHNIQUE = "technique"
    """An MR gradient echo: not echo planar, spin echo or diffusion-weighted."""
    DERIVATION = "derivation"
    """Not computed from other images: no subtraction, projection or parameter map."""
    BODY_PART = "body_part"
    """The breast, or no statement of another body part."""
    CONTRAST_PHASE = "contrast_phase"
    """After contrast, by the headers and by the enhancement inside the outline."""
    PHASE_NUMBER = "phase_number"
    """A phase of the examination that the signature was trained on."""
    ACQUISITION = "acquisition"
    """Repetition time, echo time, flip angle and field strength as at training."""
    SPACING = "spacing"
    """Pixel and slice spacing as at training."""
    SCANNER = "scanner"
    """A scanner that training knew, where the signature harmonises features between scanners."""
    GREY_LEVELS = "grey_levels"
    """Enough grey levels in tumour and ring for texture."""
    FEATURE_RANGE = "feature_range"
    """At most a share of the score's features lies outside the range of the training cases."""
    TRAINING_DISTANCE = "training_distance"
    """The score's features taken together lie as near to the training cases as these lie to each other."""


class Parameter(StrEnum):
    """A number of the acquisition whose range a contract may limit; the name includes the unit."""

    REPETITION_TIME = "repetition_time_ms"
    ECHO_TIME = "echo_time_ms"
    FLIP_ANGLE = "flip_angle_degrees"
    FIELD_STRENGTH = "field_strength_tesla"
    PIXEL_SPACING = "pixel_spacing_mm"
    SLICE_SPACING = "slice_spacing_mm"


MARGIN = 1.25
"""Accepted ranges go from the smallest value of the cases divided by this to the largest multiplied by it."""
PHASE, TECHNIQUE = "phase", "technique"
ACQUISITION_COLUMNS = (PHASE, TECHNIQUE, *(name.value for name in Parameter))
"""Columns of a feature table from which training writes a contract: how the images were acquired, as far as known."""


@dataclass(frozen=True)
class Interval:
    """Accepted values, both ends included."""

    minimum: float
    maximum: float

    def __post_init__(self) -> None:
        """Refuse an empty interval."""
        if not (math.isfinite(self.minimum) and math.isfinite(self.maximum) and self.minimum <= self.maximum):
            raise ValueError(
                f"an interval goes from a smaller to a larger number, not {self.minimum} to {self.maximum}"
            )

    def holds(self, value: float) -> bool:
        """Whether the value lies in it."""
        return self.minimum <= value <= self.maximum


@dataclass(frozen=True)
class AcceptanceContract:
    """To what a signature may be applied. The default is that of bundles which state none (formats 1 and 2)."""

    acquisition: Mapping[Parameter, Interval] = field(default_factory=dict)
    """By parameter, with the margin already in it; a parameter that training did not know has none."""
    min_grey_levels: int = 8
    """Of tumour and of ring: below this texture is quantisation."""
    max_outside_share: float = 0.25
    """Of the columns that the forest takes: how many may lie outside the range of the training cases."""
    phases: tuple[int, ...] = ()
    """Numbers of the phases in their examination that training knew, 1 before contrast; empty: not bounded."""
    max_training_distance: float | None = None
    """In `TrainingDistance`, which the bundle then holds; None: not bounded."""

    def __post_init__(self) -> None:
        """Refuse limits that accept everything by mistake, or nothing."""
        if not 0 <= self.max_outside_share <= 1:
            raise ValueError(f"max_outside_share is a share between 0 and 1, not {self.max_outside_share}")
        if any(phase < 1 for phase in self.phases):
            raise ValueError(f"phases are numbers from 1, not {list(self.phases)}")
        limit = self.max_training_distance
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise ValueError(f"max_training_distance is above 0, not {limit}")
        if self.min_grey_levels < 2:
            raise ValueError(f"min_grey_levels is at least 2, not {self.min_grey_levels}")


DEFAULT_ACCEPTANCE = AcceptanceContract()
