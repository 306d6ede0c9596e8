"""Which features a training is offered, and where the lists come from that leave others out before the folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import read_table
from model_store.cohort.provenance import provenance_of, require_honest_selection
from model_store.cohort.repeated_outlines import require_recomputed
from model_store.cohort.twins import require_other_patients
from model_store.errors import LeakError, TrainingError
from model_store.signatures.own_columns import own_of
from model_store.training.plan import TrainPlan


@dataclass(frozen=True)
class Offered:
    """The features that are left after the lists of a plan."""

    left_out: dict[str, tuple[str, ...]]
    """Features that are not offered, by reason; no label of the training was looked at."""
    origins: dict[str, str]
    """Where the lists come from."""

    def of(self, table: FeatureTable) -> FeatureTable:
        """Return the table with the offered features."""
        return table.without(name for names in self.left_out.values() for name in names)


def offered_features(plan: TrainPlan, reliability: Path | None, features: pd.DataFrame, table: FeatureTable) -> Offered:
    """Read the lists of a plan; ``features`` is the feature table, ``table`` its labelled cases.

    Raises
    ------
    LeakError
        A list was chosen with the labels of patients to train on, or does not say where it comes from.
    TrainingError
        A list names a feature that is not there, or leaves none.
    """
    left_out: dict[str, tuple[str, ...]] = {}
    origins: dict[str, str] = {}
    own = own_of(table.columns)  # the plan names each of them
    of_images = [name for name in table.columns if name not in own]
    if plan.leave_out:
        left_out["left out by the plan"] = plan.leave_out
        origins["leave_out"] = _left_out_origin(plan, table)
    if reliability is not None:
        frame = read_table(reliability, ("feature", "kept"))
        origins["reliability"] = _reliability_origin(reliability, frame, features, table.patients)
        kept = set(frame.loc[frame["kept"].astype(bool), "feature"])
        left_out["not reliable"] = tuple(name for name in of_images if name not in kept)
    if plan.preselected is not None:
        frame = read_table(plan.preselected, ("feature",))
        origins["preselected"] = _preselected_origin(plan, frame, table.patients)
        chosen = set(frame["feature"])
        left_out["not preselected"] = tuple(name for name in of_images if name not in chosen)
    if not set(table.columns) - {name for names in left_out.values() for name in names}:
        raise TrainingError("no feature is left: the exclusion lists exclude all of them")
    return Offered(left_out, origins)


def _left_out_origin(plan: TrainPlan, table: FeatureTable) -> str:
    """Return where ``leave_out`` comes from: a list of what to leave out chooses what stays, as `preselected` does."""
    if strange := sorted(set(plan.leave_out) - set(table.columns)):
        raise TrainingError(f"leave_out names {strange[0]}, which is not a column of the features")
    if not plan.leave_out_origin.strip():
        raise LeakError(
            f"train.leave_out leaves {len(plan.leave_out)} features out and does not state why, so features may have "
            "been selected outside the folds; set train.leave_out_origin (a publication, a hypothesis) and, if labels "
            "were used, train.leave_out_on"
        )
    return _declared(plan.leave_out_origin, plan.leave_out_on, table.patients)


def _reliability_origin(path: Path, frame: pd.DataFrame, features: pd.DataFrame, patients: Sequence[str]) -> str:
    """Return where the list of reliable features comes from; refuse one that may know the labels."""
    if provenance_of(frame) is not None:
        require_honest_selection(str(path), frame, patients)
    return require_recomputed(path, frame, features)


def _preselected_origin(plan: TrainPlan, frame: pd.DataFrame, patients: Sequence[str]) -> str:
    """Return the origin of a preselected list; refuse one that was made with the labels of these patients."""
    if provenance_of(frame) is None and plan.preselected_origin.strip():
        return _declared(plan.preselected_origin, plan.preselected_on, patients)
    origin = require_honest_selection(str(plan.preselected), frame, patients)
    return f"{origin.step}, {_labels(origin.used_labels)}, rows {origin.rows[:12]}"


def _declared(origin: str, selected_on: Path | None, patients: Sequence[str]) -> str:
    """Return what the plan declares of a list, with the patients whose labels made it."""
    if selected_on is None:
        return f"{origin} (declared; {_labels(False)})"
    others = read_table(selected_on, ("patient",))["patient"].astype(str)
    try:
        require_other_patients(patients, others, "the cohort that features were selected on")
    except LeakError as error:
        raise LeakError(f"{error}: a feature selected outside the folds") from error
    return f"{origin} (declared; with the labels of {others.nunique()} other patients)"


def _labels(used: bool) -> str:
    return "with labels of other patients" if used else "no labels used"
