"""``radtme cohort sample-size``: how many patients a signature needs."""

import math

import click
from rich.table import Table

from deploy.commands.numbers import Amount, WholeNumber
from deploy.errors import WrongUsage
from deploy.terminal import output

SHARE = Amount(0, 1, min_open=True, max_open=True)


@click.command("sample-size", epilog="Example: radtme cohort sample-size --auc 0.75 --hot-share 0.3 --features 16")
@click.option(
    "--auc",
    metavar="AUC",
    required=True,
    type=Amount(0.5, 1, min_open=True, max_open=True),
    help="AUC that is expected, of an earlier validation rather than of a training.",
)
@click.option("--hot-share", metavar="SHARE", required=True, type=SHARE, help="Share of hot tumours, 0 to 1.")
@click.option(
    "--features",
    metavar="NUMBER",
    required=True,
    type=WholeNumber(1),
    help="Features that training may choose from, counting as one those that nearly copy each other.",
)
@click.option("--bar", metavar="AUC", type=SHARE, help="The validation_bar that the AUC's lower limit has to exceed.")
def sample_size(auc: float, hot_share: float, features: int, bar: float | None) -> None:
    """Compute how many patients a training and a validation need (Riley et al., 2020 and 2021).

    The criteria of training are for regression; a random forest needs several times as many.
    """
    from model_store.statistics.sample_size import training_needs, validation_needs

    if bar is not None and bar >= auc:
        raise WrongUsage(f"--bar: expected an AUC below --auc {auc:g}, found {bar:g}")
    table = Table("for", "criterion", "patients", "of them hot", box=None, pad_edge=False)
    for purpose, needs in (
        ("training", training_needs(auc, hot_share, features)),
        ("validation", validation_needs(auc, hot_share, bar)),
    ):
        for need in needs:
            table.add_row(purpose, need.criterion, str(need.patients), str(math.ceil(need.patients * hot_share)))
        most = max(need.patients for need in needs)
        table.add_row(purpose, "all of these", str(most), str(math.ceil(most * hot_share)))
    output().print(table)
    click.echo(
        "The criteria of training are for regression; forests need several times as many "
        "(van der Ploeg et al., BMC Med Res Methodol 14:137, 2014).",
        err=True,
    )
