"""Kinetic features: how a tumour takes up contrast and loses it, by three phases of the examination.

Initial enhancement and signal enhancement ratio (SER) as in Hylton et al., Radiology 263:663 (2012): ``(S1 - S0) / S0``
and ``(S1 - S0) / (S2 - S0)``, with S0 before contrast, S1 early and S2 late after it. Wash-out is ``(S1 - S2) / S1``.
"""

import re
from dataclasses import dataclass

BEFORE_CONTRAST = 1
"""Number of that phase in its examination."""
LAST = "last"
KINETIC_NAMES = tuple(
    f"original_kinetics_{name}"
    for name in (
        "InitialEnhancementMedian",
        "InitialEnhancement90Percentile",
        "WashOutMedian",
        "WashOut90Percentile",
        "WashOutShare",
        "PersistentShare",
        "SERMedian",
        "SER90Percentile",
    )
)
"""Of the tumour, beside its 479 features: medians and percentiles over the voxels of the outline. ``WashOutShare`` and
``PersistentShare`` are the shares of the voxels that lose and that gain 10 % or more from early to late (BI-RADS)."""


@dataclass(frozen=True)
class Kinetics:
    """Which phases of the examination are early and late, counted from 1, the phase before contrast."""

    early: int = 2
    late: int | None = None
    """None: the last one."""

    def __post_init__(self) -> None:
        """Refuse phases that are not after each other.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if self.early <= BEFORE_CONTRAST:
            raise ValueError(f"kinetics: early: expected a phase after the first, before contrast, found {self.early}")
        if self.late is not None and self.late <= self.early:
            raise ValueError(f"kinetics: late: expected a phase after the early one, {self.early}, found {self.late}")

    def __str__(self) -> str:
        return f"phases: before contrast {BEFORE_CONTRAST}, early {self.early}, late {self.late or LAST}"

    @classmethod
    def from_text(cls, text: str) -> "Kinetics":
        """Return what was written as text.

        Raises
        ------
        ValueError
            It is no such text.
        """
        found = re.fullmatch(rf"phases: before contrast {BEFORE_CONTRAST}, early (\d+), late (\d+|{LAST})", text)
        if found is None:
            raise ValueError(f"phases of kinetics cannot be read from {text!r}")
        return cls(int(found[1]), None if found[2] == LAST else int(found[2]))
