"""An outage of a ledger in PostgreSQL: objects received meanwhile are stored and acknowledged; their cases follow."""

from pathlib import Path

import pytest
from pydicom import Dataset

from listener.ledger.database import LedgerUnavailable
from listener.spool.jobs import JobState, job_id_for
from support.dicom_objects import IMAGES, STUDY, image, outline
from support.listening import listening, store
from support.postgresql import PostgresServer
from support.processes import wait_until


def test_intake_goes_on_while_the_ledger_is_away(tmp_path: Path, postgres: PostgresServer) -> None:
    """Images and outline are acknowledged, because their bytes are safe; the job is made when the ledger is back."""
    images: list[Dataset] = [image(number) for number in range(1, 4)]
    seg = outline(range(1, 4))
    with listening(tmp_path / "spool", ledger_url=postgres.new_database()) as listener:
        assert store(listener.port, images[0]) == [0x0000]
        postgres.stop()
        try:
            assert store(listener.port, *images[1:], seg) == [0x0000, 0x0000, 0x0000]
            with pytest.raises(LedgerUnavailable):
                listener.spool.find_job(job_id_for(seg.SOPInstanceUID, 1))
        finally:
            postgres.start()
        wait_until(lambda: list(listener.spool.jobs(JobState.READY)), 60, "the ready job")
        [job] = listener.spool.jobs()
        assert job.record.calling_ae_title == "SENDER"
    assert len(listener.spool.instances(STUDY, IMAGES)) == 3


def test_an_outline_of_an_outage_gets_its_job_after_a_restart(tmp_path: Path, postgres: PostgresServer) -> None:
    """The listener is stopped and started again while the ledger is still unreachable."""
    url = postgres.new_database()
    postgres.stop()
    try:
        with listening(tmp_path / "spool", ledger_url=url) as listener:
            assert store(listener.port, image(1), outline([1])) == [0x0000, 0x0000]
        with listening(tmp_path / "spool", ledger_url=url) as listener:
            wait_until(lambda: listener.spool.instances(STUDY, IMAGES), 60, "the image")
            postgres.start()
            wait_until(lambda: list(listener.spool.jobs(JobState.READY)), 60, "the ready job")
    finally:
        if not postgres.answers():
            postgres.start()
