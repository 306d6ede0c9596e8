"""The state of a running ``radtme up`` for other commands: its ports. A file in ``<data>/run``."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.configuration.settings import Configuration
from deploy.errors import CommandError, WrongUsage
from listener.spool.atomic_files import make_folder, read_json
from listener.spool.locks import exclusive

STACK_NAME = "stack.json"
LOCK_NAME = "stack.lock"
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class RunningStack:
    """Where the parts of a running stack can be reached."""

    listener_port: int
    listener_metrics_port: int
    workers_metrics_port: int
    redis_url: str = field(repr=False)
    """Of the embedded Redis; empty where it is an external one, whose password belongs to its own file."""
    sink_port: int | None = None
    delivery_metrics_port: int | None = None
    """None where the workers that score deliver too."""
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@contextlib.contextmanager
def only_stack(configuration: Configuration) -> Iterator[None]:
    """Lock the data folder for one stack; the kernel releases the lock when the process ends.

    Raises
    ------
    CommandError
        If another stack runs on this data folder.
    """
    folder = configuration.run_folder
    try:
        make_folder(folder)
    except OSError as error:
        raise WrongUsage(f"the data folder cannot be created: {error}", "set data: in the configuration") from error
    with exclusive(folder, LOCK_NAME) as mine:
        if not mine:
            raise CommandError(
                f"a stack already runs on {configuration.locations.data}{_owner(folder)}",
                "stop it first, or give this one a data folder of its own (data: in the configuration)",
            )
        try:
            yield
        finally:
            (folder / STACK_NAME).unlink(missing_ok=True)


def publish(configuration: Configuration, stack: RunningStack) -> None:
    """Write the stack's ports to a file that only its owner can read: the Redis URL holds a password."""
    path = configuration.run_folder / STACK_NAME
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
        json.dump(asdict(stack), file)
    temporary.replace(path)


def read_running_stack(configuration: Configuration) -> RunningStack | None:
    """Return the ports of the stack that runs on this data folder; None where none runs."""
    folder = configuration.run_folder
    if not (folder / LOCK_NAME).exists():
        return None
    with exclusive(folder, LOCK_NAME) as no_stack_runs:
        if no_stack_runs:
            return None
    with contextlib.suppress(OSError, ValueError, TypeError):
        return RunningStack(**read_json(folder / STACK_NAME))
    return None


def as_running(configuration: Configuration) -> Configuration:
    """Return the configuration with the ports and the Redis of the stack that runs on its data folder, if one does."""
    stack = read_running_stack(configuration)
    if stack is None:
        return configuration
    running = replace(
        configuration,
        listener=replace(configuration.listener, port=stack.listener_port, metrics_port=stack.listener_metrics_port),
        workers=replace(configuration.workers, metrics_port=stack.workers_metrics_port),
    )
    return running if configuration.redis.is_external else running.with_redis(stack.redis_url)


def known_redis_url(configuration: Configuration) -> str | None:
    """Return the URL of the Redis that the parts use: the external one, or that of the running stack; None: neither."""
    if configuration.redis.is_external:
        return configuration.workers.redis_url
    stack = read_running_stack(configuration)
    return None if stack is None else stack.redis_url or None


def with_known_redis(configuration: Configuration) -> Configuration:
    """Return the configuration with a Redis that exists: an external one, or that of the running stack.

    Raises
    ------
    CommandError
        If Redis is embedded and no stack runs that embeds it.
    """
    if configuration.redis.is_external:
        return configuration
    stack = read_running_stack(configuration)
    if stack is None:
        raise WrongUsage(
            "Redis is embedded, and only `radtme up` starts it",
            "for a part alone give an external one: redis.url in the configuration, or RADTME_REDIS_URL",
        )
    return configuration.with_redis(stack.redis_url)


def _owner(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return f" (process {read_json(folder / STACK_NAME)['pid']})"
    return ""
