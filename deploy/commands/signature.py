"""``radtme signature``: list, check, publish and activate signatures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from deploy.commands.aggregates import aggregates, check_aggregates
from deploy.commands.numbers import WholeNumber
from deploy.commands.options import config_option, output_folder_option, readable_errors, registry_of
from deploy.commands.scores import compare, score
from deploy.commands.study import publish, reproduce_study, train, validate
from deploy.commands.verify import verify
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError, WrongUsage
from deploy.research.signature_audit import audited
from deploy.terminal import QUICK_SECONDS, notices, output, path_from_here, stepping
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES
from model_store.signatures.registry import Registry, rollback_chain
from model_store.signatures.signature import Signature


@click.group(
    epilog="Example: radtme signature list; radtme signature activate NAME; radtme signature train study.yaml",
    no_args_is_help=True,
)
def signature() -> None:
    """Show, check, publish and activate signatures. NAME is a bundle's name, or the beginning of its name or digest."""


@signature.command("list", epilog="Example: radtme signature list --history")
@click.option("--history", is_flag=True, help="Also show which signature was active when.")
@config_option
def list_(history: bool, config_file: Path | None) -> None:
    """List the published signatures; the active one is marked."""
    registry = registry_of(config_file)
    with readable_errors():
        names, moves = registry.names(), registry.history()
    if not names:
        click.echo(
            f"no signature in {path_from_here(registry.root)}; the shipped one comes with the first start", err=True
        )
    for name in names:
        click.echo(f"{'*' if moves and moves[-1].name == name else ' '} {name}")
    if history:
        for move in moves:
            click.echo(f"{move.when}  {move.action:<8}  {move.name}")


@signature.command(epilog="Example: radtme signature show")
@click.argument("name", required=False)
@config_option
def show(name: str | None, config_file: Path | None) -> None:
    """Check a signature (default: the active one) and show its description and performance."""
    registry = registry_of(config_file)
    with readable_errors():
        _print(registry.verify(name) if name else registry.active())


@signature.command(epilog="Example: radtme signature activate radtme-research-phantom-1.4.0")
@click.argument("name")
@config_option
def activate(name: str, config_file: Path | None) -> None:
    """Check NAME and activate it: it scores from the next case on, without a restart."""
    configuration = read_configuration(config_file)
    registry = Registry(configuration.locations.model_store)
    with readable_errors():
        found = registry.find(name)
        with audited(configuration, "activate", found):
            registry.activate(found)
    click.echo(f"{found} is active: it scores from the next case on")


@signature.command(epilog="Example: radtme signature rollback")
@config_option
def rollback(config_file: Path | None) -> None:
    """Activate the previously active signature again."""
    configuration = read_configuration(config_file)
    registry = Registry(configuration.locations.model_store)
    with readable_errors():
        earlier = rollback_chain(registry.history())[:-1]
        with audited(configuration, "roll back to", earlier[-1] if earlier else "none"):
            back = registry.rollback()
    click.echo(f"{back.name} is active: it scores from the next case on")


@signature.command(epilog="Example: radtme signature shadow other-signature-2.0.0")
@click.argument("name", required=False)
@click.option("--off", is_flag=True, help="Stop the shadow signature.")
@config_option
def shadow(name: str | None, off: bool, config_file: Path | None) -> None:
    """Let NAME score every case next to the active signature, for comparison. Its score is stored, never sent.

    Without NAME, show the current shadow signature. It must have the same profile as the active one.
    """
    from model_store.signatures.shadow import Shadow

    if name and off:
        raise WrongUsage("expected either NAME or --off")
    configuration = read_configuration(config_file)
    found = Shadow(Registry(configuration.locations.model_store))
    with readable_errors():
        if off:
            before = found.current()
            with audited(configuration, "end the shadow", before.name if before else "none"):
                found.clear()
        elif name:
            with audited(configuration, "shadow with", found.registry.find(name)):
                found.set(name)
        current = found.current()
    click.echo(f"{current.name} is the shadow signature" if current else "no shadow signature")


@signature.command(
    "build-research", epilog="Example: radtme signature build-research --output ./bundles --concurrency 2"
)
@output_folder_option
@click.option("--seed", default=1, show_default=True, type=WholeNumber(0), help="The same seed gives the same digest.")
@click.option("--cases", default=160, show_default=True, type=WholeNumber(1), help="Number of phantoms for training.")
@click.option(
    "--held-out",
    default=160,
    show_default=True,
    type=WholeNumber(0),
    help="Number of further phantoms for measuring the performance.",
)
@click.option(
    "--other-spacings",
    default=72,
    show_default=True,
    type=WholeNumber(0),
    help="Number of further phantoms, with spacings that training does not see.",
)
@click.option(
    "--bundle-version", metavar="VERSION", default="1.4.0", show_default=True, help="Version of the signature."
)
@click.option(
    "--profile",
    "profile_name",
    metavar="NAME",
    default=DEFAULT_PROFILE.name,
    show_default=True,
    type=click.Choice(sorted(PROFILES)),
    help=f"Feature profile: {', '.join(sorted(PROFILES))}.",
)
@click.option("--concurrency", "jobs", default=1, show_default=True, type=WholeNumber(1), help="Processes.")
def build_research(
    output: Path,
    seed: int,
    cases: int,
    held_out: int,
    other_spacings: int,
    bundle_version: str,
    profile_name: str,
    jobs: int,
) -> None:
    """Train the research signature on simulated phantoms and write it into a folder below --output. Takes minutes."""
    from deploy.simulation.research_signature import ResearchPlan, build_research_signature

    try:
        with readable_errors():
            plan = ResearchPlan(seed, cases, held_out, other_spacings, bundle_version, PROFILES[profile_name])
    except ValueError as error:
        raise CommandError(str(error)) from error
    phantoms = cases + held_out + other_spacings
    with stepping(notices(), "measuring phantoms", phantoms, QUICK_SECONDS) as step, readable_errors():
        bundle = build_research_signature(output, plan, jobs, step)
    click.echo(str(bundle))


def _controls(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return by which data without signal the signature was tested, and what it does not beat."""
    if not found:
        return {}
    lost = [str(one["name"]) for one in found if not one["beaten"]]
    return {"negative controls": f"not beaten: {', '.join(lost)}; so research only" if lost else "all beaten"}


def _print(found: Signature) -> None:
    """Print the description and performance of a signature."""
    description = found.description
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a digest is never shortened
    rows = {
        "name": found.name,
        "notice": found.research_notice or "none",
        "intended use": description.intended_use,
        "status": description.status.value,
        "digest": found.digest,
        "profile": found.profile.name,
        "columns": f"{len(found.columns)}, threshold {found.threshold:.4f}",
        **_controls(description.training.get("negative_controls") or ()),
        **{
            name.replace("_", " "): f"AUC {m['auc']['value']:.3f} ({m['auc']['low']:.3f} to {m['auc']['high']:.3f}), "
            f"{m['cases']} cases"
            for name, m in description.metrics.items()
        },
    }
    for label, value in rows.items():
        table.add_row(label, value)
    output().print(table)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


for command in (train, validate, publish, verify, aggregates, check_aggregates, score, compare, reproduce_study):
    signature.add_command(command)
