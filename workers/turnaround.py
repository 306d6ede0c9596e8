"""From the last object of a case to its results in a target: what the people who wait for a report call its time."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from listener.spool.spool import Spool


def seconds_since_last_object(spool: Spool, job: Mapping[str, Any]) -> float | None:
    """Return the seconds since the last of a job's objects came; None where none lies there any more."""
    arrivals = [path.stat().st_mtime for path in _paths(spool, job) if path.exists()]
    return max(0.0, time.time() - max(arrivals)) if arrivals else None


def _paths(spool: Spool, job: Mapping[str, Any]) -> Iterator[Path]:
    study, seg = job["study_uid"], job["seg"]
    yield spool.instance_path(study, seg["series_uid"], seg["sop_instance_uid"])
    for series, instances in (job["instances"] or {}).items():
        for instance in instances:
            yield spool.instance_path(study, series, instance)
