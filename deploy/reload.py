"""What a running listener takes over from a changed configuration: who may associate. The rest needs a restart."""

from dataclasses import fields
from pathlib import Path

import structlog

from deploy.commands.options import read_configuration
from deploy.configuration_text import yaml_value
from deploy.errors import CommandError
from listener.application_entity import Listener
from listener.audit_events import configuration_changed
from listener.audit_log import NotAudited
from listener.settings import ListenerSettings

RELOADED = frozenset({"calling_ae_titles", "peers"})
ASSIGNED = frozenset({"redis_url", "port", "metrics_port"})
"""May differ from the file without having been changed in it: what `radtme up` chose."""

log = structlog.get_logger()


def reload_allow_list(listener: Listener, config_file: Path | None) -> None:
    """Read the configuration anew; a mistake in it keeps what there is, and is said in the log."""
    try:
        configuration = read_configuration(config_file)
        new = configuration.listener
        listener.audit.write(configuration_changed("listener", configuration.origin, _who_may(new)))
        listener.allow(new.calling_ae_titles, new.peers)
    except NotAudited as error:
        log.error("configuration_not_reloaded", reason=str(error))
        return
    except CommandError as error:
        log.error("configuration_not_reloaded", reason=error.message)
        return
    except ValueError as error:
        log.error("configuration_not_reloaded", reason=str(error))
        return
    changed = [
        field.name
        for field in fields(new)
        if field.name not in RELOADED | ASSIGNED and getattr(new, field.name) != getattr(listener.settings, field.name)
    ]
    log.info("configuration_reloaded", needs_restart=changed)


def _who_may(new: ListenerSettings) -> list[str]:
    return [f"reloaded {name}: {yaml_value(getattr(new, name))}" for name in sorted(RELOADED)]
