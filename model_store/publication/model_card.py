"""The model card: what a reader must know before using a signature."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from model_store.reporting.document import Block, Section, pairs, to_markdown
from model_store.signatures.acceptance import MARGIN, AcceptanceContract, Parameter
from model_store.signatures.certainty import METHOD, PredictionSet
from model_store.signatures.signature import Description

NOT_BEATEN = {
    "shuffled labels": "chance does as well",
    "shuffled voxels": "without its texture, by shape and grey values alone, the tumour tells as much",
    "same shape elsewhere": "other tissue tells as much as the tumour",
    "volume alone": "the size of the tumour tells as much",
}
"""What it means that a negative control is not beaten."""
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
        Section("What it may be applied to", _acceptance(d.acceptance)),
        Section("Feature profile", (Block(text=d.profile.description), pairs(d.profile.to_json()))),
        *([Section("Own columns", _own(d))] if d.own_columns else []),
        *([Section("Harmonisation between scanners", blocks)] if (blocks := _harmonised(d)) else []),
        Section("Training cases", (pairs(d.cohort),)),
        Section("Training", (pairs({k: v for k, v in d.training.items() if k != "negative_controls"}),)),
        Section("Negative controls", _negative_controls(d)),
        Section("Performance", (*_performance(d.metrics), *(Block(figure=item) for item in figures.items()))),
        Section("How sure a verdict is", (_certainty(d),)),
        Section("Columns, in the order of the estimator", (Block(items=d.columns),)),
        Section("Made with", (pairs(d.library_versions),)),
    ]


def _what_it_does(description: Description) -> str:
    outlines = ", over received and redrawn outlines" if "redrawn_outlines" in description.training else ""
    own = len(description.own_columns)
    measured = f"{len(description.columns) - own} radiomics features of the tumour and of a ring around its border"
    taken = [measured] if len(description.columns) > own else []
    taken += [f"{own} columns of the study's own"] if own else []
    return (
        f"A random forest on {' and '.join(taken)} votes on whether the tumour is immune-inflamed (hot). The score is "
        "the mean vote, from 0 (cold) to 1 (hot); it is not a calibrated probability. A case with a score of at least "
        f"{description.threshold:.4f} is classified as hot, otherwise as cold (immune-desert). The threshold is the "
        f"one with the largest Youden index on out-of-fold scores{outlines}."
    )


def _acceptance(contract: AcceptanceContract) -> tuple[Block, ...]:
    """Return the acceptance contract in words, and its limits."""
    text = (
        "MR images of the breast, gradient echo, as the scanner made them, in a phase after contrast. A case with "
        "evidence against one of these, or beyond a limit, is not scored; what its images do not state is noted."
    )
    limits = {
        **{name.value: f"{span.minimum:g} to {span.maximum:g}" for name, span in contract.acquisition.items()},
        "phases of the examination": ", ".join(map(str, contract.phases)) or "any after contrast",
        "grey levels, at least": contract.min_grey_levels,
        "features outside the training range, at most": f"{contract.max_outside_share:.0%}",
        "distance from the training cases, at most": contract.max_training_distance or "not limited",
    }
    missing = [name.value for name in Parameter if name not in contract.acquisition]
    more = [f"Not limited, because too few cases state them, or none: {', '.join(missing)}."] if missing else []
    if contract.acquisition:
        more.append(
            f"A range goes from the smallest value of these cases divided by {MARGIN} to the largest times {MARGIN}."
        )
    return (Block(text=text), pairs(limits), *((Block(text=" ".join(more)),) if more else ()))


def _own(description: Description) -> tuple[Block, ...]:
    text = (
        "Columns of the study's own, one value for each patient. No image states them: the service cannot score with "
        "this signature, radtme signature score --own can."
    )
    words = {one.column: ", ".join(f"{word} = {code}" for code, word in enumerate(one.order)) or "a number"
             for one in description.own_columns}  # fmt: skip
    return (Block(text=text), pairs(words))


def _harmonised(description: Description) -> tuple[Block, ...]:
    """Return how features are made comparable between scanners, where they are."""
    if (found := description.harmonisation) is None:
        return ()
    text = (
        f"{found.method}: fitted without the held-out cases in every fold, and frozen for these scanners. Images of "
        "other scanners are not scored, unless the site lets the criterion scanner warn."
    )
    return (Block(text=text), Block(items=tuple(sorted(found.scanners))))


def _negative_controls(description: Description) -> tuple[Block, ...]:
    """Return what the same training makes of data in which it must find less."""
    found = description.training.get("negative_controls")
    if not found:
        return (Block(text="None were measured."),)
    head = ("control", "cases", "AUC", "signature minus control", "beaten")
    rows = [
        (one["name"], str(one["cases"]), interval(one["auc"]), interval(one["difference"]), _beaten(one))
        for one in found
    ]
    text = (
        "The same training on data in which it must find less, on the same folds. A control is beaten when the "
        "corrected interval of the difference lies above 0. A signature that does not beat all of them stays a "
        "research signature."
    )
    lost = [
        f"{one['name']} ({NOT_BEATEN[one['name']]})"
        for one in found
        if one["difference"] is not None and not one["beaten"]
    ]
    verdict = f"Not beaten: {', '.join(lost)}. So this signature cannot be published as more than research."
    return (Block(text=text), Block(rows=(head, *rows)), *((Block(text=verdict),) if lost else ()))


def _beaten(control: Mapping[str, Any]) -> str:
    return f"not measured: {control['note']}" if control["note"] else "yes" if control["beaten"] else "no"


def _certainty(description: Description) -> Block:
    """Return the calibration's statement on future cases, and the interval of the threshold."""
    found = description.certainty
    if found is None:
        return Block(text="It was not calibrated: a result says hot or cold, and not how sure that is.")
    sets = [
        found.prediction_set(score, is_hot=score >= description.threshold)
        for score in (*found.hot_scores, *found.cold_scores)
    ]
    undecided = sum(one is PredictionSet.BOTH for one in sets)
    interval = found.threshold_interval
    return pairs(
        {
            "method": METHOD,
            "coverage": f"{found.coverage:.0%} of the cases of each class have their class in their prediction set, as "
            "long as cases are like those of training",
            "calibrated on": f"{len(found.hot_scores)} hot and {len(found.cold_scores)} cold training cases",
            "hot is possible": _bound("from", found.hot_from),
            "cold is possible": _bound("up to", found.cold_to),
            "hot or cold": f"{undecided} of {len(sets)} training cases: the verdict on such a case is uncertain",
            "threshold": f"{description.threshold:.4f}; {interval.low:.4f} to {interval.high:.4f} in the "
            f"{interval.folds} folds of the training",
        }
    )


def _bound(word: str, score: float) -> str:
    return f"{word} {score:.4f}" if math.isfinite(score) else "always, because training had too few cases of the class"


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
