"""``radtme export``: the cases of the spool as a table."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.commands.case_options import case_options, require_known
from deploy.commands.options import OutputFile, config_option
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError
from deploy.operations.spool_checks import existing_spool
from deploy.terminal import path_from_here

if TYPE_CHECKING:
    from deploy.operations.case_filter import CaseFilter

PARQUET = ".parquet"


@click.command(epilog="Example: radtme export cases.csv; radtme export cases.parquet --identifiers")
@click.argument("output_file", metavar="[FILE]", required=False, type=OutputFile())
@click.option("--identifiers", is_flag=True, help="Add the Study Instance UID and the times of each case.")
@case_options
@config_option
def export(output_file: Path | None, wanted: "CaseFilter", identifiers: bool, config_file: Path | None) -> None:
    """Write the cases as CSV or Parquet: scores, verdicts, reasons, volumes, and what readers said of them.

    One row for each job; the options for cases select those that match all of them. FILE ends in .csv or .parquet;
    without it, CSV is printed. The table holds no patient's name, ID or birth date, and without --identifiers no UID of
    a study and no time. How readers agreed with each signature is shown at the end.
    """
    from deploy.operations.case_search import found_cases
    from deploy.operations.case_table import agreement, case_table, csv_of, write_csv
    from listener.ledger.reader_assessments import Assessment
    from listener.spool.atomic_files import write_bytes

    if output_file is not None and output_file.suffix not in (".csv", PARQUET):
        raise click.BadParameter("give a name that ends in .csv or .parquet", param_hint="FILE")
    configuration = read_configuration(config_file)
    jobs = found_cases(existing_spool(configuration), wanted)
    rows = case_table(jobs, identifiers=identifiers)
    if not rows:
        require_known(configuration, wanted.target, wanted.reason)
        why = "there is no case yet" if wanted.is_empty else "no case matches"
        raise CommandError(why, "radtme status shows what was received")
    if output_file is None:
        write_csv(sys.stdout, rows)
    else:
        write_bytes(output_file, _parquet(rows) if output_file.suffix == PARQUET else csv_of(rows))
        cases = "1 case" if len(rows) == 1 else f"{len(rows)} cases"
        click.echo(f"{cases} written to {path_from_here(output_file)}", err=True)
    for (signature, reader), said in agreement(jobs).items():
        counts = ", ".join(f"{said[one]} {one}" for one in Assessment)
        click.echo(
            f"{signature}, reader {reader}: {counts} ({said[Assessment.ACCEPTED] / said.total():.0%} accepted)",
            err=True,
        )


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import pandas as pd

    content = io.BytesIO()
    pd.DataFrame(rows).to_parquet(content, index=False)
    return content.getvalue()
