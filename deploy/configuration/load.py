"""Reads the configuration of an installation: a YAML file, overridden by the environment, completed by defaults."""

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from deploy.configuration.environment import ENVIRONMENT_PREFIX
from deploy.configuration.folder_checks import folders_of_other_bytes
from deploy.configuration.ledger_url import LedgerProblem, LedgerSettings, ledger_url
from deploy.configuration.ledger_url import in_the_clear as unencrypted_ledger
from deploy.configuration.network_checks import (
    check_clients,
    check_listener,
    check_sink,
    check_status_page,
    network_warnings,
    rejected_own_commands,
)
from deploy.configuration.port_checks import check_ports
from deploy.configuration.reader import ConfigurationReader, Problem
from deploy.configuration.redis_url import RedisProblem, RedisSettings, redis_url
from deploy.configuration.redis_url import unencrypted_password as unencrypted_redis_password
from deploy.configuration.sections import Locations, SinkSettings
from deploy.configuration.settings import COMPUTED, Configuration, Document
from deploy.configuration.target_checks import check_targets, filter_warnings
from deploy.configuration.values import settings_from
from deploy.configuration.webhook_checks import check_webhook
from deploy.errors import WrongUsage
from listener.settings import AllowedPeer, DeadlinePolicy
from model_store.signatures.acceptance import Criterion
from workers.targets.target import Target


def read_configuration(config_file: Path | None) -> Configuration:
    """Return the configuration that a command was given, or finds."""
    return load_configuration(find_configuration(config_file))


CONFIGURATION_NAME = "radtme.yaml"
CONFIGURATION_VARIABLE = "RADTME_CONFIG"
SINK_TARGET = "sink"
AUDIT_FOLDER = "audit"
DEBUG_VARIABLE = "RADTME_DEBUG"
PART_VARIABLE = "RADTME_PART_OF_STACK"
"""Set for parts started by `radtme up`, which has checked the configuration for them."""
OTHER_VARIABLES = frozenset({CONFIGURATION_VARIABLE, DEBUG_VARIABLE, PART_VARIABLE})
MAX_FILE_BYTES = 1_048_576
"""No configuration is so large; YAML is read at 0.3 MB a second, and a device may never end."""


class ConfigurationError(WrongUsage):
    """The configuration cannot be used; the message lists every problem, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        problems = sorted(problems, key=Problem.order)
        super().__init__("\n       ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def find_configuration(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file to read: the one given, the one that ``RADTME_CONFIG`` names, ``./radtme.yaml``, or none."""
    if given is not None:
        return given
    if environment.get(CONFIGURATION_VARIABLE):
        return Path(environment[CONFIGURATION_VARIABLE])
    here = Path(CONFIGURATION_NAME)
    return here if os.path.lexists(here) else None


