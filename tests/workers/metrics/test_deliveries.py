"""What `/metrics` says of deliveries: by target and state, how old, and whether anyone goes there."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import values

from listener.spool.job_notes import Hold
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.outboxes import Watch, delivering
from support.scripted_pacs import ScriptedPacs
from workers.delivery.deliver import deliver
from workers.metrics.counters import scrape_registry, share_between_processes
from workers.metrics.deliveries import DeliveryCollector
from workers.settings import WorkerSettings
from workers.targets.target import Target


def samples(spool: Spool) -> Mapping[tuple[str, ...], float]:
    """Return each sample's value by its name and labels."""
    collected = DeliveryCollector(spool, lambda: ["pacs", "archive"]).collect()
    return {(one.name, *one.labels.values()): one.value for family in collected for one in family.samples}


def test_each_target_shows_what_waits_for_it_and_its_circuit(tmp_path: Path) -> None:
    """A dead target is seen with its circuit, its waiting cases and their age; a target without any shows zeros."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    settings, watch, pacs = WorkerSettings(spool.root, tmp_path / "signatures"), Watch(), ScriptedPacs(up=False)
    jobs = [delivering(spool, "pacs", number=number) for number in range(4)]
    for job in jobs:
        deliver(spool, job.id, Target("pacs", "PACS", "pacs", 104), settings, watch, pacs)
    found = samples(spool)
    assert found["radtme_deliveries_waiting", "pacs", "retry"] == 3
    assert found["radtme_deliveries_waiting", "pacs", "queued"] == 1
    assert found["radtme_deliveries_waiting", "archive", "retry"] == 0
    assert found["radtme_delivery_oldest_seconds", "pacs"] > 0
    assert found["radtme_delivery_oldest_seconds", "archive"] == 0
    assert found["radtme_target_circuit", "pacs", "open"] == 1
    assert found["radtme_target_circuit", "pacs", "closed"] == 0
    assert found["radtme_target_circuit", "archive", "closed"] == 1


def test_a_case_that_a_person_holds_is_late_at_no_target(tmp_path: Path) -> None:
    """It waits for a person, so that no alert on late deliveries fires."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    job = delivering(spool, "pacs")
    assert samples(spool)["radtme_deliveries_waiting", "pacs", "queued"] == 1
    spool.change(job, hold=Hold("ann", datetime.now(UTC)))
    found = samples(spool)
    assert found["radtme_deliveries_waiting", "pacs", "queued"] == 0
    assert found["radtme_delivery_oldest_seconds", "pacs"] == 0


def test_the_other_metrics_are_read_while_the_ledger_is_away(tmp_path: Path) -> None:
    """A scrape that failed would be reported as a worker that is down."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    assert samples(spool)["radtme_ledger_up",] == 1
    away = Spool(spool.root, "postgresql+psycopg://radtme@127.0.0.1:1/radtme")
    assert samples(away) == {("radtme_ledger_up",): 0}


def test_a_scrape_asks_a_silent_database_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question waits for seconds. After ten, Prometheus would report the worker as down, and not the database."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    share_between_processes(tmp_path / "metrics")
    Spool(tmp_path / "spool").prepare()
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://radtme@127.0.0.1:{silent.getsockname()[1]}/radtme"
        settings = WorkerSettings(tmp_path / "spool", registry.root, ledger_url=url)
        collected = list(scrape_registry(tmp_path / "metrics", registry, settings).collect())
        assert [one.value for family in collected if family.name == "radtme_ledger_up" for one in family.samples] == [0]
        silent.setblocking(False)
        asked = 0
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert asked == 1
