"""One HTML file about a study: figures and main numbers of all its steps, in the order of Han et al. (2024)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from model_store.reporting.document import Block, Section, cell, pairs, to_html
from model_store.reporting.paper_items import paper_rows
from model_store.reporting.step_output import read_summary

NOT_RUN = "This step has not been run."
TOP = 20
REPEATED_BY = {
    "intra": "the same reader",
    "inter": "another reader",
    "retest": "another scan",
    "perturbed": "chance (substitute)",
}
AUCS = ("auc_clinical", "auc_with_signature")
TRAINING, PUBLISHED_FAMILY = "training", "random forest"
READING = (
    "Intervals in brackets are of 95 %. Every figure and table is in the study's folder, under the name of its step.",
    "A study on few or simulated cases, or on one site, shows that the chain works. It is no evidence for patients.",
)


@dataclass(frozen=True)
class Chapter:
    """What the report shows of a step."""

    step: str
    title: str
    says: str
    figures: tuple[tuple[str, str, str], ...]
    """Pattern of the file's name in the step's folder of figures, its caption, and its number in the paper."""


CHAPTERS = (
    Chapter(
        "extract",
        "1. Cases and radiomics features",
        "958 features of each lesion: 479 of the tumour, 479 of a ring of 2 mm on either side of its border.",
        (),
    ),
    Chapter(
        "phenotype",
        "2. Immune phenotypes",
        "Tumours are grouped by the abundance of their cell populations (ssGSEA, then k-means).",
        (
            ("heatmap", "Abundance of the populations, by cluster", ""),
            ("votes", "Number of clusters: votes of the indices", ""),
            ("silhouette", "Silhouette of each tumour", ""),
            ("composition", "Clinical data by phenotype", "3F, S2"),
            ("second_scoring", "Agreement with a second scoring by marker genes", ""),
            ("second_groups", "Populations of the second scoring, hot against cold", "3D"),
            ("cell_groups", "Cell groups, hot against cold", "3C"),
            ("purity", "Tumour purity, hot against cold", "3E"),
            ("checkpoint_genes", "Immune checkpoint genes, hot against cold", "5A"),
            ("kaplan_meier", "Survival by phenotype", ""),
            ("cox_populations", "Hazard ratio of each population (univariate Cox regression)", "4B"),
            ("cox_populations_*", "Hazard ratio of each population within one phenotype", "4B"),
            ("kaplan_meier_*", "Survival within one phenotype, by the median immune level", "4B"),
            ("cut_off", "Every cut-off of the immune level, and how well it parts survival", ""),
            ("cut_off_survival", "Survival above and up to the optimal cut-off of the immune level", ""),
            ("pathway*", "Pathways that differ between the phenotypes", "5B"),
        ),
    ),
    Chapter(
        "reliability",
        "3. Reliability of the features",
        "Intraclass correlation: two-way, absolute agreement, single measurement. The paper's threshold is 0.75.",
        (("icc_by_class", "ICC by class of features", ""), ("kept_by_class", "Features kept, by class", "")),
    ),
    Chapter(
        "train",
        "4. Radiomics signature",
        "Every choice is made inside the folds, and no patient is in two of them.",
        (
            ("flow", "Flow of the training cases", ""),
            ("importance", "The features that matter most", ""),
            ("candidates", "Models compared in the same folds", ""),
            ("roc", "ROC of each family: mean of the folds, whose area is the AUC", ""),
            ("calibration", "Calibration, out of fold (one repeat)", ""),
            ("paper_split", "Splits into 80 and 20 %, as in the paper, and what selecting before the split adds", ""),
        ),
    ),
    Chapter(
        "validate",
        "5. Performance",
        "AUC, accuracy, sensitivity, specificity, PPV and NPV of the training cohort are means over the folds of the "
        "nested cross-validation; those of the other cohorts are of all their cases.",
        (
            ("flow", "Flow of the cases of all cohorts", ""),
            ("roc", "ROC of all cohorts", "6"),
            ("confusion", "Confusion matrices at the signature's threshold", ""),
            ("calibration", "Calibration", ""),
            ("decision_curve", "Decision curve", ""),
            ("added_value", "Net benefit of clinical data with and without the signature", ""),
            ("nomogram", "Nomogram of clinical data and signature", ""),
            ("subgroups", "AUC by subgroup", "S3"),
            ("features_and_populations", "Top features and cell populations, Spearman", "7"),
            ("score_*", "Score by group", ""),
            ("response_*", "Score by response to treatment, landmark or marker", ""),
            ("survival_*", "Survival, split at the median score", ""),
        ),
    ),
)


def study_report(output: Path, title: str) -> bytes:
    """Return the report of the steps in a study's folder, as one file with its figures."""
    pictures: dict[str, bytes] = {}
    sections = [Section(title, _verdict(output))]
    for chapter in CHAPTERS:
        folder = output / chapter.step
        summary = read_summary(folder)
        blocks = [Block(text=chapter.says), *(_numbers(chapter.step, summary, folder) if summary else [_absent()])]
        drawn = _figures(chapter, folder, pictures)
        sections.append(Section(chapter.title, (*blocks, *drawn, *_tables(chapter.step, folder))))
    sections.append(Section("6. The signature", _published(output)))
    head = ("in the paper", "", "in this study")
    sections.append(Section("7. Tables and figures of the paper", (Block(rows=(head, *paper_rows(output))),)))
    sections.append(Section("How to read this", tuple(Block(text=text) for text in READING)))
    return to_html(sections, pictures)


