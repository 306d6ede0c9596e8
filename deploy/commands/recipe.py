"""``radtme cohort recipe``: a study on a public cohort."""

from pathlib import Path

import click

from deploy.cohort.recipes import Recipe
from deploy.terminal import path_from_here


@click.command(epilog="Example: radtme cohort recipe mama-mia ./MAMA-MIA --output ./study")
@click.argument("recipe", metavar="NAME", type=click.Choice([one.value for one in Recipe]))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--output",
    metavar="FOLDER",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write into.",
)
def recipe(recipe: str, folder: Path, output: Path) -> None:
    """Write a study on a public cohort: pairs.csv, clinical.csv and study.yaml into --output.

    NAME is mama-mia, or a part of it: duke, ispy1, ispy2, nact-pilot. FOLDER is the download of MAMA-MIA (Synapse
    syn60868042).
    """
    from deploy.cohort.recipes import write_recipe

    written = write_recipe(Recipe(recipe), folder, output)
    click.echo(f"{written.cases} cases; {written.without_outcome} without a known response")
    if written.without_image:
        click.echo(f"left out: {len(written.without_image)} outlines without the first phase after contrast", err=True)
    click.echo(path_from_here(written.study))
