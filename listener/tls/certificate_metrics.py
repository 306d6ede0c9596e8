"""Remaining validity of certificates, read from their files at each scrape. The workers use it as well."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.settings import ListenerSettings
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import Reloading, seconds_left


class CertificateCollector(Collector):
    """The certificates that we present, by role."""

    def __init__(self, files: Mapping[str, Path | None], renewed: Mapping[str, Reloading[Any]] | None = None) -> None:
        self._files = {role: file for role, file in files.items() if file is not None}
        self._renewed = renewed or {}

    def collect(self) -> Iterable[Metric]:
        """Yield the seconds left (not a number where the file cannot be read), and whether a new file was refused."""
        left = GaugeMetricFamily(
            "radtme_certificate_seconds_left",
            "In how many seconds does the certificate that we present expire? Negative: it has expired.",
            labels=["role"],
        )
        for role, file in self._files.items():
            left.add_metric([role], _seconds_left(file))
        yield left
        stale = GaugeMetricFamily(
            "radtme_certificate_stale",
            "Was the certificate replaced by an unusable one, so that the previous one is still presented?",
            labels=["role"],
        )
        for role, renewed in self._renewed.items():
            renewed.current()  # the alarm must not wait for the next peer
            stale.add_metric([role], float(renewed.is_stale))
        yield stale


def listener_certificates(settings: ListenerSettings, tls: Reloading[Any] | None) -> CertificateCollector:
    """Return the collector for the certificates that the listener shows."""
    source, syslog = settings.retrieve_from, settings.audit.syslog if settings.audit else None
    files = {
        "listener": settings.tls.certificate if settings.tls else None,
        "retrieve_from": source.tls.certificate if source and source.tls else None,
        "syslog": syslog.tls.certificate if syslog else None,
        "redis": _shown_to_redis(settings.redis_url),
    }
    return CertificateCollector(files, {"listener": tls} if tls else {})


def _shown_to_redis(url: str) -> Path | None:
    """Return the certificate that the URL of a Redis names, as redis-py takes it from there."""
    file = dict(parse_qsl(urlsplit(url).query)).get("ssl_certfile")
    return Path(file) if file else None


def _seconds_left(file: Path) -> float:
    try:
        return seconds_left(file)
    except CredentialFileError:
        return math.nan
