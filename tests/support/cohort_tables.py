"""The tables of a made-up cohort: features, labels, clinical data and populations of cells."""

from pathlib import Path

import numpy as np
import pandas as pd

from model_store.signatures.profile import DEFAULT_PROFILE
from workers.features.extraction import columns


def write_cohort(folder: Path, name: str, row: pd.DataFrame, prefix: str, cases: int, seed: int) -> None:
    """Write the tables of a cohort around a measured study: 20 columns of each region tell the classes apart."""
    rng = np.random.default_rng(seed)
    hot = np.arange(cases) % 2 == 0
    base = row[list(columns(DEFAULT_PROFILE))].fillna(1.0).to_numpy(np.float64)
    values = base + (np.abs(base) + 1) * 0.2 * rng.normal(size=(cases, base.shape[1]))
    planted = [*range(20), *range(479, 499)]
    values[:, planted] += (np.abs(base[:, planted]) + 1) * 0.2 * hot[:, None]
    patients = [f"{prefix}{index}" for index in range(cases)]
    cases_table = pd.DataFrame({"case": [f"case {p}" for p in patients], "patient": patients, "reason": ""})
    cases_table["site"] = np.where(np.arange(cases) % 3 == 0, "north", "south")
    features = pd.concat([cases_table, pd.DataFrame(values, columns=columns(DEFAULT_PROFILE))], axis=1)
    features.to_parquet(folder / f"{name}.parquet")
    labels = pd.DataFrame({"patient": patients, "phenotype": np.where(hot, "hot", "cold")})
    labels.to_csv(folder / f"{name}_labels.csv", index=False)
    time = rng.exponential(np.where(hot, 40, 20))
    clinical = {"patient": patients, "subtype": rng.choice(["A", "B"], cases), "time": np.minimum(time, 40).round(3)}
    clinical |= {"event": (time < 40).astype(int), "response": rng.choice(["CR", "PR", "SD", "PD", "NE"], cases)}
    clinical["cps"] = np.where(rng.random(cases) < 0.3, "<1", (10 * hot + rng.integers(1, 12, cases)).astype(str))
    pd.DataFrame(clinical).to_csv(folder / f"{name}_clinical.csv", index=False)
    populations = {"patient": patients, "T cells": hot + rng.normal(size=cases), "other": rng.normal(size=cases)}
    pd.DataFrame(populations).to_csv(folder / f"{name}_populations.csv", index=False)
