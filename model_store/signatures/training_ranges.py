"""The training distribution of each feature: what later cases are compared with."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

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
        """Summarise the values of one feature; NaN stands for a case without it."""
        present = values[~np.isnan(values)]
        names = [field.name for field in fields(cls)]
        summary = [*map(float, np.quantile(present, QUANTILES)), float(present.mean()), float(present.std())]
        return cls(**dict(zip(names[:-1], summary, strict=True)), cases=len(present))

    def holds(self, value: float) -> bool:
        """Whether the value lies between the smallest and the largest one of training."""
        return self.minimum <= value <= self.maximum


def ranges_of(columns: Sequence[str], values: NDArray[np.float64]) -> dict[str, FeatureRange]:
    """Return the range of each column of ``values`` (cases, columns) that at least one case has."""
    return {
        name: FeatureRange.of(column)
        for name, column in zip(columns, values.T, strict=True)
        if not np.isnan(column).all()
    }


def to_parquet(ranges: Mapping[str, FeatureRange]) -> bytes:
    """Return the ranges as a Parquet file, one row per column."""
    names = [field.name for field in fields(FeatureRange)]
    rows = np.array([astuple(item) for item in ranges.values()], dtype=np.float64).T
    columns = {"column": pa.array(list(ranges)), **dict(zip(names, map(pa.array, rows), strict=True))}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(content: bytes) -> dict[str, FeatureRange]:
    """Read the ranges back.

    Raises:
        pyarrow.ArrowException, KeyError: this is not such a file.
    """
    table = pq.read_table(io.BytesIO(content)).to_pydict()
    names = [field.name for field in fields(FeatureRange)]
    rows = zip(*(table[name] for name in names), strict=True)
    return {
        column: FeatureRange(**dict(zip(names[:-1], row[:-1], strict=True)), cases=int(row[-1]))
        for column, row in zip(table["column"], rows, strict=True)
    }
