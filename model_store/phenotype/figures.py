"""The figures of the phenotypes: populations and clusters."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage

from model_store.phenotype.enrichment import Enrichment
from model_store.phenotype.phenotype import COLD, HOT
from model_store.reporting.figures import short_p, shown_p, stars
from model_store.statistics.composition import is_quantity

COLOURS = {HOT: "#b5403a", COLD: "#33658a"}
NAMES = {HOT: "immune-inflamed (hot)", COLD: "immune-desert (cold)"}
GREY = "#8a8a8a"
SHADES = ("#33658a", "#86bbd8", "#d9d9d9", "#f2b880", "#b5403a", "#6b4e71", "#758e4f", "#2f4858")
Floats = NDArray[np.float64]


def heatmap_figure(z_scores: pd.DataFrame, phenotype: "pd.Series[str]", evidence: pd.DataFrame) -> Figure:
    """Draw populations (rows, those most different on top) by patients, by phenotype and falling mean.

    Args:
        z_scores: of each population over the patients.
        phenotype: by patient.
        evidence: of `Phenotypes`; its q marks the populations that differ.
    """
    level = z_scores.mean()
    kinds = _kinds(phenotype)
    columns = [name for kind in kinds for name in level[phenotype == kind].sort_values(ascending=False).index]
    q = dict(zip(evidence["name"], evidence["q"].to_numpy(np.float64), strict=True))
    rows = _population_order(z_scores, phenotype)
    figure = Figure(figsize=(9.5, 1.6 + 0.24 * len(rows)))
    grid = figure.add_gridspec(2, 2, height_ratios=(0.5, len(rows)), width_ratios=(40, 1), hspace=0.03, wspace=0.05)
    band, axes, colours = (figure.add_subplot(index) for index in (grid[0, 0], grid[1, 0], grid[1, 1]))
    band.set_axis_off()
    band.set(xlim=(-0.5, len(columns) - 0.5), ylim=(0, 1))
    start = 0
    for kind in kinds:
        count = int((phenotype == kind).sum())
        band.axvspan(start - 0.5, start + count - 0.5, color=_colour(kind, kinds))
        band.text(start + count / 2 - 0.5, 1.25, f"{kind}, n = {count}", ha="center", fontsize=9)
        start += count
        axes.axvline(start - 0.5, color="white", linewidth=1.5)
    image = axes.imshow(z_scores.loc[rows, columns], aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5)
    axes.set_yticks(range(len(rows)), [f"{_words(name)} {stars(q[name])}" for name in rows], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.set_xlabel("patients, each phenotype by falling mean    * q < 0.05   ** q < 0.01   *** q < 0.001", fontsize=8)
    figure.colorbar(image, cax=colours, label="z-score of the population", extend="both")
    return figure


def silhouette_figure(silhouette: Floats, phenotype: "pd.Series[str]") -> Figure:
    """Draw each patient's silhouette, sorted within the phenotype; bars below 0 lie nearer to the other one."""
    figure = Figure(figsize=(5.6, 4.2))
    axes = figure.add_subplot()
    start = 0
    for kind in (HOT, COLD):
        values = np.sort(silhouette[(phenotype == kind).to_numpy()])[::-1]
        label = f"{NAMES[kind]}: n = {len(values)}, mean {values.mean():.2f}"
        axes.bar(np.arange(start, start + len(values)), values, width=1.0, color=COLOURS[kind], label=label)
        start += len(values) + 3
    mean = float(silhouette.mean())
    axes.axhline(mean, color=GREY, linestyle="--", linewidth=1, label=f"mean of all {mean:.2f}")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set(xlabel="patients", ylabel="silhouette", xticks=[])
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.25)
    return figure


def votes_figure(votes: pd.DataFrame, chosen: int) -> Figure:
    """Draw the mean silhouette by number of clusters, and which number each index chose, with the sum of votes."""
    numbers = [int(name.removeprefix("k=")) for name in votes.columns if name.startswith("k=")][1:-1]
    figure = Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    silhouette = votes[votes["index"] == "Silhouette"].iloc[0]
    left.plot(numbers, [silhouette[f"k={k}"] for k in numbers], "o-", color=COLOURS[COLD])
    left.axvline(chosen, color=GREY, linestyle="--", linewidth=1)
    left.set(xlabel="number of clusters", ylabel="mean silhouette", xticks=numbers)
    left.set_ylim(bottom=min(0.0, left.get_ylim()[0]))
    for index, choice in enumerate(votes["choice"]):
        right.plot(choice, index, "s", color=COLOURS[HOT] if choice == chosen else GREY, markersize=8)
    shown = [1, *numbers]
    right.set_xticks(shown, [f"{k}\n{(votes['choice'] == k).sum()} votes" for k in shown], fontsize=8)
    right.set_yticks(range(len(votes)), votes["index"].tolist(), fontsize=8)
    right.set(xlim=(0.5, max(numbers) + 0.5), ylim=(len(votes) - 0.5, -0.5))
    right.grid(axis="y", linewidth=0.3)
    right.set_xlabel("number of clusters that each index chose (1: no clusters)")
    figure.subplots_adjust(wspace=0.38)
    return figure


