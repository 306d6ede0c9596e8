"""A file system that becomes read-only below a real listener, as a kernel makes it after an error of the disk."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom import AE

from listener.scp.part_files import Part
from listener.scp.presentation_contexts import supported_contexts
from listener.spool.jobs import JobState
from support.disturbed import Study, assert_kept, site_with
from support.doomed import Site
from support.modality import store_all
from support.mounts import ext4, fail_disk, read_only, tmpfs
from support.postgresql import PostgresServer
from support.recorder import Recorder

TAKEN_BEFORE = 5


@pytest.fixture
def mounted(tmp_path: Path, model_store: Path, pacs: Recorder, postgres: PostgresServer) -> Iterator[Site]:
    """Return a site whose spool lies on a file system of its own, which no open ledger keeps from being read-only."""
    site = replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=postgres.new_database())
    with tmpfs(site.spool.root):
        yield site


def answer(port: int) -> str:
    """Return what an association request is answered with: ``accepted``, or result and reason of the rejection.

    Asks up to three times: on a busy machine pynetdicom can end a rejected association without noting the rejection.
    """
    entity = AE("MODALITY")
    entity.requested_contexts = supported_contexts()[:2]
    for _ in range(3):
        association = entity.associate("127.0.0.1", port, ae_title="RADTME")
        if association.is_established:
            association.release()
            return "accepted"
        if association.is_rejected:
            said = association.acceptor.primitive
            return f"{said.result_str}, source {said.result_source}, reason {said.diagnostic}"
    raise AssertionError("neither accepted nor rejected")


def test_a_read_only_disk_below_the_listener(mounted: Site, study: Study) -> None:
    """Peers are rejected transiently, stored objects are intact, and the listener continues once it can write."""
    acknowledged: list[Path] = []
    with mounted.listening() as (port, process):
        store_all(port, study.paths[:TAKEN_BEFORE], acknowledged)
        with read_only(mounted.spool.root):
            assert answer(port) == "Rejected Transient, source 3, reason 1"
            assert process.is_alive()
            assert_kept(mounted, acknowledged)
        assert answer(port) == "accepted"
        store_all(port, study.paths, acknowledged)
        mounted.wait_for_jobs(1, JobState.READY)
    assert_kept(mounted, study.paths)


def test_a_disk_that_fails_below_listener_and_embedded_ledger(
    tmp_path: Path, model_store: Path, pacs: Recorder, study: Study
) -> None:
    """Peers are rejected transiently; a listener that is started on the mended disk has what was acknowledged."""
    site = site_with(tmp_path / "site", model_store, pacs)
    acknowledged: list[Path] = []
    with ext4(site.spool.root, tmp_path / "disk"), site.listening() as (port, process):
        store_all(port, study.paths[:TAKEN_BEFORE], acknowledged)
        assert len(acknowledged) == TAKEN_BEFORE
        fail_disk(site.spool.root)
        assert answer(port) == "Rejected Transient, source 3, reason 1"
        assert process.is_alive()
        assert_kept(site, acknowledged)
    with ext4(site.spool.root, tmp_path / "disk"):
        assert_kept(site, acknowledged)
        with site.listening() as (port, _):
            store_all(port, study.paths, acknowledged)
            site.wait_for_jobs(1, JobState.READY)
        assert_kept(site, study.paths)


def test_a_name_that_cannot_be_removed_costs_no_answer(tmp_path: Path) -> None:
    """The refused object's file stays for now; what is left goes with its folder."""
    path = tmp_path / "1.2.part"
    path.mkdir()  # unlink fails on it, for root too
    descriptor = (tmp_path / "file").open("wb", buffering=0)
    part = Part(descriptor.fileno(), path)
    part.remove()
    assert path.exists()
    with pytest.raises(OSError, match="Bad file descriptor"):
        descriptor.close()
