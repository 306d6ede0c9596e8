"""The configuration of a study on a public cohort, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import WrongUsage

BEFORE_TREATMENT = ("age", "subtype", "grade", "hr", "her2", "mp")
RESPONSE = """\
# {name}. No immune phenotype of these patients is published: hot stands for a pathological
# complete response, cold for none. A signature of it predicts response, and says so in its label_source.
"""
EXPRESSION = """\
# {name}. Phenotypes come from the expression of the tumours: put the table of TCGA-BRCA
# (expression.csv) and the gene sets (gene_sets.gmt) beside this file. unit: as the table has it.
"""


@dataclass(frozen=True)
class Source:
    """What a study says of where its cases come from."""

    data: str
    extract: Mapping[str, str] = field(default_factory=lambda: {"pairs": "pairs.csv", "resample_masks": "nearest"})
    readers: str = "The experts of MAMA-MIA"
    other_outcomes: tuple[str, ...] = ()
    """Values of the response that are neither 1 nor 0."""


def response_study(name: str, known: tuple[str, ...], source: Source) -> str:
    """Return a study on response; its clinical model takes what the table (columns ``known``) has before treatment."""
    labels: dict[str, Any] = {"table": "clinical.csv", "phenotype": "pcr", "hot": ["1"], "cold": ["0"]}
    if source.other_outcomes:
        labels["left_out"] = list(source.other_outcomes)
    model = [column for column in BEFORE_TREATMENT if column in known]
    steps = {
        "train": {"id": f"{name}-response", "labels": labels},
        "validate": {"clinical": "clinical.csv", "clinical_model": model},
    }
    return _text(RESPONSE, name, source, steps, "Pathological complete response, not an immune phenotype")


def expression_study(name: str, source: Source) -> str:
    """Return a study whose phenotypes come from expression."""
    steps = {
        "phenotype": {"expression": "expression.csv", "unit": "log", "gene_sets": "gene_sets.gmt"},
        "train": {"id": name},
    }
    return _text(EXPRESSION, name, source, steps, "RNA expression of TCGA-BRCA")


def other_outcomes(rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the responses in clinical rows that are neither 1 nor 0."""
    return tuple(sorted({row.get("pcr", "") for row in rows} - {"", "0", "1"}))


def require_responses(folder: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a cohort without a single response: nothing could be trained on it.

    Raises
    ------
    WrongUsage
        With what to check.
    """
    if not any(row.get("pcr") in ("0", "1") for row in rows):
        raise WrongUsage(
            f"{folder}: none of the {len(rows)} patients with images has a response (0 or 1) in the clinical table: "
            "check its column of the pathological complete response, and that it names patients as the images do"
        )


def _text(comment: str, name: str, source: Source, steps: Mapping[str, Any], labels: str) -> str:
    origin = {"data_source": source.data, "label_source": labels, "outline_readers": source.readers}
    study = {"output": "study", "extract": dict(source.extract), **steps, "publish": origin}
    return comment.format(name=name) + yaml.safe_dump(study, sort_keys=False, allow_unicode=True, width=120)
