"""``radtme signature verify``: checks a bundle, and repeats its figures."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from deploy.commands.numbers import WholeNumber
from deploy.commands.options import config_option, readable_errors, registry_of
from deploy.errors import ExitCode, WrongUsage
from deploy.terminal import QUICK_SECONDS, notices, output, stepping

if TYPE_CHECKING:
    from deploy.research.reproduction import Reproduced

table_file = click.Path(path_type=Path, exists=True, dir_okay=False)
SHOWN_CHARACTERS = 22
"""Of a figure; a hash is cut."""


@click.command(epilog="Example: radtme signature verify ours --reproduce --features f.csv --labels l.csv")
@click.argument("name_or_folder")
@click.option("--reproduce", "repeats", is_flag=True, help="Repeat the figures of the bundle from the tables.")
@click.option("--features", type=table_file, help="With --reproduce: the feature table of the cohort.")
@click.option("--labels", type=table_file, help="With --reproduce: its labels.")
@click.option("--own", type=table_file, help="With --reproduce: its own columns, where the signature takes some.")
@click.option(
    "--cohort",
    default="",
    metavar="NAME",
    help="With --reproduce: training, or a cohort of the validation. Default: the one that has these tables.",
)
@click.option("--concurrency", "jobs", default=1, show_default=True, type=WholeNumber(1), help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="With --reproduce: print JSON.")
@config_option
def verify(
    name_or_folder: str,
    repeats: bool,
    features: Path | None,
    labels: Path | None,
    own: Path | None,
    cohort: str,
    jobs: int,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Check a published signature, or a bundle's folder: every hash, the profile, the forest and its canary.

    With --reproduce, repeat what the bundle states about the training cohort (threshold, AUC with interval,
    calibration), or about a cohort of its validation, and say of each figure whether it is equal. Tables of another
    cohort are scored; there is nothing to compare them with.
    """
    from model_store.signatures.bundle import load_bundle

    if repeats != (labels is not None) or (not repeats and (features or own or cohort or as_json)):
        raise WrongUsage("--reproduce and --labels belong together", "and so do the other tables, --cohort and --json")
    folder = Path(name_or_folder)
    with readable_errors():
        if not folder.is_dir():
            registry = registry_of(config_file)
            folder = registry.root / "bundles" / registry.find(name_or_folder)
        found = load_bundle(folder)
    click.echo(f"{found.name}: ok, SHA-256 {found.digest}", err=as_json)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if labels is not None:
        _reproduce(folder, features, labels, own, cohort, jobs, as_json=as_json)


def _reproduce(
    folder: Path, features: Path | None, labels: Path, own: Path | None, cohort: str, jobs: int, *, as_json: bool
) -> None:
    from deploy.research.reproduction import Tables, reproduce
    from model_store.computing.cluster import Cluster

    with ExitStack() as stack:

        def begin(what: str, steps: int) -> Callable[[], None]:
            return stack.enter_context(stepping(notices(), what, steps, QUICK_SECONDS))

        with readable_errors(), Cluster(jobs, "") as cluster:
            mapped = map if jobs == 1 else cluster.map
            repeated = reproduce(folder, Tables(features, labels, own), cohort, mapped, begin)
    if as_json:
        click.echo(json.dumps(_as_json(repeated), indent=2))
    else:
        _print(repeated)
    if repeated.differing:
        raise SystemExit(ExitCode.FAILED)


def _as_json(repeated: "Reproduced") -> dict[str, object]:
    figures = [{**asdict(one), "equal": one.is_equal if repeated.cohort else None} for one in repeated.figures]
    return {"cohort": repeated.cohort or None, "same_files": repeated.tables, "figures": figures}


def _print(repeated: "Reproduced") -> None:
    for name, is_same in repeated.tables.items():
        click.echo(f"table of {name}: {'the same file' if is_same else 'another file than that of the bundle'}")
    table = Table("figure", "in the bundle", "repeated", "equal", box=None, pad_edge=False)
    for one in repeated.figures:
        equal = "-" if not repeated.cohort else "yes" if one.is_equal else "NO"
        table.add_row(one.name, _shown(one.stated), _shown(one.repeated), equal)
    output().print(table)
    if not repeated.cohort:
        click.echo("note: the bundle does not know this cohort: there is nothing to compare with", err=True)
        return
    count = len(repeated.figures)
    same = count - len(repeated.differing)
    click.echo(f"{repeated.cohort}: {same} of {count} figures are equal")


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else f"{value:.10g}"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."
