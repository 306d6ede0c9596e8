"""The training distribution of each feature: what later cases are compared with.

Features that a signature takes harmonised are compared after harmonisation.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from model_store.errors import UNREADABLE_ARCHIVE, SignatureError
from model_store.signatures import numpy_archive

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class FeatureRange:
    """How one feature was distributed over the training cases that had it."""

    minimum: float
    percentile_1: float
    percentile_5: float
    quartile_1: float
    median: float
    quartile_3: float
    percentile_95: float
    percentile_99: float
    maximum: float
    mean: float
    standard_deviation: float
    cases: int

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "FeatureRange":
        """Summarise the values of one feature; NaN means a case without it."""
        present = values[~np.isnan(values)]
        names = [field.name for field in fields(cls)]
        summary = [*map(float, np.quantile(present, QUANTILES)), float(present.mean()), float(present.std())]
        return cls(**dict(zip(names[:-1], summary, strict=True)), cases=len(present))

    def holds(self, value: float) -> bool:
        """Return whether the value is between the minimum and the maximum of training."""
        return self.minimum <= value <= self.maximum


def ranges_of(columns: Sequence[str], values: NDArray[np.float64]) -> dict[str, FeatureRange]:
    """Return the range of each column of ``values`` (cases, columns) that at least one case has."""
    return {
        name: FeatureRange.of(column)
        for name, column in zip(columns, values.T, strict=True)
        if not np.isnan(column).all()
    }


def to_npz(ranges: Mapping[str, FeatureRange]) -> bytes:
    """Return the ranges as an npz file: ``columns`` (columns,) in ASCII, ``ranges`` (columns, 12)."""
    rows = np.array([astuple(item) for item in ranges.values()], dtype=np.float64)
    return numpy_archive.to_npz({"columns": np.array(list(ranges), dtype=np.bytes_), "ranges": rows})


def from_npz(content: bytes) -> dict[str, FeatureRange]:
    """Read the ranges back.

    Raises
    ------
    SignatureError
        This is not such a file.
    """
    try:
        arrays = numpy_archive.from_npz(content)
        rows = np.asarray(arrays["ranges"], np.float64)
        return _read([name.decode() for name in arrays["columns"]], rows)
    except UNREADABLE_ARCHIVE as error:
        raise SignatureError(f"reference.npz cannot be read: {error}; fetch the bundle again") from error


def from_parquet(content: bytes) -> dict[str, FeatureRange]:
    """Read the ranges of a bundle of format 1, one row per column.

    Raises
    ------
    SignatureError
        This is not such a file, or pyarrow, which the service does without, is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SignatureError(
            "reference.parquet, of a bundle of format 1, is read with pyarrow: pip install 'radtme[study]', "
            "or publish the signature again with this version"
        ) from error
    try:
        table = pq.read_table(io.BytesIO(content)).to_pydict()
        columns = [table[field.name] for field in fields(FeatureRange)]
        return _read(table["column"], np.array(columns, dtype=np.float64).T)
    except (pa.ArrowException, *UNREADABLE_ARCHIVE) as error:
        raise SignatureError(f"reference.parquet cannot be read: {error}; fetch the bundle again") from error


def _read(columns: Sequence[str], rows: NDArray[np.float64]) -> dict[str, FeatureRange]:
    names = [field.name for field in fields(FeatureRange)][:-1]
    return {
        column: FeatureRange(**dict(zip(names, map(float, row[:-1]), strict=True)), cases=int(row[-1]))
        for column, row in zip(columns, rows, strict=True)
    }
