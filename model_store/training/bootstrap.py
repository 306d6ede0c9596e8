"""How much better a forest does on the cases that it was fitted on: optimism by bootstrap, with the .632+ rule.

Each bootstrap sample of patients goes through selection and fitting; the patients that it did not draw are measured on
(Efron and Tibshirani, J Am Stat Assoc 92:548, 1997). Harrell's simpler correction measures on all cases, of which a
sample holds two thirds: a forest knows those nearly by heart, so that too little would be subtracted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable
from model_store.statistics.performance import placements
from model_store.training.forest import Candidate
from model_store.training.model_families import fit

SAMPLES = 50
NO_INFORMATION = 0.5
"""AUC of a score that says nothing."""
METHOD = (
    "50 bootstrap samples of patients, each with its own selection of features and forest; .632+ rule of Efron and "
    "Tibshirani (1997)"
)


@dataclass(frozen=True)
class Optimism:
    """AUC by bootstrap."""

    apparent: float
    """On the cases that the forest was fitted on."""
    unseen: float
    """Mean over the samples, on the patients that were not drawn: too low, because a sample has fewer patients."""
    samples: int

    @property
    def corrected(self) -> float:
        """The .632+ estimate."""
        unseen = max(self.unseen, NO_INFORMATION)
        overfitting = (self.apparent - unseen) / (self.apparent - NO_INFORMATION) if self.apparent > unseen else 0.0
        weight = 0.632 / (1 - 0.368 * overfitting)
        return (1 - weight) * self.apparent + weight * unseen

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            **vars(self),
            "corrected": self.corrected,
            "optimism": self.apparent - self.corrected,
            "method": METHOD,
        }


def bootstrap_optimism(
    table: FeatureTable, candidate: Candidate, seed: int, mapped: Callable[..., Iterator[Any]] = map
) -> Optimism:
    """Measure the published settings; samples that leave out all patients of a class do not count."""
    every = np.arange(len(table.patients))
    apparent = _auc((table, every, every, candidate, seed))
    tasks = []
    for number in range(SAMPLES):
        drawn = _drawn(table, np.random.default_rng([seed, number]))
        unseen = np.flatnonzero(~np.isin(np.array(table.patients), np.array(table.patients)[drawn]))
        if len(set(table.hot[unseen].tolist())) == 2:
            tasks.append((table, drawn, unseen, candidate, seed + number))
    values = list(mapped(_auc, tasks))
    return Optimism(apparent, float(np.mean(values)) if values else NO_INFORMATION, len(values))


def _drawn(table: FeatureTable, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the rows of as many patients of each class as there are, drawn with replacement."""
    patients = np.array(table.patients)
    rows = {patient: np.flatnonzero(patients == patient) for patient in dict.fromkeys(table.patients)}
    of_class = [[one for one, at in rows.items() if table.hot[at[0]] == flag] for flag in (True, False)]
    return np.concatenate([rows[one] for kind in of_class for one in rng.choice(kind, len(kind))])


def _auc(task: tuple[FeatureTable, NDArray[np.intp], NDArray[np.intp], Candidate, int]) -> float:
    table, training, held_out, candidate, seed = task
    part = table.rows(held_out)
    score = fit(table.rows(training), candidate, seed).probability(part)
    return float(placements(part.hot, score)[0].mean())
