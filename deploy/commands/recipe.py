"""``radtme cohort recipe``: a study on a public cohort."""

from collections import Counter
from pathlib import Path

import click

from deploy.cohort.recipes import Recipe
from deploy.commands.options import OutputFolder
from deploy.terminal import notices, path_from_here


@click.command(epilog="Example: radtme cohort recipe mama-mia ./MAMA-MIA --output ./study")
@click.argument("recipe", metavar="NAME", type=click.Choice([one.value for one in Recipe]))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--output",
    metavar="FOLDER",
    required=True,
    type=OutputFolder(),
    help="Folder to write into.",
)
def recipe(recipe: str, folder: Path, output: Path) -> None:
    """Write a study on a public cohort into --output: study.yaml, clinical.csv, and pairs.csv or dicom.

    NAME is mama-mia, a part of it (duke, ispy1, ispy2, nact-pilot), or tcga-brca. FOLDER is the download of MAMA-MIA
    (Synapse syn60868042), or for duke, ispy2, nact-pilot and tcga-brca that of the original collection from TCIA: what
    the NBIA retriever wrote, with the collection's spreadsheets beside it.
    """
    from deploy.cohort.recipes import write_recipe

    written = write_recipe(Recipe(recipe), folder, output, notices())
    click.echo(f"{written.cases} cases; {written.without_outcome} without a known response")
    for why, patients in Counter(why for _, why in written.left_out).items():
        click.echo(f"left out: {patients}: {why}", err=True)
    click.echo(path_from_here(written.study))
