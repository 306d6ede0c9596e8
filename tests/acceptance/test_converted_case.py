"""An outline of classic images of which only the Enhanced version was received, through listener and worker."""

from pathlib import Path

import pytest

from deploy.network.dicom_files import DicomFile, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from listener.spool.jobs import JobState
from model_store.signatures.registry import Registry
from support.enhanced_images import outline_on_classic
from support.listening import listening
from support.processes import wait_until
from workers.jobs.score_job import run
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("outline_first", [True, False])
def test_it_is_scored_without_waiting_for_the_deadline(shared_data: Path, tmp_path: Path, outline_first: bool) -> None:
    """The object names all missing images as its sources: ready after a pause, and scored."""
    case = shared_data / "field_cases" / "e04_legacy_converted" / "input"
    outline = outline_on_classic(case, tmp_path)
    paths = [outline, case / "legacy.dcm"] if outline_first else [case / "legacy.dcm", outline]
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool", settle_unreferenced_seconds=1.0) as listener:
        for path in paths:  # an association each
            files = [file for file in read_all([path]) if isinstance(file, DicomFile)]
            sent = send_files(Peer("RADTME", "127.0.0.1", listener.port), "ARCHIVE", files, timeout_seconds=30)
            assert {one.outcome.value for one in sent} == {"stored"}
        wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "the job being ready")
        (job,) = listener.spool.jobs(JobState.READY)
        assert job.record.not_complete is None
        running = listener.spool.move(job, JobState.RUNNING)
        assert running is not None
        scored = run(listener.spool, running, registry, WorkerSettings(listener.spool.root, registry.root))
    assert scored.outcome == "scored"
