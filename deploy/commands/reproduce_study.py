"""``radtme signature reproduce-study``: all steps of a study in one go, and one report about them."""

from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.terminal import notices, path_from_here

REPORT = "report.html"


@click.command("reproduce-study", epilog="Example: radtme signature reproduce-study study.yaml")
@click.argument("study_file", metavar="STUDY", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.pass_context
def reproduce_study(context: click.Context, study_file: Path, config_file: Path | None) -> None:
    """Run all steps of a study: extract, phenotype, reliability, train, validate, publish; then write report.html.

    The report is one file with all figures. Phenotypes come from section phenotype, or from the table train.labels.
    An interrupted run continues when it is started again: completed steps with the same files and settings are skipped.
    """
    from deploy.commands.cohort import extract, phenotype, reliability
    from deploy.commands.study import publish, train, validate
    from deploy.configuration.study import load_study
    from model_store.files import replace_durably
    from model_store.reporting.study_report import study_report

    study = load_study(study_file)
    labelled = "phenotype" in study.plans or getattr(study.plans.get("train"), "labels", None) is None
    console = notices()
    console.rule("1 extract")
    context.invoke(extract, source=study_file, output=None, profile=None, jobs=None)
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
    click.echo(path_from_here(report))
