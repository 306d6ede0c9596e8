"""From the last object of a case to its results in a target."""

import os
import time
from pathlib import Path

import pytest

from listener.spool.job_record import SegmentationReference
from listener.spool.spool import Spool
from support.records import job_record
from workers.metrics.counters import seconds_since_last_object


def test_the_time_counts_from_the_object_that_came_last(tmp_path: Path) -> None:
    """Images and the outline count, in whatever order they came; what retention took away does not."""
    spool = Spool(tmp_path)
    job = job_record(
        "1",
        study_uid="1.1",
        seg=SegmentationReference("1.1.2", "1.1.2.1"),
        instances={"1.1.1": ("1.1.1.1", "1.1.1.2")},
    )
    assert seconds_since_last_object(spool, job) is None
    now = time.time()
    for series, instance, ago in (("1.1.2", "1.1.2.1", 500), ("1.1.1", "1.1.1.1", 900), ("1.1.1", "1.1.1.2", 300)):
        path = spool.instance_path("1.1", series, instance)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (now - ago, now - ago))
    assert seconds_since_last_object(spool, job) == pytest.approx(300, abs=60)
    spool.instance_path("1.1", "1.1.1", "1.1.1.2").unlink()
    assert seconds_since_last_object(spool, job) == pytest.approx(500, abs=60)
