"""The model card: what a person must know before trusting a signature."""

from collections.abc import Mapping
from typing import Any

from model_store.signature import Description

FIGURES = {"roc.png": "ROC curves", "calibration.png": "Calibration", "importance.png": "Feature importance"}


def model_card(description: Description) -> str:
    """Return the card as Markdown."""
    d = description
    parts = [
        f"# {d.id} {d.version}",
        f"**{d.research_notice}**" if d.research_notice else f"Status: {d.status.value}",
        f"Intended use: {d.intended_use}",
        f"## What it does\n\n{_what_it_does(d)}",
        f"## Feature profile\n\n{_table(d.profile.to_json())}",
        f"## Training cases\n\n{_table(d.cohort)}",
        f"## Training\n\n{_table(d.training)}",
        f"## Performance\n\n{_performance(d.metrics)}",
        "\n\n".join(f"![{title}]({name})" for name, title in FIGURES.items()),
        "## Columns, in the order of the estimator\n\n" + "\n".join(f"1. `{name}`" for name in d.columns),
        f"## Made with\n\n{_table(d.library_versions)}",
    ]
    return "\n\n".join(parts) + "\n"


def _what_it_does(description: Description) -> str:
    return (
        f"A random forest on {len(description.columns)} radiomics features of the tumour and of a ring around its "
        "border gives the probability that the tumour is immune-inflamed (hot). "
        f"From {description.threshold:.4f} on the case is called hot, below it cold (immune-desert). "
        "The threshold is the one with the largest Youden index on out-of-fold probabilities."
    )


def _table(values: Mapping[str, Any]) -> str:
    rows = [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in values.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{name}: {_cell(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _performance(metrics: Mapping[str, Any]) -> str:
    """Return one row per way of measuring."""
    header = "| measured on | cases (hot) | AUC | sensitivity | specificity | TP FP TN FN |\n|---|---|---|---|---|---|"
    rows = [
        f"| {name.replace('_', ' ')} | {m['cases']} ({m['hot']}) | {_interval(m['auc'])} "
        f"| {_interval(m['sensitivity'])} | {_interval(m['specificity'])} "
        f"| {' '.join(str(count) for count in m['confusion'].values())} |"
        for name, m in metrics.items()
    ]
    note = "Intervals are of 95 %: DeLong for the AUC, Wilson for the others."
    return "\n".join([header, *rows]) + "\n\n" + note


def _interval(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