def _absent() -> Block:
    return Block(text=NOT_RUN)


def _figures(chapter: Chapter, folder: Path, pictures: dict[str, bytes]) -> list[Block]:
    blocks = []
    summary = read_summary(folder)
    cohorts = (*_in_order(summary.get("cohorts", {})), *summary.get("treated", {}))
    for pattern, caption, number in chapter.figures:
        found = {path: _detail(pattern, path.stem, cohorts) for path in (folder / "figures").glob(f"{pattern}.png")}
        for path, detail in sorted(found.items(), key=lambda pair: (_cohort_order(pair[1], cohorts), pair[1])):
            name = f"{chapter.step}/{path.name}"
            pictures[name] = path.read_bytes()
            said = caption + (f": {', '.join(detail)}" if any(detail) else "")
            said += f" (figure {number} of the paper)" if number else ""
            blocks.append(Block(figure=(name, f"Figure {len(pictures)}. {said}")))
    return blocks


def _tables(step: str, folder: Path) -> list[Block]:
    """Return links to the step's tables and summary, which lie beside the report."""
    files = [*sorted((folder / "tables").glob("*.csv")), folder / "summary.json"]
    links = tuple((path.stem, path.relative_to(folder.parent).as_posix()) for path in files if path.is_file())
    return [Block(text="Tables of this step:"), Block(links=links)] if links else []


def _detail(pattern: str, stem: str, cohorts: Sequence[str]) -> tuple[str, ...]:
    """Return cohort and subject from a file's name: ``score_other_hospital_stage`` is cohort other_hospital, stage."""
    part = stem.removeprefix(pattern.rstrip("*")) if pattern.endswith("_*") else ""
    cohort = max((name for name in cohorts if f"{part}_".startswith(f"{name}_")), key=len, default="")
    rest = part[len(cohort) :].strip("_").replace("_", " ")
    return tuple(word for word in (cohort, rest) if word)


def _cohort_order(detail: tuple[str, ...], cohorts: Sequence[str]) -> int:
    return cohorts.index(detail[0]) if detail and detail[0] in cohorts else len(cohorts)


