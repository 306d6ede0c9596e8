"""``radtme check``: judges AI result objects, of any maker."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from deploy.errors import ExitCode


@click.command(epilog="Example: radtme check results --json")
@click.argument("target", metavar="FILE_OR_FOLDER", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
def check(target: Path, as_json: bool, strict: bool) -> None:
    """Check AI result objects (SR, SEG, key images), also those of other makers.

    IOD (dciodvfy, where it is installed), TID 1500, codes, tracking, references, and the clauses of IHE AI Results.
    Images in the folder are used to resolve references. Exits with 1 where there is an error.
    """
    from deploy.conformance.result_check import check_results
    from deploy.network.dicom_files import files_below

    report = check_results(files_below(target) if target.is_dir() else [target])
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        for one in report.findings:
            click.echo(f"{one.level} {one.path}: {one.rule}: {one.message}")
        warnings = len(report.findings) - report.errors
        click.echo(f"{report.results} results, {report.sources} images: {report.errors} errors, {warnings} warnings")
    if report.errors or (strict and report.findings):
        raise SystemExit(ExitCode.FAILED)
