"""The flow of cases: how many a table had, how many were left out for which reason, and how many were analysed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

WIDTH, ROW, LINE = 3.0, 0.5, 0.22
"""Inches: of a cohort, of a box, of a reason."""


@dataclass(frozen=True)
class Flow:
    """Of one cohort."""

    name: str
    analysed: str
    """What is in the last box."""
    cases: int
    left_out: Mapping[str, int]
    """Number of cases by reason, in the order in which they were left out."""

    @classmethod
    def of(cls, name: str, cases: int, hot: int | None, left_out: Mapping[str, int]) -> "Flow":
        """Return the flow of a cohort's table."""
        analysed = f"{cases} cases analysed" + (f" ({hot} hot, {cases - hot} cold)" if hot is not None else "")
        return cls(name, analysed, cases, left_out)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """The reasons that left cases out."""
        return [(why, count) for why, count in self.left_out.items() if count]

    @property
    def found(self) -> int:
        """How many cases there were before."""
        return self.cases + sum(count for _, count in self.reasons)


def flow_figure(flows: Sequence[Flow]) -> Figure:
    """Draw the flow of each cohort as a column of three boxes."""
    lines = 1 + max(len(flow.reasons) for flow in flows)
    height = 3 * ROW + lines * LINE + 0.9
    figure = Figure(figsize=(WIDTH * len(flows), height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH * len(flows)), ylim=(0, height))
    axes.axis("off")
    top, half = height - ROW, lines * LINE / 2 + 0.12
    for at, flow in enumerate(flows):
        middle = (at + 0.5) * WIDTH
        reasons = "\n".join(("left out:", *(f"{count} {why}" for why, count in flow.reasons)))
        reasons = reasons if flow.reasons else "none left out"
        boxes = {top: f"{flow.name}\n{flow.found} cases in the table", height / 2: reasons, ROW: flow.analysed}
        for level, text in boxes.items():
            axes.text(middle, level, text, ha="center", va="center", fontsize=7, bbox=BOX, linespacing=1.4)
        for start, end in ((top - 0.3, height / 2 + half), (height / 2 - half, ROW + 0.2)):
            axes.annotate("", (middle, end), (middle, start), arrowprops={"arrowstyle": "->", "color": "0.3"})
    return figure


BOX = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}
