"""What a validated cohort's figures were computed from: enough to repeat them with the same tables, and no patient."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from model_store.cohort.plan import LabelTable
from model_store.files import sha256_of_file


@dataclass(frozen=True)
class CohortRecord:
    """Hashes and words of a cohort's tables."""

    tables: Mapping[str, str]
    """SHA-256 of each file, by what it is: features, labels, own."""
    labels: LabelTable
    """How its labels are worded; the path is left out."""
    as_measured: bool = False
    """Whether cases of scanners that a harmonised signature does not know were scored."""

    @classmethod
    def of(cls, tables: Mapping[str, Path | None], labels: LabelTable, *, as_measured: bool) -> "CohortRecord":
        """Return the record of a cohort; ``tables`` does not name that of the labels."""
        return cls(table_digests({**tables, "labels": labels.table}), without_path(labels), as_measured)


def table_digests(tables: Mapping[str, Path | None]) -> dict[str, str]:
    """Return the SHA-256 of each table that is given."""
    return {name: sha256_of_file(path) for name, path in tables.items() if path is not None}


def without_path(labels: LabelTable) -> LabelTable:
    """Return how labels are worded, without the table that they are in."""
    return replace(labels, table=Path())
