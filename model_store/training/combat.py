"""ComBat, fitted on the training part of a fold and applied to the rest.

ComBat with parametric empirical Bayes (Johnson, Li and Rabinovic, Biostatistics 8:118, 2007), as R's sva computes it
with ``par.prior=TRUE`` and no covariates. The phenotype is no covariate: for a new case it is not known, and a fit that
preserves it would tell the held-out cases what their labels are. So where scanners differ in their share of hot cases,
some of the phenotype goes with the scanner.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import LabelledCohort
from model_store.cohort.missing_values import CompleteTable, complete_table
from model_store.errors import TrainingError
from model_store.signatures.harmonisation import Harmonisation, LinearMaps, scanner_key
from model_store.signatures.own_columns import own_of

FEWEST_OF_A_SCANNER = 10
"""Cases of the cohort: fewer do not show how a scanner differs, and folds would not have enough of them."""
FEW_CASES = f"of a scanner with fewer than {FEWEST_OF_A_SCANNER} cases"
FEW_COMPLETE = f"{FEW_CASES} that have all features"
FEWEST_TO_FIT = 3
"""Cases of a scanner in the training part of a fold; fewer are left as they were measured."""
CONVERGED = 1e-9
"""Relative change of the estimates; sva stops at 1e-4."""
MOST_STEPS = 1000

Floats = NDArray[np.float64]
Harmonisable = tuple[LabelledCohort, CompleteTable]


@dataclass(frozen=True, eq=False)
class Combat:
    """A fitted harmonisation of all columns of a table."""

    columns: tuple[str, ...]
    maps: Mapping[str, tuple[Floats, Floats]]
    """Slopes and offsets (columns,) by scanner."""

    def apply(self, table: FeatureTable) -> FeatureTable:
        """Return a table with the same columns harmonised; cases of scanners that the fit did not know stay."""
        if table.scanners is None or table.columns != self.columns:
            raise TrainingError("a harmonisation applies to tables with its columns and a scanner for each case")
        values = table.values.copy()
        redraws = None if table.redraws is None else table.redraws.copy()
        scanners = np.array(table.scanners)
        for name, (slopes, offsets) in self.maps.items():
            mine = scanners == name
            values[mine] = values[mine] * slopes + offsets
            if redraws is not None:
                redraws[mine] = redraws[mine] * slopes + offsets
        return replace(table, values=values, redraws=redraws, scanners=None)

    def frozen(self, columns: tuple[str, ...]) -> Harmonisation:
        """Return the harmonisation of these columns, as a bundle holds it."""
        at = [self.columns.index(name) for name in columns]
        return Harmonisation(
            {
                name: LinearMaps(tuple(slopes[at].tolist()), tuple(offsets[at].tolist()))
                for name, (slopes, offsets) in sorted(self.maps.items())
            }
        )


def harmonised(table: FeatureTable) -> tuple[FeatureTable, Combat | None]:
    """Return the table harmonised by a fit on itself, and the fit; a table without scanners stays as it is."""
    if table.scanners is None:
        return table, None
    combat = fit_combat(table)
    return combat.apply(table), combat


def like(combat: Combat | None, table: FeatureTable) -> FeatureTable:
    """Return a table harmonised by a fit on other cases; as it is where there is none."""
    return table if combat is None else combat.apply(table)


def fit_combat(table: FeatureTable) -> Combat:
    """Fit ComBat on a table with scanners and without missing values.

    Columns that do not vary in one of the scanners are left as they are, as sva does, and so are a study's own ones.
    """
    scanners = np.array(table.scanners)
    names, counts = np.unique(scanners, return_counts=True)
    known = [str(name) for name, count in zip(names, counts, strict=True) if count >= FEWEST_TO_FIT]
    if len(known) < 2:
        return Combat(table.columns, {})
    parts = {name: table.values[scanners == name] for name in known}
    varies = np.all([np.ptp(part, axis=0) > 0 for part in parts.values()], axis=0)
    varies &= ~np.isin(table.columns, own_of(table.columns))
    share = {name: len(part) / sum(map(len, parts.values())) for name, part in parts.items()}
    mean = sum(share[name] * part.mean(axis=0) for name, part in parts.items())
    spread = np.sqrt(sum(share[name] * part.var(axis=0) for name, part in parts.items()))
    spread = np.where(varies, spread, 1.0)
    maps = {}
    for name, part in parts.items():
        location, scale = _posterior(((part - mean) / spread)[:, varies])
        slopes, offsets = np.ones(len(varies)), np.zeros(len(varies))
        slopes[varies] = 1 / np.sqrt(scale)
        offsets[varies] = mean[varies] - slopes[varies] * (mean[varies] + spread[varies] * location)
        maps[name] = slopes, offsets
    return Combat(table.columns, maps)


def _posterior(standard: Floats) -> tuple[Floats, Floats]:
    """Return location and scale (columns,) of a scanner's standardised values (cases, columns), shrunk over columns."""
    cases, columns = standard.shape
    location, scale = standard.mean(axis=0), standard.var(axis=0, ddof=1)
    if columns < 2:  # nothing to shrink towards
        return location, scale
    prior_mean, prior_variance = location.mean(), location.var(ddof=1)
    m, v = scale.mean(), scale.var(ddof=1)
    if min(prior_variance, v) == 0:
        return location, scale
    shape, rate = (2 * v + m**2) / v, (m * v + m**3) / v
    found, spread = location, scale
    for _ in range(MOST_STEPS):
        moved = (cases * prior_variance * location + spread * prior_mean) / (cases * prior_variance + spread)
        scaled = (0.5 * np.square(standard - moved).sum(axis=0) + rate) / (cases / 2 + shape - 1)
        change = max(float(np.abs(moved - found).max()), float(np.abs(scaled / spread - 1).max()))
        found, spread = moved, scaled
        if change < CONVERGED:
            break
    return found, spread


