"""The performance of a training procedure, measured by repeated nested cross-validation.

In each outer fold everything that looks at labels (columns, candidate, threshold) is chosen on the other folds by an
inner cross-validation; the held-out cases are only measured on. So the mean over the folds is not the best of several.

The folds share training cases, so their spread, or DeLong's interval on pooled out-of-fold scores, says too little
about how far off the mean can be. The interval here is the corrected resampled t of Nadeau and Bengio (Machine Learning
52:239, 2003): the variance between folds times (1 / folds + held-out share / training share), with one degree of
freedom less than there are results. The folds of one repeat are counted, however many repeats there are: repeats
average out how the cases happened to fall, but they are no new cases.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable
from model_store.computing.progress import Mapped
from model_store.statistics.fold_scores import FoldScores, corrected_interval, corrected_standard_error, fold_scores
from model_store.statistics.performance import Estimate, placements
from model_store.training.forest import FOLDS, patient_folds, youden_threshold
from model_store.training.model_families import Family, Fitted, fit, words

MEASURES = ("auc", "accuracy", "sensitivity", "specificity", "brier")


@dataclass(frozen=True)
class Fold:
    """One outer fold: its training and its held-out cases."""

    repeat: int
    number: int
    seed: int
    training: NDArray[np.intp]
    held_out: NDArray[np.intp]


@dataclass(frozen=True)
class FoldResult:
    """The result of one outer fold."""

    fold: Fold
    chosen: str
    """The candidate that the inner folds chose."""
    columns: tuple[str, ...]
    threshold: float
    probability: NDArray[np.float64]
    """Of the held-out cases."""
    measures: dict[str, float]
    """`MEASURES` on the held-out cases."""
    candidate_auc: dict[str, float]
    """Of every candidate on the held-out cases."""
    permutation: dict[str, float]
    """Fall of the held-out AUC when a chosen column's values are shuffled."""


@dataclass(frozen=True)
class Nested:
    """A family's nested cross-validation."""

    family: Family
    folds: tuple[FoldResult, ...]

    def estimate(self, measure: str) -> Estimate:
        """Return mean and interval of one of `MEASURES`."""
        return corrected_interval(np.array([result.measures[measure] for result in self.folds]), FOLDS)

    def candidate(self, name: str) -> tuple[float, float]:
        """Return mean AUC and corrected standard error of one candidate."""
        values = np.array([result.candidate_auc[name] for result in self.folds])
        return float(values.mean()), corrected_standard_error(values, FOLDS)

    def chosen(self) -> Counter[str]:
        """Return how often the inner folds chose which candidate."""
        return Counter(result.chosen for result in self.folds)

    def scores(self, hot: NDArray[np.bool_]) -> FoldScores:
        """Return the held-out scores and verdicts of every fold of every repeat."""
        return fold_scores(
            [
                (
                    one.fold.repeat,
                    one.fold.number,
                    one.fold.held_out,
                    hot[one.fold.held_out],
                    one.probability,
                    one.probability >= one.threshold,
                )
                for one in self.folds
            ]
        )

    def out_of_fold(self, cases: int, repeat: int = 0) -> NDArray[np.float64]:
        """Return each case's probability in one repeat."""
        probability = np.full(cases, np.nan)
        for result in self.folds:
            if result.fold.repeat == repeat:
                probability[result.fold.held_out] = result.probability
        return probability

    def verdicts(self, cases: int, repeat: int = 0) -> NDArray[np.bool_]:
        """Return each case's verdict in one repeat, by the threshold that was chosen without it."""
        verdict = np.zeros(cases, dtype=np.bool_)
        for result in self.folds:
            if result.fold.repeat == repeat:
                verdict[result.fold.held_out] = result.probability >= result.threshold
        return verdict


class KeepsFolds(Protocol):
    """Where folds are kept in case that the training is interrupted (`model_store.training.kept_folds`)."""

    def find(self, family: Family, fold: Fold) -> FoldResult | None:
        """Return the result of this fold, if it was stored."""

    def keep(self, family: Family, result: FoldResult) -> None:
        """Store the result of a fold."""


def outer_folds(table: FeatureTable, repeats: int, seed: int) -> list[Fold]:
    """Return the folds of every repeat: stratified by class, no patient on both sides."""
    return [
        Fold(repeat, number, seed + repeat, training, held_out)
        for repeat in range(repeats)
        for number, (training, held_out) in enumerate(patient_folds(table, seed + repeat))
    ]


