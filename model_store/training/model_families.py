"""The kinds of model that are compared. Each selects its columns on the cases that it is fitted on, and nowhere else.

Classes are weighted inversely to their size in all of them, so that a rare phenotype is not ignored.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from model_store.cohort.feature_table import FeatureTable
from model_store.signatures.canary import hot_probability
from model_store.training.column_selection import select_columns
from model_store.training.combat import Combat, harmonised, like
from model_store.training.forest import GRID, Candidate, fit_forest


@dataclass(frozen=True)
class ElasticNet:
    """A logistic regression with both penalties, on standardised columns."""

    columns: int
    strength: float
    """Inverse of the penalty's weight (scikit-learn's C)."""
    l1_ratio: float = 0.5


@dataclass(frozen=True)
class Boosting:
    """Gradient boosted trees."""

    columns: int
    max_depth: int
    trees: int = 100
    learning_rate: float = 0.05


Settings = Candidate | ElasticNet | Boosting


@dataclass(frozen=True)
class Family:
    """Candidates of one kind."""

    name: str
    candidates: tuple[Settings, ...]
    """From the simplest to the least simple."""


FOREST = Family("random forest", GRID)
ELASTIC_NET = Family("elastic net", tuple(ElasticNet(columns, c) for columns in (8, 24, 48) for c in (0.05, 0.5)))
BOOSTING = Family("gradient boosting", tuple(Boosting(columns, depth) for columns in (8, 16) for depth in (1, 2)))


@dataclass(frozen=True)
class Fitted:
    """A model and the columns that it takes."""

    columns: tuple[str, ...]
    estimator: Any
    combat: Combat | None = None
    """What its values were harmonised with."""

    def matrix(self, table: FeatureTable) -> NDArray[np.float64]:
        """Return the values (cases, columns) that the model takes."""
        return like(self.combat, table).matrix(self.columns)

    def probability(self, table: FeatureTable) -> NDArray[np.float64]:
        """Return the score of each case, 0 to 1."""
        return hot_probability(self.estimator, self.matrix(table))


def fit(table: FeatureTable, settings: Settings, seed: int, columns: Sequence[str] | None = None) -> Fitted:
    """Return a model fitted on these cases, on columns selected on these cases (unless given), harmonised by them."""
    table, combat = harmonised(table)
    chosen = tuple(columns) if columns is not None else select_columns(table, settings.columns)
    if isinstance(settings, Candidate):
        return Fitted(chosen, fit_forest(table, chosen, settings, seed), combat)
    if isinstance(settings, ElasticNet):
        regression = LogisticRegression(
            C=settings.strength,
            l1_ratio=settings.l1_ratio,
            solver="saga",
            class_weight="balanced",
            max_iter=5000,
            random_state=seed,
        )
        estimator = make_pipeline(StandardScaler(), regression)
        return Fitted(chosen, estimator.fit(table.matrix(chosen), table.hot.astype(int)), combat)
    boosted = GradientBoostingClassifier(
        n_estimators=settings.trees,
        max_depth=settings.max_depth,
        learning_rate=settings.learning_rate,
        subsample=0.8,
        random_state=seed,
    )
    weights = compute_sample_weight("balanced", table.hot)
    boosted = boosted.fit(table.matrix(chosen), table.hot.astype(int), sample_weight=weights)
    return Fitted(chosen, boosted, combat)


def words(settings: Settings) -> str:
    """Return settings as text, such as ``columns=8 strength=0.5 l1_ratio=0.5``."""
    return " ".join(f"{name}={value}" for name, value in asdict(settings).items())
