"""The figures of training and validation, as in Han et al. (2024) where the paper has one."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from model_store.reporting.card_figures import COLD, GREY, HOT
from model_store.statistics.fold_scores import RocCurve
from model_store.statistics.performance import Flags, Floats, calibration_points

COLOURS = (COLD, HOT, "#d9a441", "#5b8c5a", "#7a5c99", "#4d4d4d")


def figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure (inches) with one pair of axes."""
    made = Figure(figsize=(width, height), layout="tight")
    axes = made.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return made, axes


def roc_of_cohorts(curves: Sequence[RocCurve]) -> Figure:
    """Draw the ROC curves of all cohorts in one plot (the paper's figure 6), each with its own AUC and interval."""
    made, axes = figure(5.2, 5.0 + 0.18 * len(curves))
    for curve, colour in zip(curves, cycle(COLOURS), strict=False):
        label = f"{curve.name} (n = {curve.cases}): AUC {curve.auc}"
        axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=colour, linewidth=1.6, label=label)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005), title="ROC, 95 % intervals")
    axes.set_aspect("equal")
    made.set_layout_engine("constrained")  # which keeps room for a legend that covers no curve
    made.legend(loc="outside lower left", fontsize=7, frameon=False)
    return made


def importance(table: pd.DataFrame, top: int = 20) -> Figure:
    """Draw the top features: impurity in the forest, and fall of the held-out AUC when a feature is shuffled."""
    part = table.head(top).iloc[::-1]
    made = Figure(figsize=(9.0, 0.9 + 0.25 * len(part)), layout="tight")
    left, right = made.subplots(1, 2, sharey=True)
    colours = [COLD if str(name).startswith("ring_") else HOT for name in part["feature"]]
    left.barh(part["feature"], part["impurity"], color=colours)
    left.set(xlabel="mean decrease of impurity", title="In the forest")
    right.barh(part["feature"], part["permutation"], xerr=part["permutation_sd"], color=colours, ecolor=GREY, capsize=2)
    left.legend([Patch(color=HOT), Patch(color=COLD)], ["tumour", "ring"], loc="lower right", fontsize=7, frameon=False)
    right.set(xlabel="fall of the AUC (mean, SD)", title="Shuffled in held-out cases")
    right.axvline(0, color=GREY, linewidth=0.8)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(9)
        axes.xaxis.label.set_fontsize(8)
    return made


def paper_split(table: pd.DataFrame) -> Figure:
    """Draw the AUC of each split into 80 and 20 %: features selected on all cases, as in the paper, or on the 80 %."""
    made, axes = figure(5.4, 4.2)
    ways = {
        "selected on all cases\n(as in the paper)": "auc_selected_before",
        "selected on the 80 %": "auc_selected_inside",
    }
    rng = np.random.default_rng(0)
    for position, (column, colour) in enumerate(zip(ways.values(), (HOT, COLD), strict=True)):
        values = table[column].to_numpy(np.float64)
        spread = rng.uniform(-0.12, 0.12, len(values))
        axes.plot(position + spread, values, "o", color=colour, alpha=0.6, markersize=4)
        axes.hlines(values.mean(), position - 0.25, position + 0.25, color=colour, linewidth=2)
    axes.axhline(0.5, color=GREY, linestyle=":", linewidth=1)
    axes.set_xticks((0, 1), list(ways))
    axes.set(ylabel="AUC of the held-out 20 %", title=f"{len(table)} splits; line: mean", xlim=(-0.5, 1.5))
    return made


def candidates(table: pd.DataFrame) -> Figure:
    """Draw the cross-validated AUC of every candidate with one standard error, from the simplest on."""
    made, axes = figure(8.0, 1.0 + 0.26 * len(table))
    part = table.iloc[::-1].reset_index(drop=True)
    families = list(dict.fromkeys(table["family"]))
    for family, colour in zip(families, cycle(COLOURS), strict=False):
        rows = part[part["family"] == family]
        axes.errorbar(
            rows["auc"], rows.index, xerr=rows["standard_error"], fmt="o", color=colour, capsize=2, label=family
        )
    best = table.iloc[int(table["auc"].to_numpy().argmax())]
    axes.axvline(best["auc"] - best["standard_error"], color=GREY, linestyle=":", label="best less one standard error")
    marks = np.where(part["published"], " (published)", np.where(part["simplest_within_one_se"], " (simplest)", ""))
    axes.set_yticks(part.index, [f"{words}{mark}" for words, mark in zip(part["settings"], marks, strict=True)])
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="AUC over the outer folds, with one standard error", title="Candidates")
    made.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4)  # below the figure
    return made