def with_scanners(cohort: LabelledCohort) -> LabelledCohort:
    """Return a cohort whose table names the scanner of each case, without cases that cannot be harmonised.

    Raises
    ------
    TrainingError
        Fewer than two scanners have enough cases.
    """
    if "scanner" not in cohort.cases:
        raise TrainingError("train.harmonise: the feature table has no column scanner")
    names = [scanner_key(name) for name in cohort.cases["scanner"].fillna("").astype(str)]
    count = {name: names.count(name) for name in set(names)}
    kept = np.flatnonzero([bool(name) and count[name] >= FEWEST_OF_A_SCANNER for name in names])
    known = {names[row] for row in kept}
    if len(known) < 2:
        raise TrainingError(
            f"train.harmonise: expected two scanners with {FEWEST_OF_A_SCANNER} labelled cases or more, found "
            f"{len(known)}; set train.harmonise to no"
        )
    table = replace(cohort.table.rows(kept), scanners=tuple(names[row] for row in kept))
    left_out = {**cohort.left_out, FEW_CASES: len(names) - len(kept)}
    return LabelledCohort(table, cohort.cases.iloc[kept].reset_index(drop=True), left_out)


def complete_of_scanners(cohort: LabelledCohort, offered: Callable[[FeatureTable], FeatureTable]) -> Harmonisable:
    """Return a cohort and its complete table without the scanners that have too few complete cases.

    ``cohort`` names scanners (`with_scanners`); ``offered`` returns the features that training may use.

    Raises
    ------
    TrainingError
        Fewer than two scanners have enough complete cases; with the number of each.
    """
    while True:
        complete = complete_table(offered(cohort.table))
        count = Counter(complete.table.scanners)
        large = {name for name, cases in count.items() if cases >= FEWEST_OF_A_SCANNER}
        if len(large) < 2:
            found = ", ".join(f"{cases} of {name}" for name, cases in sorted(count.items()))
            raise TrainingError(
                f"train.harmonise: expected two scanners with {FEWEST_OF_A_SCANNER} cases or more that have all "
                f"features, found {found}; set train.harmonise to no"
            )
        kept = np.flatnonzero([name in large for name in cohort.table.scanners or ()])
        if len(kept) == len(cohort.cases):
            return cohort, complete
        before = cohort.left_out.get(FEW_COMPLETE, 0)
        left_out = {**cohort.left_out, FEW_COMPLETE: before + len(cohort.cases) - len(kept)}
        cases = cohort.cases.iloc[kept].reset_index(drop=True)
        cohort = LabelledCohort(cohort.table.rows(kept), cases, left_out)
