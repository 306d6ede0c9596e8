"""An expression matrix: read, checked, and brought to a logarithmic scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model_store.errors import StudyError
from model_store.phenotype.plan import Duplicates, ExpressionUnit

MIN_GENES = 1000
"""Ranks within a sample are meaningless when only a panel of genes was measured."""
MAX_LOG_VALUE = 50.0
"""A logarithm to base 2 of anything that a sequencer counts is smaller."""


@dataclass(frozen=True)
class Expression:
    """A matrix of logarithms."""

    values: pd.DataFrame
    """Genes in rows, samples in columns, base 2."""
    scale: str
    """The scale, for reports, such as ``log2(counts per million + 1)``."""
    dropped: int
    """Rows without a gene's name, or that were merged with another of the same gene."""


def read_expression(path: Path, unit: ExpressionUnit, duplicates: Duplicates = Duplicates.REFUSE) -> Expression:
    """Read genes in rows and samples in columns from TSV, CSV (both also .gz) or Parquet.

    Raises
    ------
    StudyError
        With what was expected: numbers, genes in rows, unique samples, values that fit the unit.
    """
    table = _read(path)
    _check_shape(path, table)
    values, dropped = _one_row_per_gene(path, table, duplicates)
    _check_values(path, values, unit)
    if unit is ExpressionUnit.COUNTS:
        return Expression(_log2(values / values.sum() * 1e6 + 1), "log2(counts per million + 1)", dropped)
    if unit is ExpressionUnit.TPM:
        return Expression(_log2(values + 1), "log2(TPM + 1)", dropped)
    return Expression(values, "logarithm, as given", dropped)


def _log2(values: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(np.log2(values.to_numpy()), index=values.index, columns=values.columns)


def _read(path: Path) -> pd.DataFrame:
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            table = pd.read_parquet(path)
            return table.set_index(table.columns[0]) if isinstance(table.index, pd.RangeIndex) else table
        separator = {".tsv": "\t", ".txt": "\t", ".csv": ","}.get(Path(name).suffix)
        if separator is None:
            raise StudyError(f"{path}: expected .tsv, .txt, .csv (each also .gz) or .parquet")
        # pandas renames a column that comes twice; read without a header, nothing is renamed.
        header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str).iloc[0].tolist()
        table = pd.read_csv(path, sep=separator, header=None, skiprows=1, index_col=0, keep_default_na=True)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise StudyError(f"{path} cannot be read as a table ({type(error).__name__}); see {path.name}") from error
    # R's write.table leaves out the name of the first column.
    table.columns = pd.Index(header[1:] if len(header) == table.shape[1] + 1 else header)
    return table


def _check_shape(path: Path, table: pd.DataFrame) -> None:
    genes, samples = table.shape
    # Never the names of samples: they are patients.
    if not table.columns.is_unique:
        twice = int(np.argmax(table.columns.duplicated())) + 1
        raise StudyError(f"{path}: sample {twice} of {samples} repeats an earlier name; expected each sample once")
    if textual := [at for at, dtype in enumerate(table.dtypes, 1) if not pd.api.types.is_numeric_dtype(dtype)]:
        raise StudyError(
            f"{path}: column {textual[0] + 1} is not numeric; expected gene names in the first column, then numbers"
        )
    if genes < MIN_GENES:
        turned = "; it looks as if samples were in rows: transpose it" if samples >= MIN_GENES else ""
        raise StudyError(
            f"{path}: found {genes} rows and {samples} columns; expected a whole transcriptome, "
            f"at least {MIN_GENES} genes, in rows{turned}"
        )


def _one_row_per_gene(path: Path, table: pd.DataFrame, duplicates: Duplicates) -> tuple[pd.DataFrame, int]:
    named = table[table.index.notna() & (table.index.astype(str).str.strip() != "")]
    named = named.set_axis(named.index.astype(str).str.strip(), axis=0).astype(np.float64)
    repeated = named.index[named.index.duplicated()].unique()
    if len(repeated):
        if duplicates is Duplicates.REFUSE:
            raise StudyError(
                f"{path}: {len(repeated)} genes have several rows, such as {repeated[0]}; expected each gene once; "
                "duplicates: mean or max merges them"
            )
        if duplicates is Duplicates.MEAN:
            named = named.groupby(level=0, sort=False).mean()
        else:
            order = named.mean(axis=1).to_numpy().argsort(kind="stable")[::-1]
            kept = sorted(order[~named.index[order].duplicated()])
            named = named.iloc[kept]
    return named, len(table) - len(named)


def _check_values(path: Path, values: pd.DataFrame, unit: ExpressionUnit) -> None:
    numbers = values.to_numpy()
    if not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers))[0][0])
        raise StudyError(
            f"{path}: gene {values.index[row]} has no number in at least one sample; expected a number in each"
        )
    largest, smallest = float(numbers.max()), float(numbers.min())
    if unit is ExpressionUnit.LOG:
        if largest > MAX_LOG_VALUE:
            raise StudyError(f"{path}: found {largest:g}, which is not a logarithm; expected unit: counts or tpm")
        return
    if smallest < 0:
        raise StudyError(f"{path}: found {smallest:g}; {unit.value} are never negative; expected unit: log")
    if largest <= MAX_LOG_VALUE:
        raise StudyError(f"{path}: no value is above {largest:g}, so it looks like a logarithm; expected unit: log")
    if not (numbers.sum(axis=0) > 0).all():
        raise StudyError(f"{path}: a sample has no expression; remove it")
    if unit is ExpressionUnit.COUNTS and _looks_like_tpm(numbers):
        raise StudyError(
            f"{path}: the values of each sample are not whole numbers and sum to about a million; expected unit: tpm"
        )


def _looks_like_tpm(numbers: np.ndarray) -> bool:
    sums = numbers.sum(axis=0)
    return bool(np.abs(sums / 1e6 - 1).max() < 0.2 and (numbers != np.round(numbers)).any())
