"""Several hosts that share a database, a Redis and a folder, but no lock: cut off, dead, restarted one by one.

Two listeners, three compute workers and a delivery worker, each the real command on a host of its own.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from deploy.simulation.phantom import write_phantom
from listener.runtime.fault_points import FaultPoint
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from support.disturbed import TINY
from support.hosts import Host, Network, network
from support.installation import RADTME
from support.modality import store_all
from support.moved_clock import MovedClock
from support.postgresql import PostgresServer, programs
from support.processes import wait_until
from support.recorder import Recorder, recorder

LEASE_SECONDS = 8
OUTAGE_SECONDS = 60
DICOM_PORT, POSTGRES_PORT, REDIS_PORT = 11112, 5432, 6379
PARTS = {
    "listener-1": ("listen",),
    "listener-2": ("listen",),
    "compute-1": ("work", "--queues", "compute", "--concurrency", "1"),
    "compute-2": ("work", "--queues", "compute", "--concurrency", "1"),
    "compute-3": ("work", "--queues", "compute", "--concurrency", "1"),
    "delivery": ("work", "--queues", "delivery", "--concurrency", "1"),
}
AHEAD = {"compute-2": timedelta(hours=2), "delivery": timedelta(hours=-2), "listener-2": timedelta(minutes=-30)}
"""How far the clocks of some hosts differ."""
READY = {"listen": "listener_started", "work": "worker_ready"}

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


@dataclass
class Hospital:
    """All hosts, and what was sent."""

    folder: Path
    network: Network
    spool: Spool
    pacs: Recorder
    studies: Iterator[tuple[Path, ...]]
    sent: list[Path] = field(default_factory=list)
    sent_studies: int = 0

    def host(self, name: str) -> Host:
        """Return a host."""
        return self.network.hosts[name]

    def start(self, name: str, **environment: str) -> None:
        """Start the part of a host, by the clock that it has, and wait until it works."""
        command = PARTS[name]
        before = self.said(name).count(READY[command[0]])
        configured = {"RADTME_CONFIG": str(self.folder / "radtme.yaml"), "OMP_NUM_THREADS": "1", **environment}
        if name in AHEAD:
            clock = MovedClock(self.folder / name)
            clock.move(AHEAD[name])
            configured |= clock.environment
        self.host(name).start("radtme", [*RADTME, *command], self.folder / f"{name}.log", **configured)
        wait_until(
            lambda: self.said(name).count(READY[command[0]]) > before,
            180,
            f"{name} is ready: {self.said(name)[-2000:]}",
        )

    def said(self, name: str) -> str:
        """Return what the part of a host has logged."""
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def send(self, number: int, *listeners: str) -> None:
        """Send so many studies, each to the next one of these listeners, until all of it is acknowledged."""
        for nth in range(number):
            paths = next(self.studies)
            acknowledged: list[Path] = []
            store_all(DICOM_PORT, paths, acknowledged, 900, self.host(listeners[nth % len(listeners)]).address)
            assert sorted(acknowledged) == sorted(paths)
            self.sent += paths
            self.sent_studies += 1

    def jobs(self) -> Sequence[Job]:
        """Return all jobs."""
        return list(self.spool.jobs())

    def wait_until_all_done(self) -> None:
        """Wait until each study that was sent has its result at the target."""
        wait_until(
            lambda: [job.state for job in self.jobs()] == [JobState.DONE] * self.sent_studies,
            300,
            f"{self.sent_studies} jobs done: {[(job.id, job.state.value) for job in self.jobs()]}",
        )

    def assert_nothing_lost_nothing_twice(self) -> None:
        """Check that every object is kept, that every case has one result, and that its bytes never differed."""
        kept = sum(1 for _ in self.spool.studies.rglob("*.dcm"))
        assert kept == len(self.sent)
        assert not self.pacs.unlike()
        issued = [uid for job in self.jobs() for uid in (job.issued() or pytest.fail(job.id)).objects.values()]
        assert sorted(issued) == sorted(self.pacs.digests)
        assert len(self.pacs.digests) == 4 * self.sent_studies
        again = sum(len(seen) - 1 for seen in self.pacs.digests.values())
        print(f"{self.sent_studies} studies, {kept} objects, {len(issued)} results, {again} sent twice, the same bytes")


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """Return all hosts, with the database and Redis answering and no part of radtme running."""
    if programs() is None:
        pytest.skip("needs the Debian package postgresql")
    with network(tmp_path) as net, recorder(host="0.0.0.0") as pacs:  # noqa: S104 - a host of this test only
        database = net.add("database")
        for name in PARTS:
            net.add(name)
            (tmp_path / name).mkdir()
        with _postgres(tmp_path, database) as server:
            redis = ["redis-server", "--port", str(REDIS_PORT), "--bind", database.address, "--save", ""]
            password = tmp_path / "redis_password"
            password.write_text("a password of this test")
            password.chmod(0o600)
            database.start("redis", [*redis, "--requirepass", password.read_text()], tmp_path / "redis.log")
            url = server.new_database()
            (tmp_path / "radtme.yaml").write_text(yaml.safe_dump(_settings(tmp_path, net, pacs, url, password)))
            spool = Spool(tmp_path / "data" / "spool", url)
            studies = (write_phantom(tmp_path / "sent" / str(nth), 3000 + nth, **TINY).paths for nth in range(1000))
            yield Hospital(tmp_path, net, spool, pacs, studies)
            for host in net.hosts.values():
                host.die()


@contextmanager
def _postgres(folder: Path, host: Host) -> Iterator[PostgresServer]:
    place = folder / "postgresql"
    place.mkdir()
    for above in (place, *place.parents):
        above.chmod(above.stat().st_mode | 0o055)  # the server does not run as root
    server = PostgresServer(place, POSTGRES_PORT, host.address, ["ip", "netns", "exec", host.namespace])
    server.initialise()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _settings(folder: Path, net: Network, pacs: Recorder, url: str, password: Path) -> dict[str, object]:
    address = net.hosts["database"].address
    return {
        "data": str(folder / "data"),
        "redis": {"url": f"redis://{address}:{REDIS_PORT}/0", "password_file": str(password)},
        "ledger": {"url": url.replace("+psycopg", ""), "lease_seconds": LEASE_SECONDS},
        "listener": {
            "host": "0.0.0.0",  # noqa: S104
            "port": DICOM_PORT,
            "calling_ae_titles": ["MODALITY"],
            "min_free_bytes": 0,
            "settle_seconds": 0.5,
            "sweep_seconds": 0.5,
            "reannounce_seconds": 3,
        },
        "workers": {"first_retry_seconds": 1, "last_retry_seconds": 4},
        "targets": [{**pacs.target, "host": net.here}],
    }


def test_hosts_are_cut_off_die_and_are_restarted(hospital: Hospital) -> None:
    """Nothing is lost and nothing is there twice, whatever happens to one host, or to the way to the database."""
    hospital.start("listener-1")
    hospital.start("listener-2")
    hospital.start("delivery")

    # Taken for dead: it stops in the middle of a case and is cut off; another host has the case, then it goes on.
    stopped = hospital.host("compute-1")
    hospital.start("compute-1", RADTME_FAULT=f"{FaultPoint.SCORE_BUILT}:stop")
    hospital.send(1, "listener-1")
    wait_until(stopped.stopped, 120, "compute-1 stops in the middle of a case")
    with stopped.cut_off():
        hospital.start("compute-2")
        hospital.send(2, "listener-1", "listener-2")
        hospital.wait_until_all_done()
    stopped.go_on()
    wait_until(lambda: "job_taken_over" in hospital.said("compute-1"), 120, "compute-1 is told that it lost its case")
    hospital.assert_nothing_lost_nothing_twice()

    # A host dies in the middle of a case, and a listener's host with it.
    hospital.start("compute-3", RADTME_FAULT=f"{FaultPoint.RESULT_WRITTEN}:kill")
    hospital.send(3, "listener-2", "listener-1")
    hospital.host("compute-3").die()
    hospital.host("listener-2").die()
    hospital.send(2, "listener-1")
    hospital.wait_until_all_done()

    # The way to the database is cut for a minute: objects are received, their cases follow.
    with hospital.host("database").cut_off():
        hospital.send(1, "listener-1")
        threading.Event().wait(OUTAGE_SECONDS)
        hospital.send(1, "listener-1")
    hospital.wait_until_all_done()

    # Each part is restarted in its turn while studies come in.
    hospital.start("listener-2")
    sender = threading.Thread(target=hospital.send, args=(4, "listener-1", "listener-2"))
    sender.start()
    for name in ("compute-2", "delivery", "listener-1", "listener-2"):
        hospital.host(name).stop("radtme")
        hospital.start(name)
    sender.join(1800)
    assert not sender.is_alive()
    hospital.wait_until_all_done()
    hospital.assert_nothing_lost_nothing_twice()
