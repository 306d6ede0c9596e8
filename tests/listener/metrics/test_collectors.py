"""What the listener's `/metrics` says of the spool and the ledger."""

from collections.abc import Mapping
from pathlib import Path

from listener.metrics.collectors import SpoolCollector
from listener.spool.spool import Spool


def samples(spool: Spool) -> Mapping[tuple[str, ...], float]:
    """Return each sample's value by its name and labels."""
    collected = SpoolCollector(spool).collect()
    return {(one.name, *one.labels.values()): one.value for family in collected for one in family.samples}


def test_a_listener_without_its_database_says_so(tmp_path: Path) -> None:
    """On several machines the database may answer the workers and not the listener: no outline gets a case then."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    found = samples(spool)
    assert found["radtme_ledger_up",] == 1
    assert found["radtme_jobs", "ready"] == 0
    away = samples(Spool(spool.root, "postgresql+psycopg://radtme@127.0.0.1:1/radtme"))
    assert away["radtme_ledger_up",] == 0
    assert away["radtme_spool_writable",] == 1
    assert away["radtme_spool_free_bytes",] > 0
    assert set(away) == {("radtme_ledger_up",), ("radtme_spool_writable",), ("radtme_spool_free_bytes",)}
