"""``radtme signature train``, ``validate``, ``publish`` and ``reproduce-study``: the steps of a study, one or all."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from deploy.commands.options import config_option, readable_errors, registry_of
from deploy.configuration.load import read_configuration
from deploy.research.signature_audit import audited
from deploy.terminal import QUICK_SECONDS, notices, output, path_from_here, stepping, working
from model_store.signatures.registry import Registry

REPORT = "report.html"

study_argument = click.argument("study", metavar="STUDY", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.command(epilog="Example: radtme signature train study.yaml")
@study_argument
def train(study: Path) -> None:
    """Train a random forest on a cohort's tables, evaluate it by nested cross-validation, write a candidate bundle.

    STUDY is the configuration of a study. With unchanged inputs, a second run does nothing.
    """
    from deploy.configuration.study import load_study
    from deploy.research.steps import train_study

    with ExitStack() as stack:

        def begin(what: str, steps: int) -> Callable[[], None]:
            stack.close()  # the bar of the part before
            return stack.enter_context(stepping(notices(), what, steps, QUICK_SECONDS))

        with readable_errors():
            done = train_study(load_study(study), begin)
    _print_training(done.summary)
    _show_step(done.has_run, done.folder)
    click.echo(str(done.bundle))


@click.command(epilog="Example: radtme signature validate study.yaml")
@study_argument
@config_option
def validate(study: Path, config_file: Path | None) -> None:
    """Evaluate a signature on labelled cohorts: discrimination, calibration, decision curve, subgroups, outcome."""
    from deploy.configuration.study import load_study
    from deploy.research.steps import validate_study

    with working(notices(), "evaluating the signature"), readable_errors():
        done = validate_study(load_study(study), lambda: registry_of(config_file))
    _print_validation(done.summary)
    _show_step(done.has_run, done.folder)


def _show_step(has_run: bool, folder: Path) -> None:
    if not has_run:
        click.echo("nothing has changed since the last run", err=True)
    click.echo(f"tables, figures and summary.json are in {path_from_here(folder)}", err=True)


def _print_training(summary: dict[str, Any]) -> None:
    table = Table("model", "AUC (nested cross-validation)", "sensitivity", "specificity", box=None, pad_edge=False)
    for family, found in summary["families"].items():
        measures = (_interval(found["performance"][name]) for name in ("auc", "sensitivity", "specificity"))
        table.add_row(family, *measures)
    output().print(table)
    simplest = summary["simplest_within_one_se"]
    click.echo(f"chosen forest: {summary['chosen']}, threshold {summary['threshold']:.4f}")
    click.echo(f"simplest within one standard error of the best: {simplest['family']}, {simplest['settings']}")
    for control in summary.get("negative_controls", ()):
        verdict = control["note"] or ("beaten" if control["beaten"] else "not beaten")
        click.echo(f"negative control {control['name']}: AUC {_interval(control['auc'])}, {verdict}")
    if sites := summary.get("leave_one_site_out"):
        click.echo(f"leave-one-site-out: AUC {_interval(sites['auc'])}")
    if found := summary.get("bootstrap"):
        click.echo(f"bootstrap (.632+): AUC {found['corrected']:.3f}, optimism {found['optimism']:.3f}")
    if split := summary.get("paper_split"):
        span = f"{split['lowest']:.3f} to {split['highest']:.3f} in {split['splits']} splits"
        click.echo(f"one split of 80 and 20 % with features selected before it, as in the paper: AUC {span}")
    for note in (summary["imbalance"], *summary["notes"]):
        click.echo(f"note: {note}", err=True)


def _print_validation(summary: dict[str, Any]) -> None:
    table = Table("cohort", "cases (hot)", "AUC", "sensitivity", "specificity", box=None, pad_edge=False)
    for name, found in summary["cohorts"].items():
        measures = (_interval(found[measure]) for measure in ("auc", "sensitivity", "specificity"))
        table.add_row(name, f"{found['cases']} ({found['hot']})", *measures)
    output().print(table)
    for one in summary.get("added_value", {}).get("cohorts", ()):
        tested = f"p = {one['p']:.2g}" if one["p"] is not None else "on the patients of the fit, without a test"
        click.echo(
            f"{one['cohort']}: AUC {one['auc_clinical']:.3f} by clinical data, {one['auc_with_signature']:.3f} with "
            f"the signature, {tested}"
        )
    for name, endpoints in summary["response"].items():
        for endpoint, found in endpoints.items():
            counts = f"{found['positives']} of {found['cases']} {found['positive']}"
            click.echo(f"{name}, {endpoint}: {counts}, AUC {_interval(found['auc'])}")
    for name, found in {**summary["cohorts"], **summary["treated"]}.items():
        compared = found.get("compared_with_training", {})
        if missing := [how.replace("_", " ") for how, was_done in compared.items() if not was_done]:
            click.echo(f"note: {name} was not compared with the training cases by {' and '.join(missing)}", err=True)
    if not summary["patients_checked_against_training"]:
        click.echo("note: could not check for patients of the training cohort; set validate.training_cases", err=True)


def _interval(estimate: dict[str, float] | None) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})" if estimate else "-"


@click.command(epilog="Example: radtme signature publish study.yaml")
@click.argument("what", metavar="BUNDLE|CONFIG", type=click.Path(path_type=Path, exists=True))
@config_option
def publish(what: Path, config_file: Path | None) -> None:
    """Check a bundle's folder and copy it into the registry. For a study's CONFIG, create bundle and card first.

    The signature scores only after it is activated.
    """
    from deploy.configuration.study import load_study
    from deploy.research.steps import write_publication

    configuration = read_configuration(config_file)
    registry = Registry(configuration.locations.model_store)
    with readable_errors():
        bundle, activates = (what, False) if what.is_dir() else write_publication(load_study(what))
        with audited(configuration, "publish", bundle.absolute().name):
            name = registry.publish(bundle)
        if activates:
            with audited(configuration, "activate", name):
                registry.activate(name)
    click.echo(
        f"published {name} in {path_from_here(registry.root)}; "
        + ("it is active" if activates else f"activate it with radtme signature activate {name}")
    )


@click.command("reproduce-study", epilog="Example: radtme signature reproduce-study study.yaml")
@click.argument("study_file", metavar="STUDY", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.pass_context
def reproduce_study(context: click.Context, study_file: Path, config_file: Path | None) -> None:
    """Run all steps of a study: extract, phenotype, reliability, train, validate, publish; then write report.html.

    The report is one file with all figures; the command also lists where each table and figure of the paper is.
    Phenotypes come from section phenotype, or from the table train.labels.
    An interrupted run continues when it is started again: completed steps with the same files and settings are skipped.
    """
    from deploy.commands.cohort import extract, phenotype, reliability
    from deploy.configuration.study import load_study
    from model_store.files import replace_durably
    from model_store.reporting.paper_items import paper_rows
    from model_store.reporting.study_report import study_report

    study = load_study(study_file)
    labelled = "phenotype" in study.plans or getattr(study.plans.get("train"), "labels", None) is None
    console = notices()
    console.rule("1 extract")
    context.invoke(extract, source=study_file, pairs=None, output=None, profile=None, jobs=None)
    if labelled:  # without a section, the step reports what is missing
        console.rule("2 phenotype")
        context.invoke(phenotype, config_file=study_file)
    console.rule("3 reliability")
    context.invoke(reliability, config_file=study_file)
    console.rule("4 train")
    context.invoke(train, study=study_file)
    console.rule("5 validate")
    context.invoke(validate, study=study_file, config_file=config_file)
    console.rule("6 publish")
    context.invoke(publish, what=study_file, config_file=config_file)
    report = study.output / REPORT
    replace_durably(report, study_report(study.output, f"Study {study_file.absolute().parent.name}"))
    for number, what, files in paper_rows(study.output):
        click.echo(f"{number} ({what}): {files}")
    click.echo(path_from_here(report))
