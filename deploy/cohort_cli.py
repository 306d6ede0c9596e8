"""``radtme cohort``: from a cohort's images to a table of features that a signature can be trained on."""

from pathlib import Path

import click

from deploy.study_configuration import load_study
from deploy.terminal import notices, path_from_here

config_argument = click.argument(
    "config_file", metavar="CONFIG", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)


@click.group(epilog="Example: radtme cohort phenotype study.yaml", no_args_is_help=True)
def cohort() -> None:
    """Measure a cohort, and find out which features can be relied on. CONFIG is a study's configuration."""


@cohort.command(epilog="Example: radtme cohort phenotype study.yaml")
@config_argument
def phenotype(config_file: Path) -> None:
    """Label each tumour of a cohort by its expression: immune-inflamed (hot) or immune-desert (cold).

    What is done already, with the same files and settings, is not done again.
    """
    from deploy.phenotype_step import STEP, result_lines, run_phenotype
    from model_store.errors import SignatureError

    study = load_study(config_file)
    try:
        ran = run_phenotype(study, lambda what: notices().print(what, markup=False))
    except SignatureError as error:
        raise click.ClickException(str(error)) from error
    if not ran:
        notices().print("nothing to do: files and settings are those of the last run")
    for line in result_lines(study):
        click.echo(line)
    click.echo(path_from_here(study.folder(STEP) / "tables" / "labels.parquet"))