def load_configuration(file: Path | None, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read the configuration; without a file, every setting has its default and all data are in ``./radtme-data``.

    Relative paths in the file start at the file's folder.

    Raises
    ------
    ConfigurationError
        With every problem, each with its file and line or its environment variable.
    """
    base = Path.cwd() if file is None else file.absolute().parent
    reader = ConfigurationReader(file, base, environment, COMPUTED)
    root = None if file is None else compose(file)
    configuration = _read(reader, root, file)
    _check_together(reader, configuration)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    ours = {name: value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX)}
    warnings = (
        *reader.warnings,
        *reader.environment.warnings,
        *_unknown_variables(reader),
        *network_warnings(configuration.listener, configuration.workers),
        *rejected_own_commands(configuration.listener, configuration.workers),
        *unencrypted_redis_password(configuration.listener.redis_url),
        *unencrypted_ledger(configuration.listener.ledger_url),
        *filter_warnings(configuration.workers.targets),
        *_unreached_criteria(configuration),
    )
    return replace(configuration, warnings=warnings, environment=ours)


def _unreached_criteria(configuration: Configuration) -> Iterator[str]:
    """Yield a warning where cases that a site wants scored with a warning never reach a worker."""
    if Criterion.BODY_PART in configuration.workers.criteria_as_notes and (
        configuration.listener.set_aside_other_body_parts
    ):
        yield (
            "workers.criteria_as_notes: body_part has no effect on outlines that the listener sets aside because a "
            "header names another body part; add listener.set_aside_other_body_parts: false to have them scored"
        )


def compose(file: Path) -> yaml.Node | None:
    """Return the root of a YAML file, with its lines; None where it is empty."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            why = f"has more than {MAX_FILE_BYTES} bytes; expected a configuration file"
            raise ConfigurationError([Problem(str(file), "", why)])
        return yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise WrongUsage(
            f"{file}: configuration file not found",
            "create it (radtme config show prints a complete example), or give another file with --config",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError([Problem(f"{file}:{line}", "", "is not UTF-8; save the file as UTF-8")]) from error
    except OSError as error:
        raise WrongUsage(f"{file}: cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        why = f"is not valid YAML: {error.problem}"
        if error.problem and "'\\t'" in error.problem:
            why = "has a tab character; YAML is indented with spaces"
        if error.problem == "but found another document":
            why = "begins a second YAML document (---); keep one"
        raise ConfigurationError([Problem(f"{file}:{line}", "", why)]) from error
    except yaml.YAMLError as error:
        raise ConfigurationError([Problem(str(file), "", f"is not valid YAML: {error}")]) from error
    except RecursionError as error:
        raise ConfigurationError([Problem(str(file), "", "is nested too deeply for a configuration")]) from error


def _read(reader: ConfigurationReader, root: yaml.Node | None, file: Path | None) -> Configuration:
    data = reader.section(root, Document)
    for section, key in (
        ("listener", "spool"),
        ("workers", "spool"),
        ("workers", "model_store"),
        ("audit", "folder"),
    ):
        data[section].setdefault(key, key)  # required; its default depends on other settings
    read = settings_from(reader, data, Document)
    assert read is not None  # noqa: S101 - all that is left has defaults
    locations = _locations(reader, read)
    sink, audit = read.sink, replace(read.audit, character_sets=read.workers.character_sets)
    if "sink.folder" not in reader.origins:
        sink = replace(sink, folder=locations.data / SinkSettings.folder)
    if "audit.folder" not in reader.origins:
        audit = replace(audit, folder=locations.data / AUDIT_FOLDER)
    _check_names(reader, read.targets)
    targets = _with_sink(read.targets, sink)
    external = _redis_url(reader, read.redis)
    url: dict[str, Any] = {
        "ledger_url": _ledger_url(reader, read.ledger),
        "lease_seconds": read.ledger.lease_seconds,
    }
    if external:
        url["redis_url"] = external
    return Configuration(
        file=file,
        locations=locations,
        redis=replace(read.redis, embedded=read.redis.embedded and not read.redis.is_external),
        ledger=read.ledger,
        listener=replace(read.listener, spool=locations.spool, audit=audit, reporters=reporters(targets), **url),
        workers=replace(
            read.workers,
            spool=locations.spool,
            model_store=locations.model_store,
            audit=audit,
            targets=targets,
            webhook=read.webhook if read.webhook.url else None,
            **url,
        ),
        sink=sink,
        audit=audit,
        status_page=read.status_page,
        retention=read.retention,
        webhook=read.webhook,
        origins=reader.origins,
    )


def _locations(reader: ConfigurationReader, read: Document) -> Locations:
    return Locations(
        data=read.data,
        spool=read.spool if "spool" in reader.origins else read.data / Locations.spool,
        model_store=read.model_store if "model_store" in reader.origins else read.data / Locations.model_store,
    )


def _check_names(reader: ConfigurationReader, targets: Sequence[Target]) -> None:
    first: set[str] = set()
    for index, target in enumerate(targets):
        if target.name in first:
            origin = reader.origins[reader.numbered_as_in_file(f"targets[{index}].name")]
            reader.add_problem(origin, "targets", f"two targets have the name {target.name!r}; give each its own")
        first.add(target.name)


def _with_sink(targets: tuple[Target, ...], sink: SinkSettings) -> tuple[Target, ...]:
    if not sink.enabled or any(target.name == SINK_TARGET for target in targets):
        return targets
    return (*targets, _sink_target(sink))


def _sink_target(sink: SinkSettings) -> Target:
    return Target(SINK_TARGET, sink.ae_title, sink.host, sink.port, tls=sink.tls.as_client if sink.tls else None)


def _check_together(reader: ConfigurationReader, configuration: Configuration) -> None:
    listener, workers = configuration.listener, configuration.workers

    def problem(setting: str, message: str) -> None:
        setting = reader.numbered_as_in_file(setting)
        reader.add_problem(configuration.origin_of(setting), setting, message)

    for setting, folder in folders_of_other_bytes(configuration):
        problem(setting, f"the path {folder} is not UTF-8 text; rename the folder, or choose another one")
    check_listener(listener, problem)
    check_sink(configuration.sink, problem)
    check_clients(listener, workers, problem)
    check_status_page(configuration.status_page, problem)
    check_webhook(configuration.webhook, problem)
    check_ports(configuration, problem)
    # The sink is not a target in the file: its port may be 0, a free one.
    check_targets([target for target in workers.targets if target != _sink_target(configuration.sink)], problem)
    if listener.deadline_policy is DeadlinePolicy.FETCH and listener.retrieve_from is None:
        problem(
            "listener.deadline_policy",
            "fetch needs to know from whom; give listener.retrieve_from: {ae_title: ..., host: ..., port: ...}",
        )
    if workers.soft_time_limit_seconds >= workers.hard_time_limit_seconds:
        problem(
            "workers.soft_time_limit_seconds",
            f"expected less than workers.hard_time_limit_seconds ({workers.hard_time_limit_seconds:g}), "
            f"found {workers.soft_time_limit_seconds:g}",
        )
    if workers.first_retry_seconds > workers.last_retry_seconds:
        problem(
            "workers.first_retry_seconds",
            f"expected at most workers.last_retry_seconds ({workers.last_retry_seconds:g}), "
            f"found {workers.first_retry_seconds:g}",
        )


def _redis_url(reader: ConfigurationReader, redis: RedisSettings) -> str | None:
    """Return the URL of an external Redis, if there is one that can be used."""
    embedded_origin = reader.origins.get("redis.embedded", "")
    url_origin = reader.origins.get("redis.url", "")
    if redis.is_external and redis.embedded and embedded_origin and not url_origin.startswith("environment"):
        reader.add_problem(embedded_origin, "redis.embedded", "redis.url names an external Redis; remove one of them")
    if not redis.is_external and not redis.embedded:
        reader.add_problem(
            embedded_origin, "redis.embedded", "is false; give redis.url: redis://host:6379/0, or RADTME_REDIS_URL"
        )
    try:
        return redis_url(redis)
    except RedisProblem as problem:
        reader.add_problem(reader.origins.get(problem.setting, "redis"), problem.setting, str(problem))
        return None


def _ledger_url(reader: ConfigurationReader, ledger: LedgerSettings) -> str | None:
    """Return the URL of an external ledger, if there is one that can be used."""
    try:
        return ledger_url(ledger)
    except LedgerProblem as problem:
        reader.add_problem(reader.origins.get(problem.setting, "ledger"), problem.setting, str(problem))
        return None


def _unknown_variables(reader: ConfigurationReader) -> tuple[str, ...]:
    unknown = reader.environment.unknown(OTHER_VARIABLES)
    return tuple(f"environment variable {name} is no setting and has no effect" for name in unknown)


def reporters(targets: Iterable[Target]) -> tuple[AllowedPeer, ...]:
    """Return the targets that receive commitment requests, each with its address where the configuration names one."""
    asked = (target for target in targets if target.proof.needs_commitment)
    return tuple(AllowedPeer(one.ae_title, (one.host,) if _is_address(one.host) else ()) for one in asked)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
