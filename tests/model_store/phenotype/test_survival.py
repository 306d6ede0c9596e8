"""Survival by population, in all patients and within each phenotype (the paper's figure 4B)."""

from pathlib import Path

import numpy as np
import pandas as pd

from model_store.phenotype.plan import ClinicalData
from model_store.phenotype.survival import write_survival


def test_an_effect_within_one_phenotype_is_found_there_and_only_there(tmp_path: Path) -> None:
    """The hazard falls with T cells in hot tumours, and does not depend on them in cold ones."""
    rng = np.random.default_rng(4)
    patients = [f"P{number}" for number in range(240)]
    phenotype = pd.Series(["hot" if number % 2 else "cold" for number in range(240)], patients)
    quantities = pd.DataFrame(rng.normal(size=(240, 2)), patients, ["T cells", "Mast cells"])
    hazard = 0.05 * np.exp(-1.2 * quantities["T cells"].to_numpy() * (phenotype == "hot").to_numpy())
    time, censored = rng.exponential(1 / hazard), rng.uniform(20, 80, 240)
    clinical = pd.DataFrame({"months": np.minimum(time, censored), "death": (time <= censored).astype(int)}, patients)
    named = ClinicalData(tmp_path / "clinical.csv", "months", "death")
    found = write_survival(tmp_path, clinical, named, phenotype, quantities, quantities["T cells"])
    tables = {
        kind: pd.read_parquet(tmp_path / "tables" / f"cox_populations_{kind}.parquet").set_index("name")
        for kind in ("hot", "cold")
    }
    assert tables["hot"].loc["T cells", "q"] < 1e-6
    assert tables["hot"].loc["T cells", ["low", "high"]].lt(0.6).all()
    assert tables["cold"]["p"].min() > 0.05
    assert tables["hot"].loc["Mast cells", "p"] > 0.05
    assert tables["hot"].loc["T cells", "n"] == tables["cold"].loc["T cells", "n"] == 120
    assert found["within"]["hot"]["log_rank"]["p"] < 1e-4
    assert found["within"]["hot"]["above_against_up_to_median"]["high"] < 1
    assert found["within"]["cold"]["log_rank"]["p"] > 0.05
    for kind in ("hot", "cold"):
        for figure in ("cox_populations", "kaplan_meier"):
            assert (tmp_path / "figures" / f"{figure}_{kind}.png").stat().st_size > 10_000
