"""How long `radtme upgrade` takes for a spool of layout 2 with many finished jobs, and after it was interrupted.

python benchmarks/upgrade.py --jobs 5000
"""

import argparse
import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.ledger import record
from deploy.operations.upgrade import upgrade
from listener.spool.record_file import as_json
from listener.spool.spool import Spool

ROLES = ("segmentation", "key_image", "feature_report", "summary_report")
OBJECT_BYTES = 20_000
TIME = "2026-01-02T03:04:05.000+00:00"


def write_jobs(spool: Path, jobs: int) -> None:
    """Write finished jobs as layout 2 kept them: a folder each, with its record, its result, and a delivery record."""
    os.makedirs(spool / "studies")
    for number in range(jobs):
        made = record(number)
        folder = spool / "jobs" / "done" / made.job_id
        os.makedirs(folder / "objects")
        os.makedirs(folder / "delivery")
        taken = {}
        for role in ROLES:
            (folder / "objects" / f"{role}.dcm").write_bytes(b"\0" * OBJECT_BYTES)
            taken[role] = {"sop_instance_uid": f"{made.study_uid}.9", "study_uid": made.study_uid, "status": "0x0000"}
        delivery = {"target": "pacs", "state": "delivered", "roles": ROLES, "tries": 1, "taken": taken, "updated": TIME}
        result = {"job_id": made.job_id, "seg": as_json(made.seg), "started": TIME, "finished": TIME}
        result |= {"outcome": "scored", "score": {"hot_probability": 0.7, "threshold": 0.5, "phenotype": "hot"}}
        for name, content in {"job": as_json(made), "result": result, "delivery/pacs": delivery}.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
    (spool / "version").write_text("2\n")


class Interrupted(Exception):
    """Half of the jobs are imported."""


def main() -> None:
    """Measure an upgrade, and one that continues after half of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    jobs = parser.parse_args().jobs

    def half(words: str) -> None:
        if int(words.split()[0]) >= jobs // 2:
            raise Interrupted

    for interrupted in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            spool = Spool(Path(folder) / "spool")
            write_jobs(spool.root, jobs)
            begin = time.perf_counter()
            with suppress(Interrupted):
                upgrade(spool, half if interrupted else lambda words: None)
            first = time.perf_counter() - begin
            done = upgrade(spool) if interrupted else None
            rest = time.perf_counter() - begin - first
            print(f"{jobs} jobs: {first:.1f} s" + (f" for half of them, then {rest:.1f} s" if done else ""))


if __name__ == "__main__":
    main()
