"""The features of most weight: those of the published forest, then those of a forest on all features offered.

The published forest takes as many features as cross-validation favours, often fewer than the 20 that Han et al. show
and correlate with cell populations. The others are ordered by a second forest, which no score ever comes from.
"""

import numpy as np
import pandas as pd

from model_store.cohort.feature_table import FeatureTable
from model_store.training.forest import Trained, fit_forest

TOP = 20


def top_features(table: FeatureTable, trained: Trained, seed: int, top: int = TOP) -> pd.DataFrame:
    """Return ``feature, in_signature, importance`` of as many features as there are, up to ``top``, the first first.

    ``importance`` is the mean decrease of impurity, in the published forest where ``in_signature``, else in the forest
    on all features of ``table``: the two do not compare with each other.
    """
    own = pd.DataFrame({"feature": trained.columns, "importance": trained.estimator.feature_importances_})
    forest = fit_forest(table, table.columns, trained.chosen, seed)
    others = pd.DataFrame({"feature": table.columns, "importance": forest.feature_importances_})
    others = others[~others["feature"].isin(trained.columns)]
    parts = [
        part.assign(in_signature=is_own).iloc[np.argsort(-part["importance"].to_numpy(), kind="stable")]
        for part, is_own in ((own, True), (others, False))
    ]
    return pd.concat(parts, ignore_index=True).head(top)[["feature", "in_signature", "importance"]]
