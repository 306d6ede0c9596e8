"""One HTML file about a study: figures and main numbers of all its steps, in the order of Han et al. (2024)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from model_store.reporting.document import Block, Section, cell, pairs, to_html
from model_store.reporting.paper_items import NOT_MADE, PAPER_ITEMS, PaperItem
from model_store.reporting.report_chapters import CHAPTERS, OTHER_COHORT, Chapter
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


def study_report(output: Path, title: str) -> bytes:
    """Return the report of the steps in a study's folder, as one file with its figures."""
    pictures: dict[str, bytes] = {}
    sections = [Section(title, _verdict(output))]
    for chapter in CHAPTERS:
        folder = output / chapter.step
        summary = read_summary(folder)
        blocks = [Block(text=chapter.says), *(_numbers(chapter.step, summary, folder) if summary else [_absent()])]
        drawn = _figures(chapter, folder, output, pictures)
        others = _other_cohorts(output, pictures) if chapter.step == OTHER_COHORT.step else []
        sections.append(Section(chapter.title, (*blocks, *drawn, *_tables(folder, output), *others)))
    sections.append(Section("6. The signature", _published(output)))
    head = ("in the paper", "the same", "in this study", "what differs, and why")
    numbers = {name: at for at, name in enumerate(pictures, start=1)}
    items = tuple((one.number, one.what, _place(one, output, numbers), one.differs) for one in PAPER_ITEMS)
    sections.append(Section("7. Tables and figures of the paper", (Block(rows=(head, *items)),)))
    sections.append(Section("How to read this", tuple(Block(text=text) for text in READING)))
    return to_html(sections, pictures)


def _absent() -> Block:
    return Block(text=NOT_RUN)


def _place(item: PaperItem, output: Path, numbers: Mapping[str, int]) -> str:
    """Return where a study has an item of the paper: the numbers of the report's figures, else files."""
    found = [path.as_posix() for path in item.found(output)]
    drawn = [str(number) for number in sorted(numbers[name] for name in found if name in numbers)]
    figures = [f"figure{'s' if len(drawn) > 1 else ''} {', '.join(drawn)}"] if drawn else []
    return "; ".join([*figures, *(name for name in found if name not in numbers)]) or NOT_MADE


def _other_cohorts(output: Path, pictures: dict[str, bytes]) -> list[Block]:
    """Return what is shown of the cohorts whose phenotypes follow from the centroids of the study's own."""
    blocks = []
    for file in sorted(output.glob(f"*/{OTHER_COHORT.step}/summary.json")):
        folder, found = file.parent, read_summary(file.parent)
        text = (
            f"Cohort {folder.parent.name}, by the centroids of the phenotypes above: {found['patients']} patients, "
            f"{found['hot']} hot, {found['cold']} cold, mean silhouette {found['mean_silhouette']:.2f}."
        )
        blocks += [Block(text=text), *_figures(OTHER_COHORT, folder, output, pictures), *_tables(folder, output)]
    return blocks


def _figures(chapter: Chapter, folder: Path, output: Path, pictures: dict[str, bytes]) -> list[Block]:
    blocks = []
    summary = read_summary(folder)
    cohorts = (*_in_order(summary.get("cohorts", {})), *summary.get("treated", {}))
    for pattern, caption, number in chapter.figures:
        found = {path: _detail(pattern, path.stem, cohorts) for path in (folder / "figures").glob(f"{pattern}.png")}
        for path, detail in sorted(found.items(), key=lambda pair: (_cohort_order(pair[1], cohorts), pair[1])):
            name = path.relative_to(output).as_posix()
            pictures[name] = path.read_bytes()
            said = caption + (f": {', '.join(detail)}" if any(detail) else "")
            said += f" (figure {number} of the paper)" if number else ""
            blocks.append(Block(figure=(name, f"Figure {len(pictures)}. {said}")))
    return blocks


def _tables(folder: Path, output: Path) -> list[Block]:
    """Return links to a step's tables and summary, which lie beside the report."""
    files = [*sorted((folder / "tables").glob("*.csv")), folder / "summary.json"]
    links = tuple((path.stem, path.relative_to(output).as_posix()) for path in files if path.is_file())
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
    validated = read_summary(output / "validate")
    cohorts = _in_order(validated.get("cohorts", {}))
    found = [Block(text=str(notice), notice=True)] if notice else []
    for name, numbers in cohorts.items():
        if auc := numbers.get("auc"):
            found.append(
                Block(
                    text=f"Cohort {name}: {numbers['cases']} cases, {numbers['hot']} of them hot; AUC {_interval(auc)}."
                )
            )
    for name, numbers in validated.get("treated", {}).items():
        endpoint = numbers.get("first_endpoint", "")
        if one := validated["response"].get(name, {}).get(endpoint):
            text = f"Cohort {name}: {one['cases']} cases, {one['positives']} of them {one['positive']} ({endpoint});"
            found.append(Block(text=f"{text} AUC {_interval(one['auc'])}."))
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
    return [pairs({name: summary[name] for name in names}), *lost, *_acquisition(folder)]


def _acquisition(folder: Path) -> list[Block]:
    """Return how the images of each cohort that was extracted were acquired."""
    tables = []
    for path in sorted(folder.parent.glob(f"{folder.name}*/tables/acquisition.parquet")):
        cohort = path.parents[1].name.removeprefix(folder.name).removeprefix("_") or TRAINING
        table = pd.read_parquet(path)
        table.insert(0, "cohort", cohort)
        tables.append(table)
    text = "Acquisition: median with the smallest and the largest value, as far as the images state it."
    return [Block(text=text), _table(pd.concat(tables, ignore_index=True))] if tables else []


def _phenotypes(summary: Mapping[str, Any], folder: Path) -> list[Block]:
    names = ("patients", "hot", "cold", "clusters", "mean_silhouette")
    genes = folder / "tables" / "checkpoint_genes.parquet"
    table = [_table(pd.read_parquet(genes))] if genes.is_file() else []
    head = [Block(text="Immune checkpoint genes, hot less cold:")] if table else []
    return [pairs({name: summary[name] for name in names if name in summary}), *head, *table]


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
    said = [Block(text=f"{note[:1].upper()}{note[1:]}.") for note in (summary["imbalance"], *summary["notes"])]
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
        Block(text="Models, on the held-out cases:"),
        Block(rows=(("model", *map(_title, measures)), *rows)),
        Block(text="The same training on data in which it must find less:"),
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
    table = [Block(text="The score between groups of each cohort:"), *table] if table else []
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
        Block(
            text="Its model card holds intended use, limits and checklists (TRIPOD+AI, METRICS, CLEAR, RQS 2.0, IBSI):"
        ),
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
