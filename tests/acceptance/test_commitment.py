"""Storage commitment with a real PACS: Orthanc reports on an association that it opens to the listener."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.simulation.phantom import write_phantom
from listener.ledger.commitments import reported
from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from support.broken_studies import SMALL
from support.installation import Installation, send
from support.listening import listening
from support.outboxes import Watch, delivering, entry_of, state_of
from support.pacs import Orthanc, orthanc
from support.processes import free_port, wait_until
from workers.delivery.attempt import Clock, DeliveryAttempt, DeliveryOutcome, utc_now
from workers.delivery.deliver import deliver
from workers.settings import WorkerSettings
from workers.targets.target import Proof, Target

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def listener_port() -> int:
    """Return the port to which the PACS sends its reports."""
    return free_port()


@pytest.fixture(scope="module")
def reporting_pacs(tmp_path_factory: pytest.TempPathFactory, listener_port: int) -> Iterator[Orthanc]:
    """Return an Orthanc that knows the listener as a modality."""
    with orthanc(tmp_path_factory.mktemp("pacs"), **reporting_to(listener_port)) as server:
        yield server


def reporting_to(port: int) -> dict[str, object]:
    """Return the settings of an Orthanc that knows the listener on this port: it reports to no other port."""
    return {"DicomModalities": {"radtme": ["RADTME", "127.0.0.1", port]}}


def target_of(pacs: Orthanc, proof: Proof) -> Target:
    """Return the target that asks Orthanc for this proof."""
    return Target("pacs", pacs.ae_title, "127.0.0.1", pacs.dicom_port, proof=proof, commitment_wait_seconds=0.0)


def delete_instance(pacs: Orthanc, sop_instance_uid: str) -> None:
    """Delete an object from the archive."""
    base = f"http://127.0.0.1:{pacs.http_port}"
    found = urllib.request.urlopen(f"{base}/tools/lookup", sop_instance_uid.encode(), timeout=30).read()  # noqa: S310
    [instance] = [one["ID"] for one in json.loads(found) if one["Type"] == "Instance"]
    request = urllib.request.Request(f"{base}/instances/{instance}", method="DELETE")  # noqa: S310
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def reports(spool: Spool) -> list[Path]:
    """Return the reports that lie in the spool."""
    return reported(spool.ledger)


def until_reported(
    spool: Spool, job: Job, target: Target, settings: WorkerSettings, clock: Clock
) -> list[DeliveryOutcome]:
    """Deliver until Orthanc's report, which may come during the attempt or after it, has been processed."""
    attempts = [deliver(spool, job.id, target, settings, clock)]
    if attempts[0] is not None and attempts[0].state is DeliveryState.COMMITMENT_REQUESTED:
        wait_until(lambda: reports(spool), 60, "a report from Orthanc")
        attempts.append(deliver(spool, job.id, target, settings, clock))
    found = [one for one in attempts if one is not None]
    assert len(found) == len(attempts)
    return found


def test_orthanc_commits_itself_and_lists_what_it_has(
    tmp_path: Path, reporting_pacs: Orthanc, listener_port: int
) -> None:
    """Sent, committed by a report on an association that Orthanc opened, and seen by C-FIND."""
    spool = Spool(tmp_path / "spool")
    settings = WorkerSettings(spool.root, tmp_path / "signatures")
    target = target_of(reporting_pacs, Proof.COMMITTED_AND_SEEN)
    with listening(spool.root, port=listener_port, calling_ae_titles=("ORTHANC",)):
        job = delivering(spool, "pacs")
        attempts = until_reported(spool, job, target, settings, utc_now)
    assert attempts[-1].state is DeliveryState.DELIVERED, attempts[-1].error
    entry = entry_of(spool, job)
    assert len(entry.committed) == len(entry.seen) == 3
    assert state_of(spool, job) is JobState.DONE


def test_orthanc_says_what_it_has_lost_and_gets_it_again(
    tmp_path: Path, reporting_pacs: Orthanc, listener_port: int
) -> None:
    """A stored object is lost: the report states it, the object is sent again, and a new request succeeds."""
    spool, watch = Spool(tmp_path / "spool"), Watch()
    settings = WorkerSettings(spool.root, tmp_path / "signatures")
    target = target_of(reporting_pacs, Proof.COMMITTED)
    with listening(spool.root, port=listener_port, calling_ae_titles=("ORTHANC",)):
        job = delivering(spool, "pacs")
        # The request goes out when everything was taken: lose an object between the two.
        original = DeliveryAttempt._request_commitment

        def lose_first(self: DeliveryAttempt) -> None:
            uid = next(iter(self.entry.taken.values())).instance.sop_instance_uid
            delete_instance(reporting_pacs, uid)
            original(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DeliveryAttempt, "_request_commitment", lose_first)
            lost = until_reported(spool, job, target, settings, watch)[-1]
        assert lost.state is DeliveryState.RETRY
        assert "0x0112" in str(lost.error)
        watch.forward(3600)
        again = until_reported(spool, job, target, settings, watch)
    assert [one.role.value for attempt in again for one in attempt.sent] == ["segmentation"]
    assert again[-1].state is DeliveryState.DELIVERED, again[-1].error


def test_a_case_is_done_when_the_pacs_has_committed_itself(tmp_path: Path) -> None:
    """The whole way, with processes of their own: listener, worker, Redis and the PACS."""
    port = free_port()
    with orthanc(tmp_path / "pacs", **reporting_to(port)) as pacs:
        target = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port}
        proof = {"proof": "committed_and_seen", "commitment_wait_seconds": 0, "commitment_timeout_seconds": 60}
        with Installation(tmp_path / "installation", [{**target, **proof}], dicom_port=port) as installation:
            installation.start()
            write_phantom(tmp_path / "phantom", 77, **SMALL)
            send(port, tmp_path / "phantom")
            [job] = installation.wait_for_jobs(1, 200)
            assert job.state is JobState.DONE
            entry = entry_of(installation.spool, job)
            assert len(entry.committed) == len(entry.seen) == 4
            # Counted after the job is done.
            counted = 'radtme_commitments_total{outcome="committed",target="pacs"} 4.0'
            wait_until(lambda: counted in installation.get("work", "/metrics"), 60, counted)
