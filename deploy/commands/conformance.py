"""``radtme conformance``, ``connections`` and ``check``: for the administrator of the PACS, and for result objects."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError, ExitCode
from deploy.stack.running_stack import as_running
from deploy.terminal import counted, output


@click.command(epilog="Example: radtme conformance > conformance.md")
def conformance() -> None:
    """Print the DICOM Conformance Statement (PS3.2) of this version as Markdown."""
    from deploy.conformance.statement import conformance_statement

    click.echo(conformance_statement(), nl=False)


@click.command(epilog="Example: radtme connections --config radtme.yaml")
@config_option
def connections(config_file: Path | None) -> None:
    """Print AE titles, hosts, ports and services of both directions, for the administrator of the PACS.

    The administrator enters the same values on the other side.
    """
    from deploy.conformance.connections import connections_of, sheet

    output().print(sheet(connections_of(as_running(read_configuration(config_file)))))


@click.command(epilog="Example: radtme check results --json")
@click.argument("target", metavar="FILE_OR_FOLDER", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
def check(target: Path, as_json: bool, strict: bool) -> None:
    """Check AI result objects (SR, SEG, key images), also those of other makers.

    IOD (dciodvfy, where it is installed), TID 1500, codes, tracking, references, and the clauses of IHE AI Results.
    Images in the folder are used to resolve references; files of other kinds in it are ignored. Exits with 1 where
    there is an error, or nothing to check.
    """
    from deploy.conformance.result_check import check_results, files_to_check

    files = files_to_check(target)
    if not files:
        raise CommandError(f"{target}: holds no DICOM file", "name a result object, or the folder that holds it")
    report = check_results(files)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        for one in report.findings:
            click.echo(f"{one.level} {one.path}: {one.rule}: {one.message}")
        warnings = len(report.findings) - report.errors
        found = f"{counted(report.results, 'result')}, {counted(report.sources, 'image')}"
        click.echo(f"{found}: {counted(report.errors, 'error')}, {counted(warnings, 'warning')}")
    if report.errors or (strict and report.findings):
        raise SystemExit(ExitCode.FAILED)
