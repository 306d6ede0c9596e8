"""``radtme signature aggregates`` and ``check-aggregates``: numbers of a cohort, without its patients, signed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from deploy.commands.numbers import WholeNumber
from deploy.commands.options import OutputFile, config_option, readable_errors, registry_of
from deploy.errors import ExitCode
from deploy.terminal import output, path_from_here
from model_store.signatures.signature import Signature

if TYPE_CHECKING:
    from model_store.validation.aggregates import Aggregates

existing_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(epilog="Example: radtme signature aggregates ours --labels l.csv --site B --key k --output a")
@click.argument("name_or_folder")
@click.option("--features", type=existing_file, help="The cohort's feature table.")
@click.option("--labels", type=existing_file, required=True, help="Its labels (columns patient, phenotype). Required.")
@click.option("--own", type=existing_file, help="Its own columns, where the signature takes some.")
@click.option("--clinical", type=existing_file, help="A table with the column patient and those of --group.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help="Numbers by this column, too. Repeatable.")
@click.option("--site", metavar="NAME", required=True, help="Name of the site. Required.")
@click.option("--key", type=existing_file, required=True, help="The site's private Ed25519 key (PEM). Required.")
@click.option("--smallest", default=5, show_default=True, type=WholeNumber(2), help="Smaller counts are withheld.")
@click.option("--output", "output_file", type=OutputFile(), required=True, help="File to write. Required.")
@config_option
def aggregates(
    name_or_folder: str,
    features: Path | None,
    labels: Path,
    own: Path | None,
    clinical: Path | None,
    groups: tuple[str, ...],
    site: str,
    key: Path,
    smallest: int,
    output_file: Path,
    config_file: Path | None,
) -> None:
    """Score a cohort, and write a small signed file that can leave the site: numbers, and no row of a patient.

    It holds counts, AUC with interval, calibration and confusion, of the cohort and by group. Groups with few cases
    of a class, and confusion matrices with a small count, are withheld.
    """
    from deploy.research.reproduction import Tables, scored_tables
    from model_store.cohort.cohort_record import CohortRecord
    from model_store.cohort.labelled_cohort import read_table
    from model_store.cohort.plan import LabelTable
    from model_store.files import replace_durably
    from model_store.validation.aggregates import aggregates_of
    from model_store.validation.cohort_validation import with_clinical
    from model_store.validation.signed_aggregates import private_key, signed

    with readable_errors():
        secret, signature = private_key(key), _signature(name_or_folder, config_file)
        scored = scored_tables(signature, Tables(features, labels, own))
        if clinical is not None:
            more = with_clinical(scored.cases, read_table(clinical, ("patient",)))
            scored = type(scored)(scored.name, more, scored.threshold, scored.left_out)
        record = CohortRecord.of({"features": features, "own": own}, LabelTable(labels), as_measured=False)
        today = datetime.now(UTC).date().isoformat()
        found = aggregates_of(signature, scored, record, groups, site, today, smallest)
    replace_durably(output_file.absolute(), signed(found, secret))
    click.echo(f"{path_from_here(output_file)}: {found.whole.cases} cases, AUC {found.whole.auc}{_withheld(found)}")


@click.command(
    "check-aggregates",
    epilog="Example: radtme signature check-aggregates aggregates.json --public-key site.pub",
)
@click.argument("file", type=existing_file)
@click.option(
    "--public-key",
    type=existing_file,
    required=True,
    help="Of the site (PEM), received in another way than FILE. Required.",
)
@click.option("--signature", "name", metavar="NAME", help="A bundle's folder or name that the numbers have to be of.")
@config_option
def check_aggregates(file: Path, public_key: Path, name: str | None, config_file: Path | None) -> None:
    """Check the signed numbers of a site, and show them: who signed, of which signature, whether they add up."""
    from model_store.validation.aggregates import contradictions
    from model_store.validation.signed_aggregates import public_key as read_key
    from model_store.validation.signed_aggregates import read_signed

    with readable_errors():
        found = read_signed(file, read_key(public_key))
        problems = list(contradictions(found, _signature(name, config_file) if name else None))
    click.echo(f"signed by {found.site} on {found.made_on}, of {found.signature}, SHA-256 {found.signature_digest}")
    table = Table("part", "cases (hot)", "AUC", "sensitivity", "specificity", "slope", box=None, pad_edge=False)
    parts = {"all": found.whole, **{f"{one.column}: {one.value}": one.part for one in found.groups}}
    for label, part in parts.items():
        shown = (part.auc, part.sensitivity, part.specificity, part.calibration_slope)
        table.add_row(label, f"{part.cases} ({part.hot})", *("-" if one is None else str(one) for one in shown))
    output().print(table)
    if words := _withheld(found):
        click.echo(words.removeprefix("; "))
    for problem in problems:
        click.echo(f"contradiction: {problem}")
    if problems:
        raise SystemExit(ExitCode.FAILED)


def _withheld(found: "Aggregates") -> str:
    counts = [f"{count} groups of {column}" for column, count in found.withheld_groups.items() if count]
    return f"; withheld: {', '.join(counts)}" if counts else ""


def _signature(name_or_folder: str, config_file: Path | None) -> Signature:
    from model_store.signatures.bundle import load_bundle

    folder = Path(name_or_folder)
    return load_bundle(folder) if folder.is_dir() else registry_of(config_file).verify(name_or_folder)
