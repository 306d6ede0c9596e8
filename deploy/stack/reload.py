"""Reloads a changed configuration in running parts: peers and targets. Other settings need a restart."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.configuration.change_audit import target_changes
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.configuration.text import yaml_value
from deploy.errors import CommandError
from listener.audit.events import configuration_changed
from listener.audit.trail import AuditLog, NotAudited
from listener.runtime.logger import Logger
from listener.settings import ListenerSettings
from workers.targets.target import Target

if TYPE_CHECKING:
    from deploy.status_page.overview import Pages
    from listener.listener import Listener


RELOADED = frozenset({"calling_ae_titles", "peers", "reporters"})
RELOADED_BY_WORKERS = frozenset({"targets"})
ASSIGNED = frozenset({"redis_url"})
"""May differ from the file although the file did not change: a part that is started alone takes it from the running
stack. Ports that `radtme up` chose are in the environment of its parts, then and now.
"""

log = Logger(__name__)


def reload_allow_list(listener: "Listener", config_file: Path | None) -> None:
    """Reload the peers that may associate; where the file has an error, it is logged and the current settings stay."""

    def take_over() -> list[str]:
        configuration = read_configuration(config_file)
        new = configuration.listener
        listener.audit.write(configuration_changed("listener", configuration.origin, _allowed_callers(new)))
        listener.allow(new.calling_ae_titles, new.peers, new.reporters)
        return _needs_restart(listener.settings, new, RELOADED)

    _applied(take_over)


def reload_shown_targets(pages: "Pages", config_file: Path | None) -> None:
    """Reload the targets that the status page shows; the parts that send to them audit the change."""

    def take_over() -> list[str]:
        new = read_configuration(config_file)
        pages.show_targets(new.workers.targets)
        return _needs_restart(pages.settings, new.status_page, frozenset())

    _applied(take_over)


class Reload:
    """The configuration of running workers, and the settings that they reload."""

    def __init__(self, running: Configuration, config_file: Path | None) -> None:
        self._started_with = self._running = running
        self._config_file = config_file
        self._audit = AuditLog(running.audit)

    def targets(self) -> tuple[Target, ...] | None:
        """Return the targets of the current configuration; None where it has an error, so that the former ones stay."""
        return self._running.workers.targets if _applied(self._take_over) else None

    def _take_over(self) -> list[str]:
        new = read_configuration(self._config_file)
        changes = target_changes(self._running, new)
        if changes:
            self._audit.write(configuration_changed("workers", new.origin, changes))
        self._running = new
        return _needs_restart(self._started_with.workers, new.workers, RELOADED_BY_WORKERS)


def _applied(take_over: Callable[[], list[str]]) -> bool:
    """Apply the settings that can be reloaded, and log which ones need a restart, or why nothing was applied."""
    try:
        needs_restart = take_over()
    except CommandError as error:
        log.error("configuration_not_reloaded", reason=error.message)
        return False
    except (NotAudited, ValueError) as error:
        log.error("configuration_not_reloaded", reason=str(error))
        return False
    log.info("configuration_reloaded", needs_restart=needs_restart)
    return True


def _needs_restart(running: Any, new: Any, reloaded: frozenset[str]) -> list[str]:
    names = (field.name for field in fields(new) if field.name not in reloaded | ASSIGNED)
    return [name for name in names if getattr(new, name) != getattr(running, name)]


def _allowed_callers(new: ListenerSettings) -> list[str]:
    return [f"reloaded {name}: {yaml_value(getattr(new, name))}" for name in sorted(RELOADED)]
