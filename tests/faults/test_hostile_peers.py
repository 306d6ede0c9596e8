"""Hostile peers of every kind at once: regular cases are scored meanwhile, and no process or thread remains."""

import contextlib
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.simulation.phantom import write_phantom
from listener.spool.atomic_files import read_json
from listener.spool.jobs import JobState
from support.broken_studies import SMALL
from support.certificates import Authority, Issued
from support.dicom_objects import OUTLINES
from support.hostile_peers import (
    ATTACKS,
    HONEST,
    HOSTILE_ADDRESS,
    attack_all,
    deep_and_wide_objects,
    impossible_dimensions,
    under_attack,
)
from support.hostile_tls import TlsPeers
from support.installation import FINAL, Installation, send
from support.live_folder import found_below
from support.processes import wait_until
from support.residue import Residue

MEBIBYTE = 1 << 20
PATIENCE = {
    "acse_timeout_seconds": 2,
    "pdu_timeout_seconds": 2,
    "idle_timeout_seconds": 3,
    "message_timeout_seconds": 3,
}
LISTENER = {
    **PATIENCE,
    "peers": [
        {"ae_title": HONEST, "addresses": ["127.0.0.1", HOSTILE_ADDRESS]},
        {"ae_title": "DCMSEND", "addresses": ["127.0.0.1"]},
    ],
    "require_called_ae_title": True,
    "max_inflated_bytes": 64 * MEBIBYTE,
    "max_quarantine_bytes": MEBIBYTE,
    "max_quarantine_objects": 30,
}
ALLOWED_GROWTH_BYTES = 64 * MEBIBYTE
"""Of a part's resident memory: what the allocator keeps for itself after objects of many megabytes."""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Run listener, worker and Redis with a listener that has little patience."""
    with Installation(tmp_path / "installation", listener=LISTENER) as running:
        running.start()
        yield running


def test_honest_cases_are_scored_and_nothing_is_left_behind(installation: Installation, tmp_path: Path) -> None:
    """Every attack at once while honest studies come; then neither listener nor worker keeps more."""
    studies = [write_phantom(tmp_path / f"study-{seed}", seed, **SMALL) for seed in (1, 2, 5)]
    send(installation.dicom_port, tmp_path / "study-1")
    for attack in (impossible_dimensions, deep_and_wide_objects):  # by themselves, so that none finds all places taken
        attack(installation.dicom_port, random.Random(0))
    attack_all(installation.dicom_port)  # once, so that what is cached is cached
    _wait_for_ends(installation)
    parts = [installation.pid(part) for part in ("listen", "work")]
    _settle(installation)
    before = [Residue.of_family(pid) for pid in parts]

    with under_attack(installation.dicom_port) as done:
        for seed in (2, 5):
            send(installation.dicom_port, tmp_path / f"study-{seed}")
        honest = {str(dcmread(study.seg_path, stop_before_pixels=True).SOPInstanceUID) for study in studies}
        wait_until(lambda: _scored(installation) >= honest, 240, "the honest cases are scored under attack")
        wait_until(lambda: done.keys() == ATTACKS.keys(), 120, "each attack was made")

    _settle(installation)
    _wait_for_ends(installation)
    for pid, earlier in zip(parts, before, strict=True):
        _wait_for_nothing_more(pid, earlier)
        grown = Residue.of_family(pid).resident_bytes - earlier.resident_bytes
        assert grown < ALLOWED_GROWTH_BYTES, f"{grown} bytes more than before"
    _check_files(installation, tmp_path)
    _check_log(installation)
    _check_hostile_cases(installation, honest)


def test_a_port_that_speaks_tls_lets_no_stranger_in(tmp_path: Path) -> None:
    """Wrong, expired and no certificate, no TLS, half a handshake, noise: each is refused, and nothing is left."""
    ours = Authority(tmp_path / "ours")
    server, mri = ours.issue("radtme"), ours.issue("mri1")
    peers = TlsPeers(ours, Authority(tmp_path / "theirs"))
    tls = {"certificate": str(server.certificate), "key": str(server.key), "ca": str(server.ca)}
    studies = [tmp_path / f"study-{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(studies, start=1):
        write_phantom(folder, seed, **SMALL)
    with Installation(tmp_path / "installation", listener={**PATIENCE, "tls": tls}) as running:
        running.start("redis", "listen")
        _send_secured(running.dicom_port, mri, studies[0])
        attack_all(running.dicom_port, peers.attacks)
        _settle(running)
        pid = running.pid("listen")
        before = Residue.of_family(pid)
        with under_attack(running.dicom_port, peers.attacks) as done:
            _send_secured(running.dicom_port, mri, studies[1])
            wait_until(lambda: done.keys() == peers.attacks.keys(), 120, "each attack was made")
        _wait_for_nothing_more(pid, before)
        assert Residue.of_family(pid).resident_bytes - before.resident_bytes < ALLOWED_GROWTH_BYTES
        sent = sum(len(list(folder.rglob("*.dcm"))) for folder in studies)
        assert len(list(running.spool.studies.rglob("*.dcm"))) == sent
        events = [json.loads(line) for line in running.log("listen").splitlines() if line.startswith("{")]
    assert not [event for event in events if event["level"] in ("error", "critical")]
    reasons = Counter(event["reason"] for event in events if event["event"] == "tls_handshake_failed")
    assert reasons.keys() >= {
        "certificate_not_trusted",
        "certificate_expired",
        "no_certificate",
        "not_tls",
        "no_common_version_or_cipher",
        "timed_out",
    }


def _send_secured(port: int, peer: Issued, folder: Path) -> None:
    command = ["storescu", "+sd", "+r", "-aet", "MRI1", "-aec", "RADTME", "-R"]
    command += ["+tls", str(peer.key), str(peer.certificate), "+cf", str(peer.ca), "127.0.0.1", str(port), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_for_nothing_more(pid: int, before: Residue) -> None:
    with contextlib.suppress(AssertionError):  # what is more is said below
        wait_until(lambda: not Residue.of_family(pid).exceeds(before), 60, "nothing more than before")
    assert Residue.of_family(pid).exceeds(before) == []


def _settle(installation: Installation) -> None:
    wait_until(lambda: not list(installation.spool.receiving.iterdir()), 60, "no association is left")


def _wait_for_ends(installation: Installation) -> None:
    wait_until(lambda: all(job.state in FINAL for job in installation.jobs()), 120, "every case has an end")


def _scored(installation: Installation) -> set[str]:
    return {
        result["seg"]["sop_instance_uid"]
        for job in installation.spool.jobs(JobState.DONE, JobState.DELIVERING)
        if (job.folder / "result.json").exists()
        and (result := read_json(job.folder / "result.json"))["outcome"] == "scored"
    }


def _check_files(installation: Installation, tmp_path: Path) -> None:
    """See that nothing was written beside the spool, and that refused objects stay within their share."""
    assert not found_below(tmp_path, "*evil*")
    assert not Path("/tmp/evil").exists()
    stored = [*installation.spool.studies.rglob("*.dcm"), *installation.spool.quarantine.glob("*.dcm")]
    assert {path.read_bytes()[:132] for path in stored} == {bytes(128) + b"DICM"}
    quarantined = list(installation.spool.quarantine.glob("*.dcm"))
    assert 0 < len(quarantined) <= 30
    assert sum(path.stat().st_size for path in quarantined) <= MEBIBYTE
    kept = {path.parent.name for path in installation.spool.studies.rglob("*.dcm")}
    assert not {path.name for path in installation.spool.studies.iterdir()} & {"..", "evil", "etc"}
    assert kept


def _check_log(installation: Installation) -> None:
    """See that nothing the peers did was an error of ours."""
    lines = [line for line in installation.log("listen").splitlines() if line.strip()]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(events) > 100
    errors = [event for event in events if event.get("level") in ("error", "critical")]
    assert not errors, errors[:3]
    assert not [line for line in lines if not line.startswith("{")][:5]
    assert {event.get("reason") for event in events} >= {"calling_ae_title", "address_not_allowed"}


def _check_hostile_cases(installation: Installation, honest: set[str]) -> None:
    """See that what the attackers' outlines lead to is not scored, with a reason, and that no worker died of it."""
    assert not list(installation.spool.jobs(JobState.FAILED))
    results = [installation.result(job) for job in installation.jobs()]
    hostile = [result for result in results if result["seg"]["series_uid"] == OUTLINES]
    assert hostile
    # An outline that came before some of the attackers' images is looked at again, with the same end.
    assert {result["outcome"] for result in hostile} - {"unchanged"} == {"not_scored"}
    assert not {result["seg"]["sop_instance_uid"] for result in hostile} & honest
