"""Delivery to a real Storage SCP that fails on purpose: dcmtk's storescp."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.outboxes import ROLES, Watch, delivering, entry_of, state_of
from support.processes import free_port, running
from workers.delivery.deliver import deliver
from workers.settings import WorkerSettings
from workers.targets.target import Target

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("storescp") is None, reason="needs dcmtk"),
]


def storescp(folder: Path, port: int, *options: str) -> Sequence[str]:
    """Return the command line of a storescp that writes what it takes into ``folder``."""
    folder.mkdir(exist_ok=True)
    return ["storescp", "-od", str(folder), "-aet", "DCMTK", *options, str(port)]


@pytest.mark.parametrize("option", ["--abort-after", "--abort-during"])
def test_what_storescp_cut_off_arrives_in_the_next_association(tmp_path: Path, option: str) -> None:
    """It aborts before the response, or in the middle of an object; once it works, it has each object once."""
    spool, watch, port, received = Spool(tmp_path / "spool"), Watch(), free_port(), tmp_path / "received"
    spool.prepare()
    settings = WorkerSettings(spool.root, tmp_path / "signatures")
    target = Target("pacs", "DCMTK", "127.0.0.1", port)
    job = delivering(spool, "pacs")
    with running(storescp(received, port, option), tmp_path / "first.log", port):
        first = deliver(spool, job.id, replace(target, timeout_seconds=5), settings, watch)
    assert first is not None
    assert first.state is DeliveryState.RETRY
    assert entry_of(spool, job).taken == {}
    watch.forward(3600)
    with running(storescp(received, port), tmp_path / "second.log", port):
        second = deliver(spool, job.id, target, settings, watch)
    assert second is not None
    assert second.state is DeliveryState.DELIVERED, second.error
    uids = [str(dcmread(path).SOPInstanceUID) for path in received.iterdir()]
    assert len(uids) == len(set(uids)) == len(ROLES)
    assert state_of(spool, job) is JobState.DONE


def test_a_storescp_that_refuses_every_association_stops_the_delivery(tmp_path: Path) -> None:
    """Rejected permanently: the job fails with that reason, and there is no automatic retry."""
    spool, watch, port = Spool(tmp_path / "spool"), Watch(), free_port()
    spool.prepare()
    settings = WorkerSettings(spool.root, tmp_path / "signatures")
    job = delivering(spool, "pacs")
    with running(storescp(tmp_path / "received", port, "--refuse"), tmp_path / "log", port):
        outcome = deliver(spool, job.id, Target("pacs", "DCMTK", "127.0.0.1", port), settings, watch)
        watch.forward(3600)
        assert deliver(spool, job.id, Target("pacs", "DCMTK", "127.0.0.1", port), settings, watch) is None
    assert outcome is not None
    assert outcome.state is DeliveryState.REFUSED
    assert "rejected the association" in str(outcome.error)
    assert state_of(spool, job) is JobState.FAILED
