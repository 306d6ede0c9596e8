"""What a study declares before its results are known: the bar of the external validation, and its protocol.

A bar that is chosen after the external AUC was seen is no bar. So it is written into the candidate at training, with
the date and the hash of the protocol's file, and a declaration that comes after results says so.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from model_store.files import readable_json, replace_durably, sha256_of_file
from model_store.json_records import as_json, record_of
from model_store.reporting.step_output import read_summary
from model_store.training.plan import TrainPlan

FILE = "declaration.json"


@dataclass(frozen=True)
class Declaration:
    """A bar and a protocol, with the day on which they were first declared."""

    validation_bar: float
    """The lower confidence limit of the AUC of each external cohort has to be above it."""
    protocol_sha256: str
    declared_on: str
    """ISO 8601."""
    after_results: bool
    """Whether external cohorts had been measured in this study before."""


def declaration(plan: TrainPlan, folder: Path, validation: Path, today: date) -> Declaration | None:
    """Return the declaration of a plan; None where it has none.

    What was declared before in the step's ``folder`` keeps its date, so that the same training gives the same bundle.
    ``validation`` is the folder of the step validate.
    """
    if plan.validation_bar is None or plan.protocol is None:
        return None
    path = folder / FILE
    digest = sha256_of_file(plan.protocol)
    before = _read(path)
    if before and (before.validation_bar, before.protocol_sha256) == (plan.validation_bar, digest):
        return before
    seen = set(read_summary(validation).get("cohorts", {})) - {"training"}
    declared = Declaration(
        plan.validation_bar, digest, today.isoformat(), bool(seen) or bool(before and before.after_results)
    )
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(path, readable_json(as_json(declared)))
    return declared


def _read(path: Path) -> Declaration | None:
    try:
        return record_of(Declaration, json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None
