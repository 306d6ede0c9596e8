"""Leave-one-site-out: what the training is worth at a site that it has not seen.

In folds drawn at random every site is on both sides, so a signature that has learnt the site looks as good as one that
has learnt the tumour. Here each site is held out in turn and everything is chosen on the others. The AUC is that within
the sites, weighted by their pairs of a hot and a cold case, with DeLong's variance of each: scores of forests that were
trained on other sites are never compared with each other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable
from model_store.statistics.performance import (
    CONFIDENCE,
    Estimate,
    auc_with_interval,
    normal_quantile,
    placements,
    wilson_interval,
)
from model_store.training.forest import FOLDS
from model_store.training.model_families import Family
from model_store.training.nested_cross_validation import Fold, FoldResult, evaluate_fold

METHOD = (
    "leave-one-site-out: each site is held out in turn, and columns, candidate and threshold are chosen on the others; "
    "AUC within the sites, weighted by their pairs of hot and cold cases"
)
FEWEST_PER_CLASS = 2
"""Held-out cases of a class, for an AUC."""


@dataclass(frozen=True)
class Site:
    """A site that was held out."""

    name: str
    cases: int
    hot: int
    auc: Estimate | None = None
    note: str = ""
    """Why it was not measured."""


@dataclass(frozen=True)
class LeftOutSites:
    """The results of leave-one-site-out."""

    sites: tuple[Site, ...]
    auc: Estimate | None
    """Within the sites; None where no site could be measured."""
    sensitivity: Estimate | None
    specificity: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**asdict(self), "sites": [asdict(site) for site in self.sites], "method": METHOD}

    def performance(self) -> dict[str, Any] | None:
        """Return it as bundles hold a performance; None where no site could be measured."""
        if self.auc is None:
            return None
        measured = [site for site in self.sites if site.auc]
        return {
            "cases": sum(site.cases for site in measured),
            "hot": sum(site.hot for site in measured),
            "sites": len(measured),
            "auc": asdict(self.auc),
            "sensitivity": asdict(self.sensitivity) if self.sensitivity else None,
            "specificity": asdict(self.specificity) if self.specificity else None,
            "method": METHOD,
        }

    def notes(self) -> list[str]:
        """Return notes for the report."""
        missing = [site for site in self.sites if not site.auc]
        if self.auc is None:
            why = f"{missing[0].name}: {missing[0].note}"
            return [f"leave-one-site-out could not be measured ({why}): what it does at another site is not known"]
        return [f"site {site.name} could not be held out: {site.note}" for site in missing]


def left_out_sites(
    table: FeatureTable,
    sites: "pd.Series[str] | None",
    family: Family,
    seed: int,
    mapped: Callable[..., Iterator[Any]] = map,
) -> LeftOutSites | None:
    """Hold out each site in turn; None where fewer than two sites are known.

    ``sites`` are those of the table's cases; cases without a site are trained on and never held out.
    """
    if sites is None:
        return None
    of = sites.fillna("").astype(str).str.strip().to_numpy()
    names = sorted(set(of.tolist()) - {""})
    if len(names) < 2:
        return None
    patients = np.array(table.patients)
    folds: dict[str, Fold] = {}
    found: dict[str, Site] = {}
    for at, name in enumerate(names):
        held_out = np.flatnonzero(of == name)
        training = np.flatnonzero(~np.isin(patients, patients[held_out]))
        found[name] = Site(name, len(held_out), int(table.hot[held_out].sum()))
        if note := _cannot_be_measured(table, training, held_out):
            found[name] = Site(name, len(held_out), found[name].hot, note=note)
        else:
            folds[name] = Fold(0, at, seed, training, held_out)
    results = dict(zip(folds, mapped(evaluate_fold, [(table, fold, family) for fold in folds.values()]), strict=True))
    for name, result in results.items():
        auc = auc_with_interval(table.hot[result.fold.held_out], result.probability)
        found[name] = Site(name, found[name].cases, found[name].hot, auc)
    hot, verdict = _verdicts(table, list(results.values()))
    return LeftOutSites(
        sites=tuple(found.values()),
        auc=_within_sites(table, list(results.values())),
        sensitivity=wilson_interval(int(verdict[hot].sum()), int(hot.sum())) if hot.any() else None,
        specificity=wilson_interval(int((~verdict[~hot]).sum()), int((~hot).sum())) if (~hot).any() else None,
    )


def _cannot_be_measured(table: FeatureTable, training: NDArray[np.intp], held_out: NDArray[np.intp]) -> str:
    """Return why a site cannot be held out; an empty text where it can."""
    hot = int(table.hot[held_out].sum())
    if min(hot, len(held_out) - hot) < FEWEST_PER_CLASS:
        return f"it has {hot} hot and {len(held_out) - hot} cold cases"
    patients = np.array(table.patients)[training]
    fewest = min(len(set(patients[table.hot[training] == flag].tolist())) for flag in (True, False))
    return f"the other sites have {fewest} patients of a class, fewer than {FOLDS}" if fewest < FOLDS else ""


def _within_sites(table: FeatureTable, results: Sequence[FoldResult]) -> Estimate | None:
    """Return the AUC within sites: a mean weighted by pairs, its variance from DeLong's of the independent sites."""
    if not results:
        return None
    values, variances, pairs = [], [], []
    for result in results:
        hot = table.hot[result.fold.held_out]
        of_hot, of_cold = placements(hot, result.probability)
        values.append(float(of_hot.mean()))
        variances.append(of_hot.var(ddof=1) / len(of_hot) + of_cold.var(ddof=1) / len(of_cold))
        pairs.append(len(of_hot) * len(of_cold))
    weights = np.array(pairs) / sum(pairs)
    value = float(weights @ values)
    half = normal_quantile(CONFIDENCE) * float(np.sqrt(np.square(weights) @ variances))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _verdicts(table: FeatureTable, results: Sequence[FoldResult]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return truth and verdict of every held-out case, each by the threshold that was chosen without its site."""
    if not results:
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    hot = np.concatenate([table.hot[result.fold.held_out] for result in results])
    return hot, np.concatenate([result.probability >= result.threshold for result in results])
