"""Harmonisation of features between scanners, as training froze it: a slope and an offset for each column and scanner.

ComBat (Johnson, Li and Rabinovic, Biostatistics 8:118, 2007) moves and scales the values of each scanner; training fits
it (`model_store.training.combat`). For one column and scanner, all that it does is linear, so the bundle holds two
numbers. A scanner that training did not know has none: its values cannot be harmonised.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

METHOD = "ComBat by scanner, parametric empirical Bayes, without covariates"
_OTHER_CHARACTERS = re.compile(r"[^a-z0-9]+")


def scanner_key(name: str) -> str:
    """Return a scanner's name (manufacturer and model) in the form in which names are compared."""
    return _OTHER_CHARACTERS.sub(" ", name.casefold()).strip()


@dataclass(frozen=True)
class LinearMaps:
    """What makes a scanner's values comparable: ``value * slope + offset``, in the order of the signature's columns."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.slopes) != len(self.offsets):
            raise ValueError(
                f"{len(self.slopes)} slopes and {len(self.offsets)} offsets; expected one of each a column"
            )
        if not all(map(math.isfinite, (*self.slopes, *self.offsets))) or not all(slope > 0 for slope in self.slopes):
            raise ValueError("slopes and offsets are finite numbers, and slopes are positive")


@dataclass(frozen=True)
class Harmonisation:
    """The frozen harmonisation of a signature."""

    scanners: Mapping[str, LinearMaps]
    """By `scanner_key`."""
    method: str = METHOD

    def __post_init__(self) -> None:
        if self.method != METHOD:
            raise ValueError(f"features were harmonised by a method that this program does not know: {self.method}")
        if not self.scanners or any(name != scanner_key(name) or not name for name in self.scanners):
            raise ValueError("a harmonisation needs scanners, named in small letters and digits")

    def knows(self, scanner: str) -> bool:
        """Return whether training knew this scanner."""
        return scanner_key(scanner) in self.scanners

    def unknown(self, scanners: Iterable[str]) -> NDArray[np.bool_]:
        """Return for each case (cases,) whether its scanner was unknown to training."""
        return np.array([not self.knows(scanner) for scanner in scanners], dtype=np.bool_)

    def apply(self, rows: NDArray[np.float64], scanner: str) -> NDArray[np.float64]:
        """Return the values (cases, columns) of one scanner harmonised; of an unknown one, as they are."""
        maps = self.scanners.get(scanner_key(scanner))
        return rows if maps is None else rows * np.array(maps.slopes) + np.array(maps.offsets)
