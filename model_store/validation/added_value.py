"""What a signature adds to clinical data: two logistic regressions, without and with its score, on the same patients.

Both are fitted on the training cohort. Cohorts from elsewhere are predicted by the fitted models: they show what the
score adds. In the training cohort both models are measured on the patients that they were fitted on, although the score
is that of forests which had not seen the patient; the model with the score has one coefficient more. The direction of
this bias is not known. AUCs are compared by DeLong's paired test, but not there: of nested models on the data that they
were fitted on, the difference is not normally distributed where the added predictor tells nothing (Demler, Pencina,
D'Agostino, Statistics in Medicine 31:2577, 2012). Net benefit is compared by decision curves.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model_store.cohort.clinical import category_word
from model_store.errors import TrainingError
from model_store.statistics.calibration import EDGE
from model_store.statistics.composition import is_quantity
from model_store.statistics.diagnostic_accuracy import AucDifference, compare_scores_of_same_cases, decision_curve
from model_store.statistics.performance import Estimate, Flags, Floats, auc_with_interval
from model_store.validation.cohort_validation import ScoredCohort

SIGNATURE = "signature (log odds of the score)"
FEWEST_PER_CLASS = 10
METHOD = (
    "logistic regression with scikit-learn's ridge penalty (C = 1) on the clinical columns, without and with the log "
    "odds of the score, fitted on the training cohort; other cohorts show what the score adds. In the training cohort "
    "both are measured on the patients that they were fitted on; interval and p value of the difference would not be "
    "valid there, and are not given (Demler, Pencina, D'Agostino, Statistics in Medicine 31:2577, 2012)"
)


@dataclass(frozen=True)
class AddedValue:
    """Of one cohort."""

    cohort: str
    hot: Flags
    clinical: Floats
    """Prediction by the clinical columns alone, 0 to 1."""
    combined: Floats
    """With the score."""
    without_clinical: int
    """Cases that lack one of the columns, and do not count."""

    @property
    def difference(self) -> AucDifference:
        """AUC with the score minus AUC without it."""
        return compare_scores_of_same_cases(self.hot, self.combined, self.clinical)

    def row(self, *, is_fit: bool) -> dict[str, Any]:
        """Return the numbers as a row of a table.

        ``is_fit``: the models were fitted on this cohort, so that interval, z and p of the difference are not valid:
        they are None.
        """
        found = asdict(self.difference)
        tested = {name: None for name in found if name != "difference"} if is_fit else {}
        return {
            "cohort": self.cohort,
            "cases": len(self.hot),
            "hot": int(self.hot.sum()),
            "without_clinical_data": self.without_clinical,
            **_columns("auc_clinical", auc_with_interval(self.hot, self.clinical)),
            **_columns("auc_with_signature", auc_with_interval(self.hot, self.combined)),
            **found,
            **tested,
        }

    def curves(self) -> pd.DataFrame:
        """Return the net benefit of both models, of calling all hot and of none, by threshold."""
        both = decision_curve(self.hot, self.combined)
        alone = decision_curve(self.hot, self.clinical)
        return both.rename(columns={"signature": "with_signature"}).assign(clinical=alone["signature"])


@dataclass(frozen=True)
class Effect:
    """One predictor of the combined model, for a nomogram."""

    name: str
    values: tuple[str, ...]
    """Categories, or numbers from the smallest to the largest."""
    contributions: tuple[float, ...]
    """To the log odds."""


@dataclass(frozen=True)
class ClinicalModels:
    """The fitted pair."""

    columns: tuple[str, ...]
    quantities: frozenset[str]
    """The columns that are quantities; the others hold categories."""
    clinical: Pipeline
    combined: Pipeline
    training: pd.DataFrame
    """The predictors of the training cohort, for the ranges of a nomogram."""

    def of(self, cohort: ScoredCohort) -> AddedValue | None:
        """Predict a cohort; None where it lacks a column, or has fewer than two complete cases of a class."""
        cases = complete_cases(cohort, self.columns)
        if cases is None:
            return None
        hot = (cases["phenotype"] == "hot").to_numpy(np.bool_)
        if min(int(hot.sum()), int((~hot).sum())) < 2:
            return None
        alone, both = (
            model.predict_proba(predictors(cases, names, self.quantities))[:, 1]
            for model, names in ((self.clinical, self.columns), (self.combined, (*self.columns, SIGNATURE)))
        )
        return AddedValue(cohort.name, hot, alone, both, len(cohort.cases) - len(cases))

    def effects(self) -> tuple[float, tuple[Effect, ...]]:
        """Return the intercept and the predictors of the combined model."""
        encoder, model = self.combined["encode"], self.combined["model"]
        coefficients = dict(zip(encoder.get_feature_names_out(), model.coef_[0].tolist(), strict=True))
        effects = tuple(self._effect(name, coefficients) for name in (*self.columns, SIGNATURE))
        return float(model.intercept_[0]), effects

    def _effect(self, name: str, coefficients: dict[str, float]) -> Effect:
        values = self.training[name]
        if name in self.quantities:
            shown = np.linspace(float(values.min()), float(values.max()), 5)
            slope = coefficients[f"quantities__{name}"] / float(values.std(ddof=0))
            return Effect(
                name, tuple(f"{x:.3g}" for x in shown), tuple((slope * (shown - float(values.mean()))).tolist())
            )
        kinds = sorted(values.unique())
        return Effect(name, tuple(kinds), tuple(coefficients[f"categories__{name}_{kind}"] for kind in kinds))


def fit_clinical_models(training: ScoredCohort, columns: Sequence[str]) -> tuple[ClinicalModels, AddedValue]:
    """Fit both models on the training cohort; return them, and what the score adds there.

    Raises
    ------
    TrainingError
        The cohort lacks a column, or has too few cases of a class with all of them.
    """
    cases = complete_cases(training, columns)
    if cases is None:
        missing = [name for name in columns if name not in training.cases]
        raise TrainingError(f"validate.clinical_model: the training cohort has no column {', '.join(missing)}")
    hot = (cases["phenotype"] == "hot").to_numpy(np.bool_)
    if min(int(hot.sum()), int((~hot).sum())) < FEWEST_PER_CLASS:
        raise TrainingError(
            f"validate.clinical_model: {int(hot.sum())} hot and {int((~hot).sum())} cold training cases have all of "
            f"{', '.join(columns)}; expected {FEWEST_PER_CLASS} of each"
        )
    quantities = frozenset([SIGNATURE, *(name for name in columns if is_quantity(cases[name]))])
    table = predictors(cases, (*columns, SIGNATURE), quantities)
    clinical, combined = (
        _regression(names, quantities).fit(table[names], hot) for names in (list(columns), [*columns, SIGNATURE])
    )
    models = ClinicalModels(tuple(columns), quantities, clinical, combined, table)
    added = models.of(training)
    assert added is not None  # noqa: S101  # it has the columns, and enough cases
    return models, added


def complete_cases(cohort: ScoredCohort, columns: Sequence[str]) -> pd.DataFrame | None:
    """Return the cases that have all of these columns; None where the cohort lacks one of them."""
    if any(name not in cohort.cases for name in columns):
        return None
    return cohort.cases.dropna(subset=list(columns)).reset_index(drop=True)


def predictors(cases: pd.DataFrame, names: Sequence[str], quantities: frozenset[str]) -> pd.DataFrame:
    """Return the predictors of these cases: the score as log odds, quantities as numbers, categories as words.

    Raises
    ------
    TrainingError
        A quantity of the training cohort is no number here.
    """
    score = cases["score"].to_numpy(np.float64)
    with_score = cases.assign(**{SIGNATURE: logit(np.clip(score, EDGE, 1 - EDGE))})
    try:
        parts = {
            name: with_score[name].astype(np.float64) if name in quantities else with_score[name].map(category_word)
            for name in names
        }
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"validate.clinical_model: a column of {', '.join(sorted(quantities & set(names)))} holds numbers in the "
            "training cohort and other values in another one"
        ) from error
    return pd.DataFrame(parts)


def _regression(names: Sequence[str], quantities: frozenset[str]) -> Pipeline:
    encode = ColumnTransformer(
        [
            ("quantities", StandardScaler(), [name for name in names if name in quantities]),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                [name for name in names if name not in quantities],
            ),
        ]
    )
    return Pipeline([("encode", encode), ("model", LogisticRegression(max_iter=1000))])


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
