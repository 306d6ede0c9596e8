"""The distance of a case from the training cases in the space of the forest's features."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model_store.errors import UNREADABLE_ARCHIVE, SignatureError
from model_store.signatures import numpy_archive


@dataclass(frozen=True, eq=False)
class TrainingDistance:
    """A Mahalanobis distance in robustly scaled features.

    Each feature is centred at its median and divided by its interquartile range, as a standard deviation; the inverse
    hyperbolic sine keeps long tails from deciding alone.
    """

    median: NDArray[np.float64]
    """(columns,), in the order of the estimator."""
    scale: NDArray[np.float64]
    """(columns,): interquartile range / 1.349; 1 where that is 0."""
    location: NDArray[np.float64]
    """(columns,): mean of the scaled training cases."""
    precision: NDArray[np.float64]
    """(columns, columns): inverse of their covariance."""

    def of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance of each row (cases, columns)."""
        off = self.scaled(rows, self.median, self.scale) - self.location
        found: NDArray[np.float64] = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", off, self.precision, off), 0.0))
        return found

    @staticmethod
    def scaled(
        rows: NDArray[np.float64], median: NDArray[np.float64], scale: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return rows (cases, columns) robustly scaled."""
        found: NDArray[np.float64] = np.arcsinh((rows - median) / scale)
        return found


def to_npz(distance: TrainingDistance) -> bytes:
    """Return the distance as an npz file; the same distance gives the same bytes."""
    return numpy_archive.to_npz({field.name: getattr(distance, field.name) for field in fields(TrainingDistance)})


def from_npz(content: bytes, columns: int) -> TrainingDistance:
    """Read a distance over so many columns back.

    Raises
    ------
    SignatureError
        This is not such a file.
    """
    try:
        arrays = numpy_archive.from_npz(content)
        found = {field.name: np.asarray(arrays[field.name], np.float64) for field in fields(TrainingDistance)}
    except UNREADABLE_ARCHIVE as error:
        raise SignatureError(f"distance.npz cannot be read: {error}; fetch the bundle again") from error
    shapes = {name: (columns, columns) if name == "precision" else (columns,) for name in found}
    for name, array in found.items():
        if array.shape != shapes[name] or not np.isfinite(array).all():
            raise SignatureError(f"distance.npz: {name} is expected to hold finite numbers of shape {shapes[name]}")
    if (found["scale"] <= 0).any():
        raise SignatureError("distance.npz: scale is expected to be positive")
    return TrainingDistance(**found)
