"""Words of a figure cover neither curves nor each other."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from model_store.phenotype.figures import genes_figure
from model_store.reporting.figures import roc_of_cohorts
from model_store.statistics.fold_scores import RocCurve
from model_store.statistics.performance import auc_with_interval

POPULATIONS = ("activated Dendritic cells", "immature Dendritic cells", "plasmacytoid Dendritic cells", "T cells")


def test_the_legend_of_roc_curves_lies_beside_them() -> None:
    """Curves of small cohorts run along the diagonal and below it, where a legend was."""
    hot, score = np.arange(20) % 3 == 0, np.linspace(0, 1, 20)
    rates = np.array([0.0, 1.0])
    curves = [RocCurve(f"cohort {number}", 20, rates, rates, auc_with_interval(hot, score)) for number in range(4)]
    figure = roc_of_cohorts(curves)
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 4
    assert not legend.get_window_extent().overlaps(figure.axes[0].get_window_extent())


def test_titles_of_boxes_beside_each_other_do_not_touch() -> None:
    """With the long names that gene sets have."""
    values = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 4)), columns=list(POPULATIONS))
    compared = pd.DataFrame({"name": POPULATIONS, "q": 0.0001})
    figure = genes_figure(values, pd.Series(["hot", "cold"] * 6), compared, "mean")
    FigureCanvasAgg(figure).draw()
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    assert not any(one.overlaps(other) for one, other in combinations(titles, 2))
