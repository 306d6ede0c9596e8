"""``radtme config``: check a configuration, and show what is in effect."""

import json
from pathlib import Path

import click

from deploy.configuration.file_checks import file_problems
from deploy.configuration.load import ConfigurationError, read_configuration
from deploy.configuration.text import configuration_lines
from deploy.terminal import notices, path_from_here

FILE_ARGUMENT = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group(epilog="Example: radtme config check radtme.yaml", no_args_is_help=True)
def config() -> None:
    """Check a configuration file, or show the settings in effect."""


@config.command(epilog="Example: radtme config check /etc/radtme/radtme.yaml")
@FILE_ARGUMENT
def check(file: Path | None) -> None:
    """Check FILE (default: the one that the other commands would use); exit code 2 when something is wrong."""
    configuration = read_configuration(file)
    problems = list(file_problems(configuration))
    if problems:
        raise ConfigurationError(problems)
    for warning in configuration.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not configuration.workers.targets:
        click.echo("warning: no targets: results stay in the spool and are sent nowhere", err=True)
    where = path_from_here(configuration.file) if configuration.file else "defaults (no configuration file)"
    click.echo(f"{where}: ok, {len(configuration.origins)} settings given, the rest are defaults")


@config.command(epilog="Example: radtme config show > radtme.yaml")
@FILE_ARGUMENT
def show(file: Path | None) -> None:
    """Print the settings in effect as YAML, each with its origin: default, file and line, or environment.

    Passwords are masked. The output is a complete configuration file to start from.
    """
    configuration = read_configuration(file)
    lines = list(configuration_lines(configuration))
    width = min(max(len(text) for text, _ in lines), 58)
    for text, origin in lines:
        click.echo(f"{text:<{width}}  # {origin}" if origin else text)
    for warning in configuration.warnings:
        notices().print(f"warning: {warning}", markup=False)


@config.command(epilog="Example: radtme config schema > radtme.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file: an editor that knows it completes and explains every setting."""
    from deploy.configuration.schema import configuration_schema

    click.echo(json.dumps(configuration_schema(), indent=2))
