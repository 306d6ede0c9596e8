"""The figures of survival analysis."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_store.reporting.card_figures import COLD, GREY, HOT
from model_store.reporting.figures import short_p, shown_p
from model_store.statistics.survival import at_risk, kaplan_meier
from model_store.statistics.survival_cut_off import CutOff

PALETTE = (HOT, COLD, "#758e4f", "#6b4e71")
TICKS = 6


def survival_figure(groups: Mapping[str, pd.DataFrame], test: str, title: str = "") -> Figure:
    """Draw the Kaplan-Meier curve of each group (tables with ``time`` and ``event``), with numbers at risk below.

    ``test`` is written into the plot: hazard ratio (`ratio_text`) and p value.
    """
    figure = Figure(figsize=(6.2, 4.6 + 0.22 * len(groups)))
    axes, below = figure.subplots(2, 1, height_ratios=(6, 0.5 + 0.45 * len(groups)))
    end = max(float(table["time"].max()) for table in groups.values())
    when = np.asarray(MaxNLocator(TICKS).tick_values(0, end))
    when = when[when <= end]
    for index, (name, table) in enumerate(groups.items()):
        time, event = table["time"].to_numpy(np.float64), table["event"].to_numpy(np.bool_)
        colour = PALETTE[index % len(PALETTE)]
        curve = kaplan_meier(time, event)
        axes.step(
            curve["time"],
            curve["survival"],
            where="post",
            color=colour,
            linewidth=1.6,
            label=f"{name}: n = {len(table)}, events {int(event.sum())}",
        )
        axes.fill_between(
            curve["time"], curve["low"], curve["high"], step="post", color=colour, alpha=0.15, linewidth=0
        )
        censored = curve[curve["time"].isin(time[~event])]
        axes.plot(censored["time"], censored["survival"], "|", color=colour, markersize=5)
        for x, number in zip(when, at_risk(time, when), strict=True):
            below.text(x, -index, str(number), ha="center", va="center", fontsize=8, color=colour)
    axes.set(xlim=(-0.02 * end, 1.02 * end), ylim=(0, 1.02), ylabel="without event", xlabel="time")
    axes.set_xticks(when, [f"{x:.4g}" for x in when])
    axes.text(0.03, 0.05, test, transform=axes.transAxes, fontsize=9)
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    below.set(xlim=(-0.02 * end, 1.02 * end), ylim=(-len(groups) + 0.4, 0.6))
    below.set_yticks([-index for index in range(len(groups))], list(groups), fontsize=8)
    below.set_xticks([])
    below.set_title("at risk", fontsize=8, loc="left")
    below.tick_params(length=0)
    for side in below.spines.values():
        side.set_visible(False)
    figure.subplots_adjust(hspace=0.42)
    return figure


def ratio_text(row: Mapping[Any, Any], p_name: str, p: float) -> str:
    """Return a hazard ratio (a row of `cox_table`) and a p value, as a survival plot shows them on two lines."""
    ratio, low, high = (float(row[name]) for name in ("hazard_ratio", "low", "high"))
    why = str(row["note"]) or "not finite"
    shown = f"{ratio:.2f} ({low:.2f} to {high:.2f})" if np.isfinite([ratio, low, high]).all() else f"none: {why}"
    return f"hazard ratio {shown}\n{p_name} {shown_p(p)}"


def forest_figure(table: pd.DataFrame) -> Figure:
    """Draw hazard ratios (of `cox_table`) with their intervals on a logarithmic axis, the lowest on top."""
    shown = table.dropna(subset=["hazard_ratio"]).sort_values("hazard_ratio", ascending=False).reset_index(drop=True)
    figure = Figure(figsize=(8.2, 1.0 + 0.27 * max(1, len(shown))))
    axes = figure.add_subplot()
    for index, row in enumerate(shown.to_dict("records")):
        ratio, low, high, q = (float(row[name]) for name in ("hazard_ratio", "low", "high", "q"))
        colour = GREY if not q < 0.05 else PALETTE[0] if ratio > 1 else PALETTE[1]
        axes.plot([low, high], [index, index], color=colour, linewidth=1.4)
        axes.plot(ratio, index, "s", color=colour, markersize=5)
        said = f"{ratio:.2f} ({low:.2f} to {high:.2f})   {shown_p(float(row['p']))}   q {short_p(q)}"
        axes.text(1.02, index, said, transform=axes.get_yaxis_transform(), va="center", fontsize=7.5)
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_xscale("log")
    low, high = (shown["low"].min(), shown["high"].max()) if len(shown) else (0.5, 2.0)
    ticks = [tick for tick in (0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10) if low / 1.1 <= tick <= high * 1.1]
    axes.set_xticks(ticks or [1], [f"{tick:g}" for tick in ticks or [1]])
    axes.minorticks_off()
    axes.set_yticks(range(len(shown)), [str(name).replace("_", " ") for name in shown["name"]], fontsize=8)
    axes.set_xlabel("hazard ratio per standard deviation (95 %); grey: q of 0.05 or more", fontsize=8)
    return figure


def cut_off_figure(found: CutOff, quantity: str) -> Figure:
    """Draw the standardised log-rank statistic of every cut-off that was tried."""
    figure = Figure(figsize=(5.4, 3.8))
    axes = figure.add_subplot()
    axes.plot(found.candidates, found.statistics, ".-", color=PALETTE[1], linewidth=0.8, markersize=4)
    axes.axvline(found.value, color=PALETTE[0], linestyle="--", linewidth=1)
    axes.set(xlabel=quantity, ylabel="standardised log-rank statistic")
    axes.set_title(f"cut-off {found.value:.3g}, corrected for the search {shown_p(found.p)}", fontsize=9)
    axes.set_ylim(bottom=0)
    return figure
