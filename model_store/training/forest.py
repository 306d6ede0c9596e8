"""Training: a random forest on a few selected features, as in Han et al., Breast Cancer Research 26:18 (2024).

Every choice that looks at labels (which columns, which forest, which threshold) is made on the training part of each
fold; only results of the held-out part are reported.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedGroupKFold

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import TrainingError
from model_store.signatures.canary import hot_probability
from model_store.signatures.certainty import Certainty
from model_store.statistics.performance import Flags, Floats, Performance, auc_with_interval, performance
from model_store.training.column_selection import constant_columns, select_columns
from model_store.training.combat import Combat, harmonised, like

FOLDS = 5


@dataclass(frozen=True)
class Candidate:
    """One point of the grid."""

    columns: int
    max_depth: int
    min_samples_leaf: int
    trees: int = 200


GRID = tuple(Candidate(columns, depth, 4) for columns in (8, 16, 24) for depth in (3, 5))


@dataclass(frozen=True)
class Trained:
    """A forest, with the results of its cross-validation."""

    estimator: RandomForestClassifier
    columns: tuple[str, ...]
    threshold: float
    chosen: Candidate
    cross_validated_auc: dict[str, float]
    """Of every candidate, by its name."""
    out_of_fold: NDArray[np.float64]
    """Score of each case from the forests that had not seen its patient."""
    out_of_fold_performance: Performance
    certainty: Certainty
    """Calibrated on `out_of_fold`; the thresholds are those without one of the folds each."""
    left_out: dict[str, tuple[str, ...]]
    """Columns that were left out, by reason."""
    combat: Combat | None = None
    """What harmonised the features, where the table names scanners."""

    def harmonised(self, table: FeatureTable) -> FeatureTable:
        """Return cases with the columns of the training as the estimator takes them."""
        return like(self.combat, table.without(self.left_out["constant"]))


def train(table: FeatureTable, seed: int, grid: Sequence[Candidate] = GRID) -> Trained:
    """Choose a forest by cross-validation, fit it on all cases, and set its threshold.

    The table has no missing values (`model_store.cohort.missing_values.complete_table`).

    Raises
    ------
    TrainingError
        A value is missing, too few patients of a class for the folds, or no usable column.
    """
    if np.isnan(table.values).any():
        raise TrainingError("the table has missing values; a forest is trained on complete cases")
    left_out = {"constant": constant_columns(table)}
    table = table.without(left_out["constant"])
    folds = patient_folds(table, seed)
    probabilities = {candidate: out_of_fold(table, folds, candidate, seed) for candidate in grid}
    auc = {candidate: auc_with_interval(table.hot, p[:, 0]).value for candidate, p in probabilities.items()}
    chosen = max(grid, key=lambda candidate: auc[candidate])
    whole, combat = harmonised(table)
    columns = select_columns(whole, chosen.columns)
    of_outlines = probabilities[chosen]
    unseen = of_outlines[:, 0]
    threshold = threshold_over_outlines(table.hot, of_outlines)
    thresholds = [threshold_over_outlines(table.hot[rest], of_outlines[rest]) for rest, _ in folds]
    return Trained(
        estimator=fit_forest(whole, columns, chosen, seed),
        columns=columns,
        threshold=threshold,
        chosen=chosen,
        cross_validated_auc={name_of(candidate): value for candidate, value in auc.items()},
        out_of_fold=unseen,
        out_of_fold_performance=performance(table.hot, unseen, threshold),
        certainty=Certainty.calibrated(unseen, table.hot, thresholds),
        left_out=left_out,
        combat=combat,
    )


def name_of(candidate: Candidate) -> str:
    """Return a candidate as text, such as ``columns=12 max_depth=3 min_samples_leaf=4 trees=200``."""
    return " ".join(f"{name}={value}" for name, value in asdict(candidate).items())


def patient_folds(
    table: FeatureTable, seed: int, folds: int = FOLDS
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return training and held-out rows of each fold: classes in equal shares, no patient on both sides."""
    for name, flags in (("hot", table.hot), ("cold", ~table.hot)):
        patients = {patient for patient, flag in zip(table.patients, flags, strict=True) if flag}
        if len(patients) < folds:
            raise TrainingError(f"{folds} folds need {folds} {name} patients; there are {len(patients)}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(table.values, table.hot, table.patients))


def out_of_fold(
    table: FeatureTable,
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    candidate: Candidate,
    seed: int,
) -> NDArray[np.float64]:
    """Return the score (cases, 1 + redraws) of each outline, received and redrawn.

    Harmonisation, columns and forest are chosen without the fold of the case. NaN where a redrawn outline lacks one of
    the columns.
    """
    outlines = 1 if table.redraws is None else 1 + table.redraws.shape[1]
    probability = np.full((len(table.patients), outlines), np.nan)
    for training, held_out in folds:
        part, combat = harmonised(table.rows(training))
        columns = select_columns(part, candidate.columns)
        forest = fit_forest(part, columns, candidate, seed)
        probability[held_out] = outline_probabilities(forest, like(combat, table.rows(held_out)), columns)
    return probability


def outline_probabilities(
    forest: RandomForestClassifier, table: FeatureTable, columns: Sequence[str]
) -> NDArray[np.float64]:
    """Return the score (cases, 1 + redraws); NaN where a redrawn outline lacks one of the columns."""
    ratings = table.ratings(columns)
    usable = np.isfinite(ratings).all(axis=2)
    probability = np.full(usable.shape, np.nan)
    probability[usable] = hot_probability(forest, ratings[usable])
    return probability


def fit_forest(table: FeatureTable, columns: Sequence[str], candidate: Candidate, seed: int) -> RandomForestClassifier:
    """Return a forest fitted on these columns of all cases, and of their redraws.

    The smallest leaf counts rows, so it grows with the rows that there are of a case.
    """
    rows = table.learning_rows(columns)
    forest = RandomForestClassifier(
        candidate.trees,
        max_depth=candidate.max_depth,
        min_samples_leaf=round(candidate.min_samples_leaf * len(rows.hot) / len(table.patients)),
        class_weight="balanced",
        random_state=seed,
        n_jobs=1,
    )
    return forest.fit(rows.values, rows.hot.astype(int), sample_weight=rows.weight)


def threshold_over_outlines(hot: Flags, scores: NDArray[np.float64]) -> float:
    """Return Youden's threshold over the scores (cases, outlines) of all outlines of the cases; NaN: not scored.

    A case weighs as much as any other, however many outlines it has. So the threshold lies where redrawing an outline
    changes the class of as few cases as possible, not only where the received outlines are told apart.
    """
    known = np.isfinite(scores)
    weight = np.broadcast_to(1 / known.sum(axis=1, keepdims=True), known.shape)
    return youden_threshold(np.broadcast_to(hot[:, None], known.shape)[known], scores[known], weight[known])


def youden_threshold(hot: Flags, score: Floats, weight: Floats | None = None) -> float:
    """Return the threshold with the largest sensitivity + specificity - 1 (Youden, Cancer 3:32, 1950).

    It is half-way to the next lower score, so that rounding does not decide for a training score at the border.
    Of equally good ones the highest is taken. ``weight``: of each score; all count the same without it.
    """
    false_positive_rate, true_positive_rate, thresholds = roc_curve(
        hot, score, sample_weight=weight, drop_intermediate=False
    )
    best = float(thresholds[int(np.argmax(true_positive_rate - false_positive_rate))])
    lower = score[score < best]
    return (best + float(lower.max())) / 2 if len(lower) and np.isfinite(best) else min(best, float(score.max()))