def composition_figure(phenotype: "pd.Series[str]", clinical: pd.DataFrame, p_values: Sequence[float]) -> Figure:
    """Draw each column in either phenotype: shares of categories, or boxes of a quantity, with the p value."""
    figure = Figure(figsize=(3.4 * clinical.shape[1] + 0.6, 4.2))
    for index, (name, p) in enumerate(zip(clinical.columns, p_values, strict=True)):
        axes = figure.add_subplot(1, clinical.shape[1], index + 1)
        axes.set_title(f"{name}, {shown_p(p)}", fontsize=9)
        if is_quantity(clinical[name]):
            _boxes(axes, clinical[name].dropna(), phenotype)
            continue
        counts = pd.crosstab(clinical[name].astype(str), phenotype.loc[clinical.index])
        present = [kind for kind in (HOT, COLD) if kind in counts]
        shares = counts[present] / counts[present].sum()
        bottom = np.zeros(len(present))
        for value, colour in zip(shares.index, [SHADES[i % len(SHADES)] for i in range(len(shares))], strict=True):
            axes.bar(present, shares.loc[value], bottom=bottom, color=colour, label=value, width=0.7)
            bottom += shares.loc[value].to_numpy()
        axes.set_xticks(range(len(present)), [f"{kind}\nn = {counts[kind].sum()}" for kind in present])
        axes.set_ylabel("share" if index == 0 else "")
        axes.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    figure.subplots_adjust(wspace=0.35)
    return figure


def _boxes(axes: Axes, values: pd.Series, phenotype: "pd.Series[str]") -> None:
    """Draw a quantity in either phenotype."""
    parts = {kind: values[phenotype.loc[values.index] == kind].to_numpy(np.float64) for kind in (HOT, COLD)}
    shown = axes.boxplot(list(parts.values()), widths=0.5, patch_artist=True, medianprops={"color": "black"})
    for box, kind in zip(shown["boxes"], parts, strict=True):
        box.set_facecolor(COLOURS[kind])
    axes.set_xticks([1, 2], [f"{kind}\nn = {len(part)}" for kind, part in parts.items()])


