"""Where a scored case lies in the training distribution of its signature: what ``result.json`` keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DriftRecord:
    """Where one case lies in the training distribution."""

    scanner: str
    """Manufacturer and model, as the images say."""
    parts: Mapping[str, int]
    """Of each watched column, the part of the training distribution that it fell in: an index into
    `workers.scoring.drift.SHARES`."""
    outside: int
    """How many of the signature's features lie outside the range of the training cases."""
    features: int
    """How many features the signature takes."""
