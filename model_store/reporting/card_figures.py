"""The figures of a model card, as PNG files that are the same for the same numbers."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from model_store.statistics.performance import Flags, Floats, auc_with_interval, calibration_points

HOT, COLD, GREY = "#b5403a", "#33658a", "#8a8a8a"


def roc_figure(curves: Sequence[tuple[str, Flags, Floats]]) -> bytes:
    """Draw the ROC curve of each named set of cases."""
    figure = Figure(figsize=(4.6, 4.4))
    axes = figure.add_subplot()
    for (name, hot, score), colour in zip(curves, (COLD, HOT), strict=False):
        false_positive_rate, true_positive_rate, _ = roc_curve(hot, score)
        auc = auc_with_interval(hot, score)
        axes.plot(false_positive_rate, true_positive_rate, color=colour, label=f"{name}: AUC {auc}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005), title="ROC, 95 % intervals")
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    return png(figure)


def importance_figure(columns: Sequence[str], importance: Floats, top: int = 20) -> bytes:
    """Draw the columns with the largest mean decrease of impurity."""
    order = np.argsort(importance, kind="stable")[-top:]
    figure = Figure(figsize=(7.0, 0.4 + 0.24 * len(order)))
    axes = figure.add_subplot()
    axes.barh([columns[i] for i in order], importance[order], color=COLD)
    axes.set(xlabel="mean decrease of impurity", title="What the forest looks at")
    axes.tick_params(axis="y", labelsize=7)
    return png(figure)


def calibration_figure(sets: Sequence[tuple[str, Flags, Floats]]) -> bytes:
    """Draw the observed share of hot cases against the score."""
    figure = Figure(figsize=(4.6, 4.4))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for (name, hot, score), colour in zip(sets, (COLD, HOT), strict=False):
        points = calibration_points(hot, score)
        observed = np.array([share.value for _, share in points])
        reach = np.array([[share.value - share.low, share.high - share.value] for _, share in points]).T
        axes.errorbar([x for x, _ in points], observed, reach.clip(0), fmt="o-", color=colour, capsize=2, label=name)
    axes.set(xlabel="score", ylabel="share of hot cases", xlim=(0, 1), ylim=(0, 1), title="Calibration")
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    return png(figure)


def png(figure: Figure) -> bytes:
    """Return the figure without the name of the program that drew it, which would change the bytes."""
    if all(axes.get_subplotspec() for axes in figure.axes):  # axes that were placed by hand stay where they are
        figure.set_layout_engine("tight")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True}
    )
    return buffer.getvalue()
