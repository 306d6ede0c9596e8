"""How the reliability of features is measured."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Interval

from model_store.number_types import Count, CountFromZero, Seed, SpreadFromZero


@dataclass(frozen=True)
class Perturbation:
    """How outlines are redrawn where no second reader exists."""

    repeats: Count = 4
    """Redrawn outlines for each case, beside the original."""
    cases: CountFromZero = 30
    """At most so many, drawn at random; 0 takes all."""
    shift_mm: SpreadFromZero = 1.0
    """Standard deviation of the shift along each axis."""
    border_mm: SpreadFromZero = 1.0
    """Standard deviation of how far the border moves outwards or inwards as a whole."""
    rotation_degrees: SpreadFromZero = 5.0
    """Standard deviation of the rotation about the centre."""
    noise_mm: SpreadFromZero = 0.7
    """Standard deviation of how far the border moves from place to place."""


@dataclass(frozen=True)
class ReliabilityPlan:
    """Section ``reliability``."""

    threshold: Annotated[float, Interval(gt=0, lt=1)] = 0.75
    """ICC from which a feature is kept; the paper's."""
    retest: Path | None = None
    """CSV with the columns test and retest: scans of patients who were scanned twice, without a treatment between."""
    seed: Seed = 1
    jobs: CountFromZero = 0
    perturb: Perturbation = field(default_factory=Perturbation)
