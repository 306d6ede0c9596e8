"""``radtme signature score``, ``compare`` and ``rescore``: scores of feature tables and of delivered reports."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from deploy.commands.options import OutputFile, OutputFolder, config_option, readable_errors, registry_of
from deploy.configuration.load import read_configuration
from deploy.errors import ExitCode
from deploy.terminal import path_from_here
from model_store.files import replace_durably

table_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(epilog="Example: radtme signature score study/extract/tables/features.parquet")
@click.argument("table", type=table_file)
@click.option(
    "--signature", "name", metavar="NAME", help="A bundle's folder, or a published one's name. Default: the active one."
)
@click.option(
    "--own",
    type=table_file,
    help="Of a signature that takes columns of a study's own: the table that has them, with the column patient. Where "
    "it takes nothing else, the same file is TABLE.",
)
@click.option("--output", "output_file", type=OutputFile(), help="Output file, Parquet or CSV.")
@config_option
def score(table: Path, name: str | None, own: Path | None, output_file: Path | None, config_file: Path | None) -> None:
    """Score the cases of a feature table as the service scores them. Prints CSV."""
    from model_store.cohort.labelled_cohort import read_table, unnamed_profile
    from model_store.cohort.own_table import read_own, with_own
    from model_store.cohort.patient_table import PatientTable
    from model_store.cohort.table_scores import score_table

    with readable_errors():
        signature = _signature(name, config_file)
        features = read_table(table, ("patient",) if own else ())
        if own and signature.own_columns:
            features = with_own(features, read_own(PatientTable(own), signature.own_columns))
        scores = score_table(signature, features)
    takes_images = len(signature.own_columns) < len(signature.columns)
    if takes_images and (note := unnamed_profile(features)):
        click.echo(f"note: {note}", err=True)
    if output_file is not None and output_file.suffix == ".parquet":
        content = io.BytesIO()
        scores.to_parquet(content, index=False)
        replace_durably(output_file.absolute(), content.getvalue())
        return
    text = scores.to_csv(index=False, float_format="%.17g")
    if output_file is None:
        click.echo(text, nl=False)
    else:
        replace_durably(output_file.absolute(), text.encode())


@click.command(epilog="Example: radtme signature compare radtme-research-phantom-1.4.0 other-signature-2.0.0")
@click.argument("first")
@click.argument("second")
@click.option(
    "--table",
    type=table_file,
    help="Score this feature table with both, instead of using the stored scores in the spool.",
)
@click.option("--labels", type=table_file, help="With --table: also compare the AUCs (columns patient, phenotype).")
@click.option("--output", "output_folder", type=OutputFolder(), help="Folder for tables and figure.")
@config_option
def compare(
    first: str,
    second: str,
    table: Path | None,
    labels: Path | None,
    output_folder: Path | None,
    config_file: Path | None,
) -> None:
    """Compare two signatures on the cases that both scored (one as shadow), or on a feature table."""
    from deploy.research.comparison import compare_on_spool, compare_on_table, write_comparison

    with readable_errors():
        one, other = _signature(first, config_file), _signature(second, config_file)
        if table is None:
            found = compare_on_spool(read_configuration(config_file).locations.spool, one, other)
        else:
            found = compare_on_table(table, labels, one, other)
    _print(found.summary)
    differing = found.differing
    for row in differing.head(20).itertuples():
        click.echo(f"  {row.case}  {row.first:.4f}  {row.second:.4f}")
    if len(differing) > 20:
        click.echo(f"  and {len(differing) - 20} more; --output writes all of them")
    if output_folder is not None:
        write_comparison(output_folder, found)
        click.echo(f"written to {path_from_here(output_folder)}", err=True)


def _signature(reference: str | None, config_file: Path | None) -> Any:
    from model_store.signatures.bundle import load_bundle

    if reference is None:
        return registry_of(config_file).active()
    folder = Path(reference)
    return load_bundle(folder) if folder.is_dir() else registry_of(config_file).verify(reference)


def _print(summary: dict[str, Any]) -> None:
    counts, kappa, mean = summary["agreement"], summary["agreement"]["kappa"], summary["agreement"]["mean_difference"]
    click.echo(f"first:  {summary['first']}\nsecond: {summary['second']}\ncases:  {counts['cases']}")
    click.echo(
        f"both hot {counts['both_hot']}, both cold {counts['both_cold']}, "
        f"only the first hot {counts['only_first_hot']}, only the second hot {counts['only_second_hot']}"
    )
    words = (
        f"{kappa['value']:.3f} ({kappa['low']:.3f} to {kappa['high']:.3f})" if kappa else "none: one verdict for all"
    )
    click.echo(f"Cohen's kappa {words}")
    click.echo(
        f"second - first: mean {mean['value']:+.4f} ({mean['low']:+.4f} to {mean['high']:+.4f}), "
        f"limits of agreement {counts['limits'][0]:+.4f} to {counts['limits'][1]:+.4f}"
    )
    if difference := summary.get("auc_difference"):
        click.echo(
            f"AUC, first - second: {difference['difference']:+.3f} ({difference['low']:+.3f} to "
            f"{difference['high']:+.3f}), DeLong p = {difference['p']:.3g}"
        )
    for note in summary["notes"]:
        click.echo(f"note: {note}", err=True)


@click.command(epilog="Example: radtme rescore feature_report.dcm")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def rescore(report: Path, as_json: bool, config_file: Path | None) -> None:
    """Score a delivered feature report again from its own numbers, without images.

    Verifies the digest of the features, the signature that the report names, and that the score is the same.
    """
    from deploy.operations.rescore import rescore as repeat
    from model_store.signatures.registry import shipped_bundle

    published = registry_of(config_file).root / "bundles"
    folders = [*(sorted(published.iterdir()) if published.is_dir() else []), shipped_bundle()]
    found = repeat(report, folders)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        click.echo(f"signature {found.signature}, sha256 {found.signature_digest}: verified")
        click.echo(f"score {found.repeated}, in the report {found.reported}")
        for problem in found.problems:
            click.echo(f"differs: {problem}")
    if found.problems:
        raise SystemExit(ExitCode.FAILED)
