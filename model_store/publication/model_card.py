"""The model card: what a reader must know before using a signature."""

from collections.abc import Mapping, Sequence
from typing import Any

from model_store.reporting.document import Block, Section, pairs, to_markdown
from model_store.signatures.signature import Description

FIGURES = {"roc.png": "ROC curves", "calibration.png": "Calibration", "importance.png": "Feature importance"}


def model_card(description: Description, figures: Mapping[str, str] = FIGURES) -> str:
    """Return the card as Markdown; ``figures`` are captions by file name."""
    return to_markdown(card_sections(description, figures))


def card_sections(description: Description, figures: Mapping[str, str], more: Sequence[Section] = ()) -> list[Section]:
    """Return the card; ``more`` is inserted between the description of the signature and its feature profile."""
    d = description
    notice = (
        Block(text=d.research_notice, notice=True) if d.research_notice else Block(text=f"Status: {d.status.value}")
    )
    return [
        Section(f"{d.id} {d.version}", (notice, Block(text=f"Intended use: {d.intended_use}"))),
        Section("What it does", (Block(text=_what_it_does(d)),)),
        *more,
        Section("Feature profile", (pairs(d.profile.to_json()),)),
        Section("Training cases", (pairs(d.cohort),)),
        Section("Training", (pairs(d.training),)),
        Section("Performance", (*_performance(d.metrics), *(Block(figure=item) for item in figures.items()))),
        Section("Columns, in the order of the estimator", (Block(items=d.columns),)),
        Section("Made with", (pairs(d.library_versions),)),
    ]


def _what_it_does(description: Description) -> str:
    return (
        f"A random forest on {len(description.columns)} radiomics features of the tumour and of a ring around its "
        "border estimates the probability that the tumour is immune-inflamed (hot). "
        f"A case with a probability of at least {description.threshold:.4f} is classified as hot, "
        "otherwise as cold (immune-desert). "
        "The threshold is the one with the largest Youden index on out-of-fold probabilities."
    )


def _performance(metrics: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return one row per way of measuring."""
    head = ("measured on", "cases (hot)", "AUC", "sensitivity", "specificity", "TP FP TN FN")
    rows = [
        (
            name.replace("_", " "),
            f"{m['cases']} ({m['hot']})" if "hot" in m else str(m["cases"]),
            *(interval(m[measure]) for measure in ("auc", "sensitivity", "specificity")),
            _counts(m["confusion"]) if "confusion" in m else "",
        )
        for name, m in metrics.items()
    ]
    methods = [f"{name.replace('_', ' ')}: {m['method']}." for name, m in metrics.items() if "method" in m]
    note = " ".join(
        ["Intervals are of 95 %: DeLong for the AUC, Wilson for the others, unless stated otherwise.", *methods]
    )
    return (Block(rows=(head, *rows)), Block(text=note))


def _counts(confusion: Mapping[str, int]) -> str:
    """Return the four counts in the order of the head, whatever the order in which JSON gave them."""
    return " ".join(
        str(confusion[cell]) for cell in ("true_positive", "false_positive", "true_negative", "false_negative")
    )


def interval(estimate: Mapping[str, float] | None) -> str:
    """Return a value with its interval; ``-`` where there is none."""
    if estimate is None:
        return "-"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