def agreement_figure(
    one: "pd.Series[float]", other: "pd.Series[float]", phenotype: "pd.Series[str]", said: str
) -> Figure:
    """Draw the mean immune level by the second scoring against that by the first."""
    figure = Figure(figsize=(4.8, 4.4))
    axes = figure.add_subplot()
    for kind in (HOT, COLD):
        chosen = phenotype.index[phenotype == kind]
        axes.scatter(one[chosen], other[chosen], s=16, color=COLOURS[kind], label=NAMES[kind], alpha=0.8, linewidths=0)
    axes.set(xlabel="immune level, ssGSEA (mean z)", ylabel="immune level, second scoring (mean z)")
    axes.set_title(said, fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    return figure


def genes_figure(
    expression: pd.DataFrame, phenotype: "pd.Series[str]", comparisons: pd.DataFrame, scale: str
) -> Figure:
    """Draw each column, such as a gene's expression, in either phenotype as boxes with all points, and the q value."""
    columns = min(4, expression.shape[1])
    rows = -(-expression.shape[1] // columns)
    figure = Figure(figsize=(2.3 * columns + 0.5, 2.5 * rows))
    q = comparisons.set_index("name")["q"]
    rng = np.random.default_rng(0)
    for index, gene in enumerate(expression.columns):
        axes = figure.add_subplot(rows, columns, index + 1)
        for position, kind in enumerate((HOT, COLD)):
            values = expression.loc[phenotype == kind, gene].dropna().to_numpy(np.float64)
            spread = rng.uniform(-0.18, 0.18, len(values))
            axes.scatter(position + spread, values, s=5, color=COLOURS[kind], alpha=0.5, linewidths=0)
            axes.boxplot(values, positions=[position], widths=0.55, showfliers=False, medianprops={"color": "black"})
        axes.set_xticks((0, 1), (HOT, COLD))
        axes.set_title(f"{_words(str(gene))}\nq {short_p(float(q[gene]))}", fontsize=8)
        axes.tick_params(labelsize=8)
    figure.supylabel(scale, fontsize=9, x=0.035)
    figure.subplots_adjust(hspace=0.45, wspace=0.35, left=0.09)
    return figure


def enrichment_figure(table: pd.DataFrame, most: int = 24) -> Figure:
    """Draw the normalised enrichment of the strongest pathways: right of 0, higher in hot tumours."""
    shown = table.head(most).sort_values("nes")
    figure = Figure(figsize=(7.5, 0.9 + 0.26 * len(shown)))
    axes = figure.add_subplot()
    colours = [
        (COLOURS[HOT] if nes > 0 else COLOURS[COLD]) if q < 0.25 else "#cfcfcf"
        for nes, q in zip(shown["nes"], shown["q"], strict=True)
    ]
    axes.barh([_words(name) for name in shown["pathway"]], shown["nes"], color=colours)
    for index, q in enumerate(shown["q"]):
        axes.text(
            0.02 * np.sign(-shown["nes"].iloc[index]),
            index,
            f"q {short_p(q)}",
            va="center",
            fontsize=7,
            ha="right" if shown["nes"].iloc[index] > 0 else "left",
        )
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(
        "normalised enrichment: right, higher in hot; left, higher in cold; grey, q of 0.25 or more", fontsize=8
    )
    axes.tick_params(axis="y", labelsize=8)
    return figure


def running_sums_figure(enriched: Enrichment, most: int = 6) -> Figure:
    """Draw the running sum of the strongest pathways: its genes as ticks, and below the ranking that is walked down."""
    shown = enriched.running_sums[:most]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.4 * columns, 3.0 * rows))
    grid = figure.add_gridspec(rows, columns, hspace=0.55, wspace=0.35)
    places = np.arange(len(enriched.ranking))
    for index, one in enumerate(shown):
        parts = grid[index // columns, index % columns].subgridspec(3, 1, height_ratios=(5, 0.8, 2), hspace=0.08)
        walk, ticks, ranking = (figure.add_subplot(parts[at, 0]) for at in range(3))
        row = enriched.table.iloc[index]
        walk.plot(np.arange(len(one.sums)), one.sums, color=COLOURS[HOT if row["nes"] > 0 else COLD], linewidth=1.4)
        walk.axhline(0, color="black", linewidth=0.6)
        walk.set_title(f"{_words(one.pathway)}\nNES {row['nes']:.2f}, q {short_p(float(row['q']))}", fontsize=8)
        walk.set_ylabel("running sum", fontsize=7)
        ticks.vlines(one.hits, 0, 1, color="black", linewidth=0.5)
        ticks.set_yticks([])
        ranking.fill_between(places, enriched.ranking, color="#bfbfbf", linewidth=0)
        ranking.set_ylabel("S2N", fontsize=7)
        ranking.set_xlabel("place in the ranking: left, higher in hot", fontsize=7)
        for axes in (walk, ticks, ranking):
            axes.set_xlim(0, len(places))
            axes.tick_params(labelsize=6)
        walk.set_xticks([])
        ticks.set_xticks([])
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ")


def _population_order(z_scores: pd.DataFrame, phenotype: "pd.Series[str]") -> list[str]:
    """Return alike populations next to each other, those highest in hot tumours first."""
    if len(z_scores) < 3:
        return list(z_scores.index)
    order = [z_scores.index[i] for i in leaves_list(linkage(z_scores.to_numpy(), "average", optimal_ordering=True))]
    first = phenotype == _kinds(phenotype)[0]
    gap = z_scores.loc[order, first].mean(axis=1) - z_scores.loc[order, ~first].mean(axis=1)
    half = len(order) // 2
    return order if gap.iloc[:half].mean() >= gap.iloc[half:].mean() else order[::-1]


def _kinds(phenotype: "pd.Series[str]") -> list[str]:
    """Return the groups in the order in which they are drawn: hot before cold, clusters by their names."""
    return sorted(phenotype.unique(), key=lambda kind: (kind == COLD, kind))


def _colour(kind: str, kinds: Sequence[str]) -> str:
    return COLOURS.get(kind, SHADES[kinds.index(kind) % len(SHADES)])
