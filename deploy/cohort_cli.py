"""``radtme cohort``: from a cohort's images to a table of features that a signature can be trained on."""

import click


@click.group(epilog="Example: radtme cohort extract study.yaml", no_args_is_help=True)
def cohort() -> None:
    """Measure a cohort, and find out which features can be relied on. CONFIG is a study's configuration."""
