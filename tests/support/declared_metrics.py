"""Every sample name that listener and workers can show, from their declarations."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric

from listener.settings import AuditSettings, ClientTls, SyslogServer
from model_store.signatures.registry import Registry
from support.listening import listening
from support.processes import free_port
from workers.metrics.counters import scrape_registry, worker_metrics
from workers.settings import WorkerSettings

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def declared_metrics() -> set[str]:
    """Return the names of all samples, of those that have none yet too."""
    with tempfile.TemporaryDirectory() as folder:
        audit = AuditSettings(
            Path(folder) / "audit", syslog=SyslogServer("127.0.0.1", ClientTls(Path(folder)), free_port())
        )
        with listening(Path(folder) / "spool", audit=audit) as listener:
            families = list(listener.metrics.registry.collect())
        registry = Registry(Path(folder) / "signatures")
        registry.ensure_shipped()
        settings = WorkerSettings(Path(folder) / "spool", registry.root)
        families += scrape_registry(Path(folder), registry, settings).collect()
        families += _of_fields(worker_metrics())
    return {f"{family.name}{suffix}" for family in families for suffix in _SUFFIXES[family.type]}


def _of_fields(declared: Any) -> Iterable[Metric]:
    for value in vars(declared).values():
        if isinstance(value, (Counter, Gauge, Histogram)):
            yield from value.describe()
