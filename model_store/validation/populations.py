"""How the features of most weight go along with the abundance of cell populations (the paper's figure 7)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import read_table
from model_store.reporting import figures as study_figures
from model_store.reporting.step_output import write_figure, write_table
from model_store.signatures.own_columns import own_of
from model_store.signatures.signature import Signature
from model_store.statistics.correlation import spearman_table


def write_populations(
    feature_table: Path | None, population_table: Path | None, signature: Signature, folder: Path, *, own: bool
) -> dict[str, Any]:
    """Write the correlation of the forest's top features with cell populations, over patients that have both.

    ``own`` says whether this study trained the signature. Without one of the tables nothing is written.
    """
    if feature_table is None or population_table is None:
        return {}
    not_measured = own_of(signature.columns)
    measured = [name for name in signature.columns if name not in not_measured]
    features = read_table(feature_table, ("patient", *measured))
    top = [name for name in top_features(signature, folder.parent, own=own) if name in features]
    populations = read_table(population_table, ("patient",))
    table = spearman_table(_by_patient(features[["patient", *top]]), _by_patient(populations))
    if table["rho"].isna().all():
        return {"note": "no patient has both features and populations"}
    write_table(folder, "features_and_populations", table)
    write_figure(folder, "features_and_populations", study_figures.correlation_heatmap(table))
    significant = int((table["q"] < 0.05).sum())
    return {"patients": int(table["n"].max()), "pairs": len(table), "pairs_with_q_below_0.05": significant}


def _by_patient(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(patient=frame["patient"].astype(str)).groupby("patient").mean(numeric_only=True)


def top_features(signature: Signature, output: Path, top: int = 20, *, own: bool) -> list[str]:
    """Return the features of most weight, the first one first: of a signature from elsewhere, those that it takes.

    The step ``train`` of this study fills them up to ``top`` with features that the forest does not take.
    """
    table = output / "train" / "tables" / "top_features.parquet"
    if own and table.is_file():
        return read_table(table, ("feature",))["feature"].tolist()[:top]
    order = np.argsort(-signature.estimator.feature_importances_, kind="stable")[:top]
    return [signature.columns[index] for index in order]
