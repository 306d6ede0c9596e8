"""A ledger in PostgreSQL that goes away: images are kept, outlines are asked for again, nothing is lost."""

from pathlib import Path

from pydicom import Dataset

from listener.spool.jobs import JobState, job_id_for
from support.dicom_objects import IMAGES, STUDY, image, outline
from support.listening import listening, store
from support.postgresql import PostgresServer
from support.processes import wait_until


def test_intake_goes_on_while_the_ledger_is_away(tmp_path: Path, postgres: PostgresServer) -> None:
    """An image is acknowledged; an outline, whose case the ledger decides, is answered with "try again later"."""
    images: list[Dataset] = [image(number) for number in range(1, 4)]
    seg = outline(range(1, 4))
    with listening(tmp_path / "spool", ledger_url=postgres.new_database()) as listener:
        assert store(listener.port, images[0]) == [0x0000]
        postgres.stop()
        try:
            assert store(listener.port, *images[1:], seg) == [0x0000, 0x0000, 0xA700]
        finally:
            postgres.start()
        assert store(listener.port, seg) == [0x0000]
        job_id = job_id_for(seg.SOPInstanceUID, 1)
        wait_until(lambda: listener.spool.find_job(job_id).state is JobState.READY, 60, "the ready job")
    assert len(listener.spool.instances(STUDY, IMAGES)) == 3
