"""The figures of the reliability of features."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from model_store.cohort.repeated_outlines import Repetition
from model_store.reliability.reliability import CLASSES
from model_store.reporting.card_figures import COLD, GREY, HOT

REGION_COLOURS = {"tumour": HOT, "ring": COLD}
WORDS = {
    Repetition.INTRA: "same reader, twice",
    Repetition.INTER: "two readers",
    Repetition.RETEST: "scanned twice",
    Repetition.PERTURBED: "redrawn by chance (substitute)",
}


def icc_figure(table: pd.DataFrame, threshold: float) -> Figure:
    """Draw the distribution of the ICC by feature class and region, for each kind of repetition."""
    kinds = [kind for kind in Repetition if table[f"icc_{kind}"].notna().any()]
    figure = Figure(figsize=(8.0, 2.9 * len(kinds)), layout="constrained")
    for row, (kind, axes) in enumerate(zip(kinds, figure.subplots(len(kinds), 1, squeeze=False)[:, 0], strict=True)):
        for shift, (region, colour) in zip((-0.19, 0.19), REGION_COLOURS.items(), strict=True):
            part = table[table["region"] == region]
            values = [
                part.loc[part["feature_class"] == name, f"icc_{kind}"].dropna().to_numpy(dtype=float)
                for name in CLASSES
            ]
            boxes = axes.boxplot(
                values,
                positions=np.arange(len(CLASSES)) + shift,
                widths=0.32,
                patch_artist=True,
                manage_ticks=False,
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": colour},
                medianprops={"color": "black", "linewidth": 1.0},
            )
            for box in boxes["boxes"]:
                box.set(facecolor=colour, alpha=0.55, edgecolor=colour)
            axes.plot([], [], "s", color=colour, alpha=0.55, label=region)
        axes.axhline(threshold, color=GREY, linewidth=0.9, linestyle="--", label=f"threshold {threshold:g}")
        low = min(0.0, float(np.nanmin(table[f"icc_{kind}"])))
        n = int(table[f"n_{kind}"].max())
        axes.set(ylabel="ICC(A,1)", ylim=(max(low, -0.5) - 0.03, 1.03), title=f"{WORDS[kind]}, {n} lesions")
        axes.set_xticks(range(len(CLASSES)), CLASSES)
        if row == len(kinds) - 1:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=8, ncols=3, frameon=False)
    return figure


def kept_figure(table: pd.DataFrame) -> Figure:
    """Draw how many features of each class are kept, in each region."""
    figure = Figure(figsize=(8.0, 2.6), layout="constrained")
    for axes, region in zip(figure.subplots(1, 2, sharey=True), REGION_COLOURS, strict=True):
        part = table[table["region"] == region]
        totals = [int((part["feature_class"] == name).sum()) for name in CLASSES]
        kept = [int(part.loc[part["feature_class"] == name, "kept"].sum()) for name in CLASSES]
        axes.bar(CLASSES, totals, color="#dddddd")
        axes.bar(CLASSES, kept, color=REGION_COLOURS[region], alpha=0.75)
        for at, (some, all_) in enumerate(zip(kept, totals, strict=True)):
            axes.text(at, all_ + 2, f"{some}/{all_}", ha="center", fontsize=7)
        axes.set(title=f"{region}: {sum(kept)} of {sum(totals)} kept", ylim=(0, 1.15 * max(totals)))
        axes.tick_params(axis="x", labelsize=8)
    return figure
