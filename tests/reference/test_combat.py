"""Harmonisation between scanners against R's sva."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.training.combat import harmonised

R_FILES = Path(__file__).parent / "r"
TOLERANCE = 1e-3
"""In standard deviations of a feature: sva ends its iteration at a relative change of 1e-4."""


def cases(seed: int = 3, columns: int = 12) -> FeatureTable:
    """Return cases of three scanners of unequal size, each with its own location and scale in every column."""
    rng = np.random.default_rng(seed)
    scanners = np.repeat(["a", "b", "c"], [25, 14, 40])
    values = rng.gamma(3.0, 1.0, (len(scanners), columns)) * 10.0 ** rng.integers(-2, 4, columns)
    for name in ("a", "b", "c"):
        mine = scanners == name
        values[mine] = values[mine] * rng.uniform(0.5, 2.0, columns) + rng.normal(0, 1, columns) * values.std(axis=0)
    names = tuple(f"tumour_f{number:02d}" for number in range(columns))
    patients = tuple(map(str, range(len(scanners))))
    return FeatureTable(names, values, rng.random(len(scanners)) < 0.5, patients, scanners=tuple(scanners.tolist()))


def difference(table: FeatureTable, theirs: pd.DataFrame) -> float:
    """Return the largest difference of the harmonised values, in standard deviations of the feature."""
    ours, _ = harmonised(table)
    assert list(theirs.columns) == list(table.columns)
    return float((np.abs(ours.values - theirs.to_numpy()) / table.values.std(axis=0)).max())


def test_combat_is_svas() -> None:
    """Every value of 79 cases and 12 features is that of sva 3.46.0 (`r/combat.R`); unharmonised ones are far away."""
    theirs = pd.read_csv(R_FILES / "combat.csv")
    assert difference(cases(), theirs) < TOLERANCE
    assert (np.abs(cases().values - theirs.to_numpy()) / cases().values.std(axis=0)).max() > 0.5


def test_combat_is_that_of_sva_that_runs_here(tmp_path: Path) -> None:
    """The same with cases that the committed values do not know, where R and sva are installed."""
    if not shutil.which("Rscript"):
        pytest.skip("needs Rscript (Debian: r-bioc-sva)")
    table = cases(seed=8, columns=25)
    path = tmp_path / "cases.csv"
    pd.DataFrame(table.values, columns=list(table.columns)).assign(scanner=table.scanners).to_csv(path, index=False)
    r = subprocess.run(["Rscript", R_FILES / "combat.R", path], capture_output=True, check=False, text=True)
    if "no package called" in r.stderr:
        pytest.skip("needs R's sva (Debian: r-bioc-sva)")
    assert r.returncode == 0, r.stderr
    assert difference(table, pd.read_csv(io.StringIO(r.stdout))) < TOLERANCE