def calibration(sets: Sequence[tuple[str, Flags, Floats]]) -> Figure:
    """Draw the observed share of hot cases against the score, in bins of equally many cases."""
    made, axes = figure(5.0, 4.8)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for (name, hot, score), colour in zip(sets, cycle(COLOURS), strict=False):
        points = calibration_points(hot, score, bins=max(2, min(5, len(hot) // 10)))
        observed = np.array([share.value for _, share in points])
        reach = np.array([[share.value - share.low, share.high - share.value] for _, share in points]).T.clip(0)
        axes.errorbar([x for x, _ in points], observed, reach, fmt="o-", color=colour, capsize=2, label=name)
    axes.set(xlabel="score", ylabel="share of hot cases", xlim=(0, 1), ylim=(-0.01, 1.01))
    axes.set_title("Calibration, 95 % intervals")
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    return made


def decision_curves(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the net benefit of the signature, of calling all hot and of calling none, for each cohort."""
    made = Figure(figsize=(4.4 * len(tables), 4.0), layout="tight")
    for axes, (name, table) in zip(
        np.atleast_1d(made.subplots(1, len(tables), sharey=True)), tables.items(), strict=True
    ):
        axes.plot(table["threshold"], table["signature"], color=HOT, label="signature")
        axes.plot(table["threshold"], table["all_hot"], color=COLD, linewidth=1, label="all hot")
        axes.axhline(0, color=GREY, linewidth=1, label="none hot")
        top = float(table[["signature", "all_hot"]].to_numpy().max())
        axes.set(xlabel="threshold probability", title=name, xlim=(0, 1), ylim=(-0.15 * top - 0.02, 1.1 * top))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7, frameon=False)
    made.axes[0].set_ylabel("net benefit")
    return made


def confusion_matrices(cohorts: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw truth against verdict for each cohort: counts, and the shares that the tables have as well.

    Each holds ``confusion`` (the fields of `statistics.performance.Confusion`), ``sensitivity`` and ``specificity``
    (with ``value``, or None). Counts that were scaled from means over folds are rounded, and so called.
    """
    made = Figure(figsize=(2.9 * len(cohorts), 3.0), layout="tight")
    grid = np.atleast_1d(made.subplots(1, len(cohorts)))
    for axes, (name, found) in zip(grid, cohorts.items(), strict=True):
        counts = found["confusion"]
        cells = np.array(
            [[counts["true_positive"], counts["false_negative"]], [counts["false_positive"], counts["true_negative"]]]
        )
        sensitivity, specificity = (
            one["value"] if (one := found[measure]) else 0.0 for measure in ("sensitivity", "specificity")
        )
        shares = np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
        is_exact = np.allclose(cells, shares * cells.sum(axis=1, keepdims=True))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(cells):
            share, words = shares[row, column], f"{count}" if is_exact else f"about {count}"
            colour = "white" if share > 0.6 else "black"
            words += f"\n{share:.0%}" if cells[row].sum() else ""
            axes.text(column, row, words, ha="center", va="center", color=colour)
        axes.set(xticks=[0, 1], yticks=[0, 1], xticklabels=["hot", "cold"], yticklabels=["hot", "cold"])
        axes.set(xlabel="verdict", ylabel="truth", title=name)
    return made


def score_by_group(parts: Mapping[str, Floats], title: str, threshold: float) -> Figure:
    """Draw the scores of each group: box, and every case."""
    made, axes = figure(1.6 + 1.1 * len(parts), 4.0)
    rng = np.random.default_rng(0)
    axes.boxplot(list(parts.values()), showfliers=False, widths=0.5, medianprops={"color": HOT})
    for row_number, values in enumerate(parts.values(), start=1):
        axes.plot(row_number + rng.uniform(-0.12, 0.12, len(values)), values, "o", color=COLD, alpha=0.5, markersize=3)
    axes.axhline(threshold, color=GREY, linestyle=":", linewidth=1)
    axes.set_xticks(range(1, len(parts) + 1), [f"{name}\nn = {len(values)}" for name, values in parts.items()])
    axes.set(ylabel="score", title=title, ylim=(-0.02, 1.02))
    axes.title.set_fontsize(9)
    return made


def subgroup_forest(table: pd.DataFrame) -> Figure:
    """Draw the AUC of every subgroup with its interval; hollow where it carries a warning."""
    rows = table.dropna(subset=["auc"]).iloc[::-1].reset_index(drop=True)
    made, axes = figure(7.0, 1.2 + 0.28 * max(1, len(rows)))
    for row_number, (_, row) in enumerate(rows.iterrows()):
        reach = [[row["auc"] - row["auc_low"]], [row["auc_high"] - row["auc"]]]
        face = "white" if row["warning"] else COLD
        axes.errorbar(row["auc"], row_number, xerr=reach, fmt="o", color=COLD, markerfacecolor=face, capsize=2)
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
    names = [f"{row.cohort}: {row.subgroup} {row.value} (n = {row.cases})" for row in rows.itertuples()]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlabel="AUC, 95 % interval (hollow: see warning; dotted: chance)", xlim=(0, 1.02), title="Subgroups")
    axes.tick_params(axis="y", labelsize=7)
    return made


def correlation_heatmap(table: pd.DataFrame) -> Figure:
    """Draw Spearman's rho of features (left) with populations (right), starred by q (the paper's figure 7)."""
    order = {side: list(dict.fromkeys(table[side])) for side in ("left", "right")}
    rho = table.pivot(index="left", columns="right", values="rho").loc[order["left"], order["right"]]
    q = table.pivot(index="left", columns="right", values="q").loc[order["left"], order["right"]]
    made, axes = figure(max(6.0, 3.6 + 0.36 * rho.shape[1]), 2.0 + 0.27 * rho.shape[0])
    image = axes.imshow(rho.to_numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(q.to_numpy()):
        axes.text(column, row + 0.1, stars(value), ha="center", va="center", fontsize=8)
    populations = [str(name).replace("_", " ") for name in rho.columns]
    axes.set_xticks(range(rho.shape[1]), populations, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_yticks(range(rho.shape[0]), rho.index, fontsize=7)
    made.colorbar(image, ax=axes, label="Spearman's rho", shrink=0.7)
    axes.set_title("* q < 0.05, ** q < 0.01, *** q < 0.001", fontsize=8)
    return made


def stars(q: float) -> str:
    """Return how many stars a q value gets."""
    return "*" * sum(q < level for level in (0.05, 0.01, 0.001))


def shown_p(p: float) -> str:
    """Return a p value as text."""
    return "no test" if np.isnan(p) else f"p {short_p(p)}"


def short_p(p: float) -> str:
    """Return a p or q value with its sign, such as ``= 0.012`` or ``< 0.001``."""
    if np.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def agreement(first: Floats, second: Floats, names: tuple[str, str]) -> Figure:
    """Draw the differences of two scores against their means (Bland and Altman, Lancet 327:307, 1986)."""
    made, axes = figure(5.4, 4.2)
    difference = second - first
    axes.plot((first + second) / 2, difference, "o", color=COLD, alpha=0.6, markersize=4)
    spread = float(difference.std(ddof=1)) if len(difference) > 1 else 0.0
    for line, style in (
        (difference.mean(), "-"),
        (difference.mean() - 1.96 * spread, ":"),
        (difference.mean() + 1.96 * spread, ":"),
    ):
        axes.axhline(line, color=HOT, linestyle=style, linewidth=1)
    axes.set(xlabel="mean of both scores", ylabel="second - first", title=f"{names[1]} - {names[0]}")
    axes.title.set_fontsize(8)
    return made
