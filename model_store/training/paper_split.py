"""The performance as Han et al. (2024) measured it: features selected on all cases, then 80 % trained on, 20 % tested.

It stands beside the nested cross-validation to show what the order of the steps does. Each outer fold is such a split,
so both ways are measured on the same held-out cases with the same forest; the only difference is whether the held-out
cases had a say in which features are taken. A paper reports one split: the others show how much depends on the draw.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable
from model_store.signatures.canary import hot_probability
from model_store.statistics.fold_scores import corrected_difference
from model_store.statistics.performance import Estimate, auc_with_interval
from model_store.training.column_selection import select_columns
from model_store.training.combat import harmonised
from model_store.training.forest import FOLDS, Candidate, fit_forest
from model_store.training.model_families import fit
from model_store.training.nested_cross_validation import Fold

METHOD = (
    "80 % of the cases trained on, 20 % tested, once for each outer fold; features selected on all cases before the "
    "split, as in the paper, beside features selected on the 80 % alone; the same forest"
)

FEWEST_PER_CLASS, FEWEST_SPLITS = 2, 2


@dataclass(frozen=True)
class PaperSplit:
    """AUC of the held-out fifth of every split."""

    before: tuple[Estimate, ...]
    """Features selected on all cases; DeLong's interval, which is what a paper with one split reports."""
    inside: NDArray[np.float64]
    """Features selected on the training part; of the same splits."""
    folds: tuple[Fold, ...]

    @property
    def optimism(self) -> Estimate:
        """How much higher the AUC is when features are selected before the split, with the corrected interval."""
        return corrected_difference(np.array([one.value for one in self.before]) - self.inside, FOLDS)

    def table(self) -> pd.DataFrame:
        """Return one row per split."""
        return pd.DataFrame(
            {
                "repeat": [fold.repeat for fold in self.folds],
                "fold": [fold.number for fold in self.folds],
                "held_out_cases": [len(fold.held_out) for fold in self.folds],
                "auc_selected_before": [one.value for one in self.before],
                "low": [one.low for one in self.before],
                "high": [one.high for one in self.before],
                "auc_selected_inside": self.inside,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        values = [one.value for one in self.before]
        return {
            "first_split": asdict(self.before[0]),
            "splits": len(values),
            "mean": float(np.mean(values)),
            "lowest": min(values),
            "highest": max(values),
            "mean_selected_inside": float(self.inside.mean()),
            "optimism": asdict(self.optimism),
            "method": METHOD,
        }


def paper_split(
    table: FeatureTable,
    folds: Sequence[Fold],
    candidate: Candidate,
    mapped: Callable[..., Iterator[Any]] = map,
) -> PaperSplit | None:
    """Measure every outer fold as a split of its own, with the settings of the published forest.

    Folds with fewer than two held-out cases of a class have no interval and are left out; None where two are not left.
    """
    usable = [fold for fold in folds if min(np.bincount(table.hot[fold.held_out], minlength=2)) >= FEWEST_PER_CLASS]
    if len(usable) < FEWEST_SPLITS:
        return None
    whole, _ = harmonised(table)  # a paper harmonises all cases, too, before it splits them
    columns = select_columns(whole, candidate.columns)
    found = list(mapped(_measure, [(table, whole, fold, candidate, columns) for fold in usable]))
    return PaperSplit(tuple(before for before, _ in found), np.array([inside for _, inside in found]), tuple(usable))


def _measure(task: tuple[FeatureTable, FeatureTable, Fold, Candidate, tuple[str, ...]]) -> tuple[Estimate, float]:
    table, whole, fold, candidate, columns = task
    held_out = table.rows(fold.held_out)
    forest = fit_forest(whole.rows(fold.training), columns, candidate, fold.seed)
    before = auc_with_interval(held_out.hot, hot_probability(forest, whole.rows(fold.held_out).matrix(columns)))
    inside = fit(table.rows(fold.training), candidate, fold.seed).probability(held_out)
    return before, auc_with_interval(held_out.hot, inside).value
