"""``radtme config``: check a configuration, and show the effective settings."""

import json
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.file_checks import file_problems
from deploy.configuration.folder_checks import unusable_folders
from deploy.configuration.load import ConfigurationError, read_configuration
from deploy.configuration.port_checks import shared_ports
from deploy.configuration.reader import Problem
from deploy.configuration.settings import Configuration
from deploy.configuration.text import configuration_lines
from deploy.errors import Unreachable, WrongUsage
from deploy.terminal import counted, notices, path_from_here

FILE_ARGUMENT = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group(
    epilog="Example: radtme config check radtme.yaml; radtme config show; radtme config schema > radtme.schema.json",
    no_args_is_help=True,
)
def config() -> None:
    """Check a configuration file, or show the effective settings."""


@config.command(epilog="Example: radtme config check /etc/radtme/radtme.yaml")
@FILE_ARGUMENT
@config_option
@click.option("--connect", is_flag=True, help="Also ask Redis, the database and each target.")
def check(file: Path | None, config_file: Path | None, connect: bool) -> None:
    """Check FILE (default: the file that the other commands use). Exit code 2 if it contains a mistake.

    With --connect, exit code 3 if Redis, the database or a target does not answer. A folder is made in each data
    folder, or in the nearest one that exists, and removed again.
    """
    configuration = read_configuration(_one(file, config_file))
    problems = list(file_problems(configuration))
    problems += [
        Problem(configuration.origin_of(setting), setting, why)
        for setting, why in (*shared_ports(configuration), *unusable_folders(configuration))
    ]
    if problems:
        raise ConfigurationError(problems)
    for warning in configuration.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not configuration.workers.targets:
        click.echo("warning: no targets: results stay in the spool and are not sent", err=True)
    where = path_from_here(configuration.file) if configuration.file else "defaults (no configuration file)"
    if connect:
        _connect(configuration, where)
    given = len(configuration.origins)
    click.echo(f"{where}: ok, {counted(given, 'setting')} given, the rest are defaults")


def _one(file: Path | None, config_file: Path | None) -> Path | None:
    """Return the file, which may be given in two ways."""
    if file is not None and config_file is not None:
        raise WrongUsage("the configuration file is given twice", "give it once: FILE or --config FILE")
    return file or config_file


def _connect(configuration: Configuration, where: str) -> None:
    from deploy.doctor.finding import Level
    from deploy.doctor.service_checks import check_database, check_redis_answers, check_targets

    findings = [*check_redis_answers(configuration), *check_database(configuration)]
    if configuration.workers.targets:
        findings += check_targets(configuration)
    for finding in findings:
        click.echo(f"{finding.check}: {finding.message}" + (f"; {finding.remedy}" if finding.remedy else ""))
    silent = sum(finding.level is Level.FAULT for finding in findings)
    if silent:
        raise Unreachable(
            f"{where}: the settings are valid, but {silent} of {len(findings)} connections cannot be used",
            "radtme doctor checks the rest of the installation",
        )


@config.command(epilog="Example: radtme config show > radtme.yaml")
@FILE_ARGUMENT
@config_option
def show(file: Path | None, config_file: Path | None) -> None:
    """Print the effective settings as YAML, each with its origin: default, file and line, or environment.

    Passwords are masked. The output can be used as a configuration file.
    """
    configuration = read_configuration(_one(file, config_file))
    lines = list(configuration_lines(configuration))
    width = min(max(len(text) for text, _ in lines), 58)
    for text, origin in lines:
        click.echo(f"{text:<{width}}  # {origin}" if origin else text)
    for warning in configuration.warnings:
        notices().print(f"warning: {warning}", markup=False)


@config.command(epilog="Example: radtme config schema > radtme.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file, with which editors complete and explain settings."""
    from deploy.configuration.schema import configuration_schema

    click.echo(json.dumps(configuration_schema(), indent=2))
