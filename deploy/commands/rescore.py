"""``radtme rescore``: the score of a delivered feature report, computed again."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.errors import ExitCode


@click.command(epilog="Example: radtme rescore feature_report.dcm")
@click.argument("report", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def rescore(report: Path, as_json: bool, config_file: Path | None) -> None:
    """Score a delivered feature report again from its own numbers, without images.

    Verifies the digest of the features, the signature that the report names, and that the score is the same.
    """
    from deploy.commands.signature_options import registry_of
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
