"""How the reliability of features is measured."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Perturbation:
    """How outlines are redrawn where no second reader exists."""

    repeats: int = 4
    """Redrawn outlines for each case, beside the original."""
    cases: int = 30
    """At most so many, drawn at random; 0 takes all."""
    shift_mm: float = 1.0
    """Standard deviation of the shift along each axis."""
    border_mm: float = 1.0
    """Standard deviation of how far the border moves outwards or inwards as a whole."""
    rotation_degrees: float = 5.0
    """Standard deviation of the rotation about the centre."""
    noise_mm: float = 0.7
    """Standard deviation of how far the border moves from place to place."""


@dataclass(frozen=True)
class ReliabilityPlan:
    """Section ``reliability``."""

    threshold: float = 0.75
    """ICC from which a feature is kept; the paper's."""
    seed: int = 1
    jobs: int = 0
    perturb: Perturbation = field(default_factory=Perturbation)

    def __post_init__(self) -> None:
        """Refuse what is no ICC, or draws nothing.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold: expected an ICC between 0 and 1, found {self.threshold:g}")
        if self.perturb.repeats < 1:
            raise ValueError(f"perturb.repeats: expected at least 1, found {self.perturb.repeats}")