def _in_order(cohorts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cohorts in order: training first, the others by name."""
    return dict(sorted(cohorts.items(), key=lambda pair: (pair[0] != TRAINING, pair[0])))


def _verdict(output: Path) -> tuple[Block, ...]:
    notice = read_summary(output / "publish").get("notice")
    cohorts = _in_order(read_summary(output / "validate").get("cohorts", {}))
    found = [Block(text=str(notice), notice=True)] if notice else []
    for name, numbers in cohorts.items():
        if auc := numbers.get("auc"):
            found.append(
                Block(
                    text=f"Cohort {name}: {numbers['cases']} cases, {numbers['hot']} of them hot; AUC {_interval(auc)}."
                )
            )
    return (*found, Block(text="The analyses are those of Han et al., Breast Cancer Research 26:18 (2024)."))


def _numbers(step: str, summary: Mapping[str, Any], folder: Path) -> list[Block]:
    return {
        "extract": _extracted,
        "phenotype": _phenotypes,
        "reliability": _reliable,
        "train": _trained,
        "validate": _validated,
    }[step](summary, folder)


def _extracted(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    names = ("patients", "lesions", "measured", "outlines", "columns", "profile", "sites", "scanners")
    reasons = tuple((reason, str(count)) for reason, count in summary["reasons"].items())
    lost = [Block(rows=(("not measured because", "outlines"), *reasons))] if reasons else []
    return [pairs({name: summary[name] for name in names}), *lost]


def _phenotypes(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    names = ("patients", "hot", "cold", "clusters", "mean_silhouette")
    genes = folder / "tables" / "checkpoint_genes.parquet"
    table = [_table(pd.read_parquet(genes))] if genes.is_file() else []
    return [pairs({name: summary[name] for name in names if name in summary}), *table]


def _reliable(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    head = ("repeated by", "lesions", "median ICC", "quartiles", f"ICC of at least {summary['threshold']:g}")
    rows = tuple(
        (
            words,
            cell(one["lesions"]),
            f"{one['median']:.3f}",
            " to ".join(f"{q:.3f}" for q in one["quartiles"]),
            f"{one['at_least_threshold']} of {summary['features']}",
        )
        for kind, words in REPEATED_BY.items()
        if (one := summary["kinds"].get(kind))
    )
    substitute = (
        "No second reader outlined these lesions: outlines were redrawn by chance (shifted, grown or shrunk, rotated, "
        "with noise) as a substitute. It says less than a second reader would."
    )
    notice = [Block(text=substitute, notice=True)] if summary["substitute"] else []
    return [
        *notice,
        Block(text=f"{summary['kept']} of {summary['features']} features are kept."),
        Block(rows=(head, *rows)),
    ]


def _trained(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    measures = ("auc", "sensitivity", "specificity")
    families = sorted(summary["families"].items(), key=lambda pair: pair[0] != PUBLISHED_FAMILY)
    rows = tuple(
        (family, *(_interval(found["performance"].get(name)) for name in measures)) for family, found in families
    )
    simplest = summary["simplest_within_one_se"]
    chosen = {
        "cases": f"{summary['cases']} ({summary['hot']} hot, {summary['cold']} cold)",
        "chosen forest": summary["chosen"],
        "threshold (Youden)": summary["threshold"],
        "simplest within one standard error": f"{simplest['family']}, {simplest['settings']}",
        "seed": summary["seed"],
    }
    if other_sites := summary.get("leave_one_site_out"):
        sites = (_interval(other_sites[name]) for name in measures)
        rows += ((f"{PUBLISHED_FAMILY}, leave-one-site-out", *sites),)
    controls = tuple(
        (
            one["name"],
            _interval(one["auc"]),
            _interval(one["difference"]),
            one["note"] or ("yes" if one["beaten"] else "no"),
            _said(one.get("p")),
        )
        for one in summary.get("negative_controls", ())
    )
    head = ("negative control", "AUC", "signature minus control", "beaten", "permutation p")
    said = [Block(text=note) for note in (summary["imbalance"], *summary["notes"])]
    names = tuple(summary["top_features"][:TOP])
    top = (Block(text=f"The {len(names)} features of most weight:"), Block(items=names))
    if found := summary.get("bootstrap"):
        said.append(
            Block(
                text=f"By bootstrap ({found['method']}): AUC {found['apparent']:.3f} on the cases that the forest was "
                f"fitted on, {found['corrected']:.3f} without the optimism of {found['optimism']:.3f}."
            )
        )
    if split := summary.get("paper_split"):
        model = f"{PUBLISHED_FAMILY}, one split of 80 and 20 % as in the paper"
        rows += ((model, _interval(split["first_split"]), "-", "-"),)
        said.append(Block(text=_split_text(split)))
    return [
        pairs(chosen),
        Block(rows=(("model", *map(_title, measures)), *rows)),
        Block(rows=(head, *controls)),
        *said,
        *top,
    ]


def _split_text(split: Mapping[str, Any]) -> str:
    return (
        "As in the paper, with features selected on all cases and one split into 80 and 20 %, the AUC lies between "
        f"{split['lowest']:.3f} and {split['highest']:.3f} in {split['splits']} splits, depending on the draw. "
        f"Selecting before the split adds {_interval(split['optimism'])} to it. So the nested cross-validation is the "
        "estimate."
    )


def _validated(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    measures = ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv")
    cohorts = _in_order(summary["cohorts"])
    rows = tuple((_title(name), *(_interval(found.get(name)) for found in cohorts.values())) for name in measures)
    sizes = tuple(f"{found['cases']} ({found['hot']})" for found in cohorts.values())
    groups = folder / "tables" / "score_comparisons.parquet"
    table = [_table(pd.read_parquet(groups))] if groups.is_file() else []
    measured = [Block(rows=(("", *cohorts), ("cases (hot)", *sizes), *rows))] if cohorts else []
    return [*_first_table(folder), *measured, *_added(summary), *_responses(summary), *table]


def _first_table(folder: Path) -> list[Block]:
    path = folder / "tables" / "table_1.parquet"
    if not path.is_file():
        return []
    head = "Characteristics of the cohorts (table 1 of the paper); standardised differences above 0.1 are an imbalance:"
    return [Block(text=head), _table(pd.read_parquet(path))]


def _added(summary: Mapping[str, Any]) -> list[Block]:
    """Return the table of what the signature adds to clinical data."""
    if not (added := summary.get("added_value")):
        return []
    rows = tuple(
        (
            str(one["cohort"]),
            f"{one['cases']} ({one['hot']})",
            *(_interval({"value": one[name], "low": one[f"{name}_low"], "high": one[f"{name}_high"]}) for name in AUCS),
            f"{one['difference']:.3f}" if one["p"] is None else _interval({**one, "value": one["difference"]}),
            "not valid" if one["p"] is None else _said(one["p"]),
        )
        for one in added["cohorts"]
    )
    head = ("cohort", "cases (hot)", "AUC, clinical", "AUC with the signature", "difference (DeLong)", "p")
    text = f"What the signature adds to {', '.join(added['columns'])} ({added['method']}):"
    return [Block(text=text), Block(rows=(head, *rows))]


def _responses(summary: Mapping[str, Any]) -> list[Block]:
    """Return the table of all cohorts' endpoints."""
    rows = tuple(
        (
            cohort,
            endpoint,
            f"{found['positives']} of {found['cases']} {found['positive']}",
            _interval(found["auc"]),
            _interval(found["sensitivity"]),
            _interval(found["specificity"]),
            found["test"],
            _said(found["p"]),
        )
        for cohort, endpoints in summary.get("response", {}).items()
        for endpoint, found in endpoints.items()
    )
    if not rows:
        return []
    head = ("cohort", "endpoint", "cases", "AUC", "sensitivity", "specificity", "test of the scores", "p")
    return [Block(text="The score against response to treatment, landmark and markers:"), Block(rows=(head, *rows))]


def _title(measure: str) -> str:
    return measure.upper() if len(measure) == 3 else measure


def _published(output: Path) -> tuple[Block, ...]:
    found = read_summary(output / "publish")
    if not found:
        return (_absent(),)
    names = ("name", "status", "digest")
    return (
        pairs({name: found[name] for name in names}),
        Block(text="Its model card holds intended use, limits and the items of TRIPOD+AI:"),
        Block(links=(("model card", f"publish/{found['card']}"),)),
    )


def _interval(estimate: Mapping[str, float] | None) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})" if estimate else "-"


def _table(frame: pd.DataFrame) -> Block:
    """Return a table without its empty columns."""
    told = {name: [_said(value) for value in frame[name]] for name in frame.columns}
    told = {name: values for name, values in told.items() if any(values)}
    return Block(rows=(tuple(name.replace("_", " ") for name in told), *zip(*told.values(), strict=True)))


def _said(value: str | float | None) -> str:
    return "" if pd.isna(value) else cell(value)
