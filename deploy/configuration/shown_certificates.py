"""The certificates that this installation shows to others."""

from collections.abc import Mapping
from pathlib import Path

from deploy.configuration.network_checks import client_sections
from deploy.configuration.settings import Configuration


def shown_certificates(configuration: Configuration) -> Mapping[str, Path]:
    """Return the file of each certificate by the setting that names it."""
    servers = {"listener.tls": configuration.listener.tls, "sink.tls": configuration.sink.tls}
    shown = {name: tls.certificate for name, tls in servers.items() if tls is not None}
    clients = client_sections(configuration.listener, configuration.workers)
    shown |= {name: tls.certificate for name, tls in clients if tls.certificate is not None}
    if configuration.redis.certificate is not None:
        shown["redis"] = configuration.redis.certificate
    return shown