def nested_cross_validation(
    table: FeatureTable,
    families: Sequence[Family],
    repeats: int,
    seed: int,
    mapped: Mapped = map,
    on_fold: Callable[[], None] = lambda: None,
    kept: KeepsFolds | None = None,
) -> list[Nested]:
    """Measure the performance of each family on this table, all on the same folds; stored folds are not repeated.

    Raises
    ------
    TrainingError
        Too few patients of a class for the folds, or no usable column.
    """
    tasks = [(table, fold, family) for family in families for fold in outer_folds(table, repeats, seed)]
    known = [kept.find(family, fold) if kept else None for _, fold, family in tasks]
    todo = [task for task, found in zip(tasks, known, strict=True) if found is None]
    results: list[FoldResult] = []
    evaluated = iter(mapped(evaluate_fold, todo))
    for (_, _, family), found in zip(tasks, known, strict=True):
        result = found or next(evaluated)
        if kept and found is None:
            kept.keep(family, result)
        results.append(result)
        on_fold()
    per_family = len(results) // len(families)
    return [
        Nested(family, tuple(results[index * per_family : (index + 1) * per_family]))
        for index, family in enumerate(families)
    ]


def evaluate_fold(task: tuple[FeatureTable, Fold, Family]) -> FoldResult:
    """Choose on the training part, measure on the held-out part."""
    table, fold, family = task
    part, held_out = table.rows(fold.training), table.rows(fold.held_out)
    inner = patient_folds(part, fold.seed, min(FOLDS, _patients_of_smaller_class(part)))
    unseen = {candidate: _inner_out_of_fold(part, inner, candidate, fold.seed) for candidate in family.candidates}
    chosen = max(family.candidates, key=lambda c: _auc(part.hot, unseen[c]))
    threshold = youden_threshold(part.hot, unseen[chosen])
    models = {candidate: fit(part, candidate, fold.seed) for candidate in family.candidates}
    probabilities = {candidate: model.probability(held_out) for candidate, model in models.items()}
    return FoldResult(
        fold=fold,
        chosen=words(chosen),
        columns=models[chosen].columns,
        threshold=threshold,
        probability=probabilities[chosen],
        measures=_measures(held_out.hot, probabilities[chosen], threshold),
        candidate_auc={words(c): _auc(held_out.hot, p) for c, p in probabilities.items()},
        permutation=_permutation(models[chosen], held_out, fold.seed),
    )


def _patients_of_smaller_class(table: FeatureTable) -> int:
    by_class = (
        {p for p, hot in zip(table.patients, table.hot, strict=True) if bool(hot) is flag} for flag in (True, False)
    )
    return min(map(len, by_class))


def _auc(hot: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    return float(placements(hot, score)[0].mean())


def _inner_out_of_fold(
    table: FeatureTable, folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]], candidate: Any, seed: int
) -> NDArray[np.float64]:
    probability = np.full(len(table.patients), np.nan)
    for training, held_out in folds:
        probability[held_out] = fit(table.rows(training), candidate, seed).probability(table.rows(held_out))
    return probability


def _measures(hot: NDArray[np.bool_], probability: NDArray[np.float64], threshold: float) -> dict[str, float]:
    verdict = probability >= threshold
    return {
        "auc": _auc(hot, probability),
        "accuracy": float((verdict == hot).mean()),
        "sensitivity": float(verdict[hot].mean()),
        "specificity": float((~verdict[~hot]).mean()),
        "brier": float(np.mean((probability - hot) ** 2)),
    }


def _permutation(model: Fitted, held_out: FeatureTable, seed: int, times: int = 5) -> dict[str, float]:
    """Return how far the AUC of the held-out cases falls when one column is shuffled, on the average of some times."""
    rng = np.random.default_rng(seed)
    whole = model.matrix(held_out)
    baseline = _auc(held_out.hot, model.probability(held_out))
    # All shuffled copies go through the model in one call.
    copies = np.repeat(whole[None], len(model.columns) * times, axis=0)
    for index, copy in enumerate(copies):
        copy[:, index // times] = rng.permutation(copy[:, index // times])
    scores = model.estimator.predict_proba(copies.reshape(-1, whole.shape[1]))[:, 1].reshape(len(copies), len(whole))
    shuffled = np.array([_auc(held_out.hot, score) for score in scores])
    falls = baseline - shuffled.reshape(len(model.columns), times).mean(axis=1)
    return dict(zip(model.columns, falls.tolist(), strict=True))
