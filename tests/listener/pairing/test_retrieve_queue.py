"""Missing images are requested from the PACS, which nothing waits for."""

import subprocess
import sys
import threading

from listener.settings import DeadlinePolicy, RetrieveSource
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    STUDY,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def test_what_is_missing_is_fetched_once_before_the_job_is_closed(spool: Spool, clock: Clock) -> None:
    """Policy `fetch`: requested at the deadline, and closed after another one."""
    station = Station(
        spool,
        clock,
        deadline_seconds=100.0,
        deadline_policy=DeadlinePolicy.FETCH,
        retrieve_from=RetrieveSource("PACS", "127.0.0.1", 1),
    )
    station.receive(outline(images=[1, 2]))
    station.receive(image(1))
    station.scan(100.0)
    for thread in threading.enumerate():
        if thread.name == "retrieve":
            thread.join(60)
    assert station.fetched == [(STUDY, {IMAGES: (image_uid(2),)})]
    (job,) = station.jobs(JobState.WAITING)
    assert job["fetched"]
    station.scan(99.0)
    assert station.jobs(JobState.WAITING)
    station.scan(1.0)
    (job,) = station.jobs(JobState.READY)
    assert job["not_complete"]["message"].startswith("1 of 2 instances missing")


def test_a_pacs_that_does_not_answer_holds_up_neither_other_fetches_nor_the_end(spool: Spool) -> None:
    """A C-MOVE may take minutes: the next is asked for meanwhile, and the process ends without waiting for it."""
    program = """
import sys, threading
from pathlib import Path
from listener.pairing.pairer import Pairer
from listener.pairing.evidence import Evidence
from listener.settings import ListenerSettings
from listener.spool.spool import Spool

root = Path(sys.argv[1])
asked = threading.Barrier(3)

def never(study_uid, missing):
    asked.wait(60)
    threading.Event().wait()

pairer = Pairer(Spool(root), ListenerSettings(root), print, never)
for study_uid in ("1.2", "1.3"):
    pairer._retrieve_queue.request(study_uid, Evidence({}, {}, {}))
asked.wait(60)
pairer.stop()
"""
    subprocess.run([sys.executable, "-c", program, str(spool.root)], check=True, timeout=120)
