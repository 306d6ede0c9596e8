"""Checks of this machine: configuration, folders, disk, ports, clock, versions, certificates."""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version

from redis import Redis
from redis.exceptions import RedisError

from deploy.configuration.file_checks import file_problems
from deploy.configuration.folder_checks import nearest_existing, unusable_folders
from deploy.configuration.port_checks import listened_ports, shared_ports
from deploy.configuration.settings import Configuration
from deploy.configuration.shown_certificates import shown_certificates
from deploy.doctor.finding import Finding, fault, ok, warning
from deploy.errors import CommandError
from deploy.operations.service_health import FREE_FILES, FREE_SPACE, MOUNT_WRITABLE
from deploy.stack.ports import require_free
from deploy.stack.running_stack import known_redis_url
from deploy.terminal import duration, path_from_here, size
from listener.runtime.heartbeat import Part, read_parts
from listener.spool.layout import WrongLayout, check_layout
from listener.spool.spool import Spool
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import seconds_left

MAX_CLOCK_SECONDS = 5.0
"""Between this machine and another one of the installation."""
EXPIRES_SOON_SECONDS = 30 * 86400.0
LOW_DISK_FACTOR = 2.0
PORTS_OF = {
    "listener.port": Part.LISTENER,
    "listener.metrics_port": Part.LISTENER,
    "workers.metrics_port": Part.COMPUTE,
}


def check_versions(configuration: Configuration) -> Iterator[Finding]:
    """The version of this program, and those of the parts that run."""
    own = version("radtme")
    yield ok("versions", f"radtme {own}, Python {platform.python_version()}")
    for part in read_parts(Spool(configuration.locations.spool).parts):
        if part.is_alive and part.version != own:
            names = ", ".join(part.parts)
            yield warning(
                "versions", f"{names} on {part.host} (process {part.pid}) runs radtme {part.version}", "restart it"
            )


def check_configuration(configuration: Configuration) -> Iterator[Finding]:
    """What `radtme config check` reports: certificates, keys and secrets, and its warnings."""
    where = path_from_here(configuration.file) if configuration.file else "no file, only defaults"
    problems = list(file_problems(configuration))
    for problem in problems:
        yield fault("configuration", str(problem), "correct this setting or its file")
    for text in configuration.warnings:
        yield warning("configuration", text, "change the setting, or accept this")
    if not problems:
        yield ok("configuration", where)


def check_folders(configuration: Configuration) -> Iterator[Finding]:
    """Whether data, spool, signatures and audit trail can be written, and the layout of the spool."""
    bad = dict(unusable_folders(configuration))
    for setting, message in bad.items():
        yield fault("folders", f"{setting}: {message}", _remedy_of(message))
    try:
        check_layout(configuration.locations.spool)
    except WrongLayout as error:
        yield fault("folders", error.message, error.remedy)
    except OSError:
        return
    if not bad:
        data = configuration.locations.data
        words = "can be written" if data.is_dir() else "does not exist yet and can be made"
        yield ok("folders", f"{path_from_here(data)} {words}")


def _remedy_of(message: str) -> str:
    """Return what to do about a folder that cannot be written, by the reason that its message ends with."""
    remedies = {errno.EROFS: MOUNT_WRITABLE, errno.ENOSPC: f"{FREE_SPACE}; without free inodes (df -i), {FREE_FILES}"}
    for number, remedy in remedies.items():
        if message.endswith(os.strerror(number).lower()):
            return remedy
    return "correct owner, mode or path"


def check_disk(configuration: Configuration) -> Iterator[Finding]:
    """Whether the spool's disk has room."""
    spool = Spool(nearest_existing(configuration.locations.spool))
    free, least = spool.free_bytes(), configuration.listener.min_free_bytes
    limit = f"{size(free)} free, objects are refused below {size(least)} (listener.min_free_bytes)"
    if free < least:
        yield fault("disk", limit, FREE_SPACE)
    elif free < LOW_DISK_FACTOR * least:
        yield warning("disk", limit, FREE_SPACE)
    else:
        yield ok("disk", limit)


def check_ports(configuration: Configuration) -> Iterator[Finding]:
    """Whether each part has its own port, which is free, or taken by the part that it belongs to."""
    running = {
        name for part in read_parts(Spool(configuration.locations.spool).parts) if part.is_alive for name in part.parts
    }
    shared = dict(shared_ports(configuration))
    for setting, why in shared.items():
        yield fault("ports", f"{setting} {why}", f"give {setting} another port")
    faults = len(shared)
    for setting, (host, port) in listened_ports(configuration).items():
        part = PORTS_OF.get(setting)
        if part is None or part in running:
            continue
        try:
            require_free(setting, host, port)
        except CommandError as error:
            faults += 1
            yield fault("ports", error.message, error.advice)
    if not faults:
        yield ok("ports", "each port is free, or used by its own part")


def check_clock(configuration: Configuration) -> Iterator[Finding]:
    """Whether this machine, the file server of the spool and Redis agree on the time."""
    now = time.time()
    others = dict(_other_clocks(configuration))
    wrong = {name: found - now for name, found in others.items() if abs(found - now) > MAX_CLOCK_SECONDS}
    for name, ahead in wrong.items():
        words = f"{duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this machine"
        yield fault("clock", f"the clock of {name} is {words}", "synchronise both with NTP")
    last = configuration.spool.last_arrival()
    if last is not None and last > now + MAX_CLOCK_SECONDS:
        yield fault("clock", "the newest object in the spool was stored in the future", "correct the clock with NTP")
    elif not wrong:
        yield ok("clock", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


def _other_clocks(configuration: Configuration) -> Iterator[tuple[str, float]]:
    probe = configuration.locations.spool / f".clock-{os.getpid()}"
    with suppress(OSError):
        try:
            probe.touch()
            yield "the file server of the spool", probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)
    url = known_redis_url(configuration)
    if url:
        with suppress(RedisError, OSError), Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as redis:
            seconds, microseconds = redis.time()
            yield "Redis", seconds + microseconds / 1e6


def check_certificates(configuration: Configuration) -> Iterator[Finding]:
    """How long the certificates that we show are valid."""
    for name, file in shown_certificates(configuration).items():
        try:
            left = seconds_left(file)
        except CredentialFileError as error:
            yield fault("certificates", f"{name}: {error}", "replace the file")
            continue
        if left < 0:
            yield fault("certificates", f"{name}: {path_from_here(file)} has expired", "renew it")
        elif left < EXPIRES_SOON_SECONDS:
            yield warning("certificates", f"{name}: {path_from_here(file)} expires in {duration(left)}", "renew it")
        else:
            yield ok("certificates", f"{name}: valid for {duration(left)}")
