"""Gene sets: what a GMT file holds, and how much of it an expression matrix has."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from model_store.errors import StudyError

_DATE = re.compile(r"\d{1,2}-(Mar|Sep|Dec)|(Mar|Sep|Dec)-\d{1,2}", re.IGNORECASE)

GeneSets = Mapping[str, tuple[str, ...]]
"""The genes of each named set, in the order of the file, each once."""


def read_gene_sets(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a GMT file: one set per line, tab-separated: name, description, genes. A set of a single gene is kept.

    Raises
    ------
    StudyError
        A line without genes, a name that comes twice, no set at all, a file that is no text.
    """
    sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        name, _, *genes = [*line.rstrip("\n").split("\t"), ""]
        found = tuple(dict.fromkeys(gene.strip() for gene in genes if gene.strip()))
        if not found:
            raise StudyError(f"{path}, line {number}: expected name, description and genes between tabs; found no gene")
        if name.strip() in sets:
            raise StudyError(f"{path}, line {number}: the set {name.strip()} comes twice; rename or remove one of them")
        sets[name.strip()] = found
    if not sets:
        raise StudyError(f"{path} contains no gene set; expected a GMT file")
    return sets


def coverage_table(sets: GeneSets, genes: Iterable[str]) -> pd.DataFrame:
    """Return how many genes of each set are among `genes`: ``set, genes, found, missing`` (their names)."""
    there = set(genes)
    rows = [
        {
            "set": name,
            "genes": len(members),
            "found": sum(gene in there for gene in members),
            "missing": " ".join(gene for gene in members if gene not in there),
        }
        for name, members in sets.items()
    ]
    return pd.DataFrame(rows, columns=["set", "genes", "found", "missing"])


def covered_sets(sets: GeneSets, genes: Iterable[str], least_share: float) -> dict[str, tuple[str, ...]]:
    """Return the sets with their genes that are there.

    Raises
    ------
    StudyError
        Of some set less than `least_share` is there; usually other names (Ensembl) or another species.
    """
    there = set(genes)
    found = {name: tuple(gene for gene in members if gene in there) for name, members in sets.items()}
    short = [name for name, members in found.items() if len(members) < max(1, least_share * len(sets[name]))]
    if short:
        first = short[0]
        raise StudyError(
            f"of the {len(sets[first])} genes of the set {first}, the matrix has {len(found[first])}, less than "
            f"{least_share:.0%} ({len(short)} of {len(sets)} sets are short); expected the same kind of names in both "
            "files, such as HUGO symbols; or remove the set, or lower least_coverage"
        )
    return found


def names_turned_into_dates(sets: GeneSets) -> list[str]:
    """Return genes that a spreadsheet turned into dates, such as Mar-06 for MARCHF6; no matrix has them."""
    return sorted({gene for genes in sets.values() for gene in genes if _DATE.fullmatch(gene)})


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not a text file; expected a GMT file") from error
