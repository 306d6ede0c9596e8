"""Draws the data of Grafana panels as pictures, so that a person can look at a dashboard where no Grafana runs."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


@dataclass(frozen=True)
class Answer:
    """What a panel's queries returned: the legend of each, and its series over time."""

    legend: str
    series: Sequence[Mapping[str, Any]]


def draw_dashboard(path: Path, title: str, panels: Sequence[tuple[Mapping[str, Any], Sequence[Answer]]]) -> None:
    """Draw every panel of a dashboard with what its queries returned."""
    columns = 3
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(6 * columns, 3.1 * rows), squeeze=False, layout="constrained")
    figure.suptitle(title, fontsize=16, fontweight="bold")
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (panel, answers) in zip(axes.flat, panels, strict=False):
        _draw_panel(axis, panel, answers)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_panel(axis: Any, panel: Mapping[str, Any], answers: Sequence[Answer]) -> None:
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    axis.set_title(f"{textwrap.shorten(panel['title'], 60)}  [{unit}]", fontsize=10, loc="left", fontweight="bold")
    lines = [(_label(answer.legend, one["metric"]), one["values"]) for answer in answers for one in answer.series]
    if panel["type"] in ("stat", "bargauge", "table"):
        axis.set_axis_off()
        words = [f"{label or 'value'}: {float(values[-1][1]):.4g}" for label, values in lines]
        shown = words[:10] + ([f"and {len(words) - 10} more"] if len(words) > 10 else [])
        axis.text(0.02, 0.95, "\n".join(shown) or "no data", va="top", fontsize=11, transform=axis.transAxes)
        return
    for label, values in lines:
        moments = np.array([float(moment) for moment, _ in values])
        axis.plot(moments - moments[-1], [float(value) for _, value in values], label=textwrap.shorten(label, 34))
    axis.set_xlabel("seconds before now", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    if lines:
        axis.legend(fontsize=7, loc="upper left")
    else:
        axis.text(0.5, 0.5, "no data", ha="center", transform=axis.transAxes)


def _label(legend: str, labels: Mapping[str, str]) -> str:
    """Return what Grafana calls a series: a label that it does not have leaves nothing."""
    if legend in ("", "__auto"):
        return ", ".join(value for name, value in labels.items() if name != "__name__")
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), legend)
