"""The figures of what a signature adds to clinical data: decision curves and a nomogram."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import logit

from model_store.reporting.card_figures import COLD, GREY, HOT

RISKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def net_benefits(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the decision curves of clinical data with and without the score (``with_signature``, ``clinical``)."""
    made = Figure(figsize=(4.4 * len(tables), 4.0), layout="tight")
    grid = np.atleast_1d(made.subplots(1, len(tables), sharey=True))
    for axes, (name, table) in zip(grid, tables.items(), strict=True):
        axes.plot(table["threshold"], table["with_signature"], color=HOT, label="clinical and signature")
        axes.plot(table["threshold"], table["clinical"], color=COLD, label="clinical")
        axes.plot(table["threshold"], table["all_hot"], color=GREY, linewidth=1, linestyle="--", label="all hot")
        axes.axhline(0, color=GREY, linewidth=1, label="none hot")
        top = float(table[["with_signature", "clinical", "all_hot"]].to_numpy().max())
        axes.set(xlabel="threshold probability", title=name, xlim=(0, 1), ylim=(-0.15 * top - 0.02, 1.1 * top))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    grid[0].set_ylabel("net benefit")
    return made


def nomogram(intercept: float, effects: Sequence[tuple[str, Sequence[str], Sequence[float]]]) -> Figure:
    """Draw a nomogram: name, values and contributions to the log odds of each predictor, then the combined score.

    The points of all predictors add up to the total, under which the combined score stands: what the
    regression predicts.
    """
    scale = max(max(parts) - min(parts) for _, _, parts in effects) or 1.0
    made = Figure(figsize=(8.4, 0.62 * (len(effects) + 3)))
    axes = made.add_subplot()
    rows = len(effects) + 2
    _line(axes, rows, "points", [(str(x), float(x)) for x in range(0, 101, 20)])
    for at, (name, values, parts) in enumerate(effects):
        points = [100 * (part - min(parts)) / scale for part in parts]
        _line(axes, rows - 1 - at, name, list(zip(values, points, strict=True)))
    lowest = intercept + sum(min(parts) for _, _, parts in effects)
    total = sum(100 * (max(parts) - min(parts)) / scale for _, _, parts in effects) or 1.0
    ticks = np.linspace(0, total, 6)
    _line(axes, 1, "total", [(f"{x:.0f}", 100 * x / total) for x in ticks])
    places = [(f"{risk:g}", 100 * (float(logit(risk)) - lowest) * 100 / scale / total) for risk in RISKS]
    _line(axes, 0, "combined score", [(word, x) for word, x in places if 0 <= x <= 100])
    axes.set(xlim=(-2, 102), ylim=(-0.6, rows + 0.7))
    axes.axis("off")
    return made


def _line(axes: Axes, row: int, name: str, ticks: Sequence[tuple[str, float]]) -> None:
    axes.text(-4, row, name.replace("_", " "), ha="right", va="center", fontsize=8)
    if ticks:
        places = [x for _, x in ticks]
        axes.plot([min(places), max(places)], [row, row], color="black", linewidth=0.8)
    for word, x in ticks:
        axes.plot([x, x], [row, row + 0.12], color="black", linewidth=0.8)
        axes.text(x, row + 0.2, word, ha="center", va="bottom", fontsize=6.5)
