"""What a start, a turn of pairing, a scrape, a claim and a status cost beside many finished cases.

Each finished case has its study, a delivery with four objects, a result that was sent back, an assessment by a reader,
and beside it a study without an outline. The files of the studies are empty (``--files``): a start looks at the folders
of those of which something came lately, and nothing else looks at them.

Prints the least CPU time of several rounds beside few and beside many cases, and their ratio.

    python benchmarks/ledger.py --finished 100000 --files 10 [--url postgresql+psycopg://...]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Table

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.case_filter import CaseFilter
from deploy.operations.case_search import newest_cases
from deploy.operations.status import read_status
from deploy.status_page.overview import Pages
from listener.broker.sweep import Sweep
from listener.ledger.deliveries import DeliveryState, ObjectAnswer, deliveries, delivery_objects
from listener.ledger.reader_assessments import Assessment, reader_assessments
from listener.ledger.set_aside_outlines import SetAside, set_aside_outlines
from listener.metrics.collectors import SpoolCollector
from listener.pairing.pairer import Pairer
from listener.settings import ListenerSettings
from listener.spool import job_rows, study_rows
from listener.spool.job_record import JobRecord, Pairing, SegmentationReference
from listener.spool.jobs import JobState, job_id_for
from listener.spool.recent_studies import forget_old_days, note_recent
from listener.spool.spool import Spool
from workers.jobs.attempts import claimed
from workers.metrics.assessments import AssessmentCollector
from workers.metrics.deliveries import DeliveryCollector
from workers.metrics.recent_cases import RecentCases
from workers.results.result_roles import ResultRole

IMAGES = 60
BATCH = 2000
ROUNDS = 25
ROLES = [str(role) for role in ResultRole][:4]
OPEN = 10**9
"""Number of the one case that is not finished."""


def record(number: int) -> JobRecord:
    """Return the record of a made-up case with `IMAGES` images."""
    study = f"1.2.826.0.1.{number}"
    images = {f"{study}.1": tuple(f"{study}.1.{image}" for image in range(IMAGES))}
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number % 10**6)
    return JobRecord(
        job_id=job_id_for(f"{study}.2.1", 1),
        version=1,
        study_uid=study,
        seg=SegmentationReference(f"{study}.2", f"{study}.2.1"),
        pairing=Pairing.INSTANCES,
        required=images,
        instances=images,
        created=created,
        readied=created,
        calling_ae_title="MR",
    )


def finish(spool: Spool, first: int, last: int, files: int) -> None:
    """Put finished cases into the ledger, changed long ago, and so many empty files a case into the spool."""
    for start in range(first, last, BATCH):
        made = [record(number) for number in range(start, min(start + BATCH, last))]
        with spool.ledger.writing() as connection:
            for table, rows in rows_of(made).items():
                connection.execute(table.insert(), rows)
        for one in made:
            folder = spool.series_folder(one.study_uid, f"{one.study_uid}.1")
            folder.mkdir(parents=True)
            for image in range(files):
                os.mknod(folder / f"{one.study_uid}.1.{image}.dcm")


def rows_of(made: Sequence[JobRecord]) -> Mapping[Table, list[dict[str, object]]]:
    """Return what the ledger holds of cases, by table."""
    facts = {"state": JobState.DONE, "outcome": "scored", "score": 0.5, "lease": 1}
    sent = {"target": "pacs", "state": DeliveryState.DELIVERED, "roles": ROLES, "tries": 1, "looks": 0, "requests": []}
    taken = {"target": "pacs", "answer": ObjectAnswer.TAKEN, "status": "0x0000", "committed": True, "seen": True}
    said = {"assessment": Assessment.ACCEPTED, "code": "VERIFIED", "roles": ROLES[:1], "reader": "aa"}
    came = {"series": 2, "instances": IMAGES + 1}
    uids = [
        {"study_uid": one.study_uid, "series_uid": f"{one.study_uid}.3", "sop_instance_uid": f"{one.study_uid}.3.1"}
        for one in made
    ]
    cases = list(zip(made, uids, strict=True))
    return {
        job_rows.jobs: [{**job_rows._values(one), **facts, "changed": one.created} for one in made],
        study_rows.studies: [
            {**came, "study_uid": f"{one.study_uid}{suffix}", "outlined": not suffix, "last_arrival": one.created}
            for one in made
            for suffix in ("", ".9")
        ],
        deliveries: [{**sent, "job_id": one.job_id, "queued": one.created, "updated": one.created} for one in made],
        delivery_objects: [
            {**taken, **names, "job_id": one.job_id, "role": role, "sop_class_uid": "1.2.840.10008.5.1.4.1.1.66.4"}
            for one, names in cases
            for role in ROLES
        ],
        set_aside_outlines: [
            {**names, "reason": SetAside.OWN_RESULT, "message": "a result of radtme", "at": one.created}
            for one, names in cases
        ],
        reader_assessments: [
            {
                **said,
                "job_id": one.job_id,
                "sop_instance_uid": f"{one.study_uid}.4.1",
                "calling_ae_title": "PACS",
                "at": one.created,
            }
            for one in made
        ],
    }


def seconds(step: Callable[[], object]) -> float:
    """Return the least CPU time of a step: on a busy machine, its duration is that of the others."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        step()
        taken.append(time.process_time() - begin)
    return min(taken)


def measure(spool: Spool) -> dict[str, float]:
    """Return the seconds of each step beside what the ledger holds."""
    ready = spool.create_job(record(OPEN), JobState.READY) or spool.find_job(record(OPEN).job_id)
    assert ready is not None
    settings = ListenerSettings(spool=spool.root)
    pairer = Pairer(spool, settings, lambda job_id: None)
    sweep = Sweep(spool, lambda announcement: None, dict, 5.0, 60.0)

    came = record(0).study_uid
    note_recent(str(spool.root), came)
    study_rows.note_studies(spool.ledger, [study_rows.StudyArrivals(came, 1, IMAGES, datetime.now(UTC))])
    forget_old_days(spool.root, datetime.now(UTC).date(), study_rows.last_arrival(spool.ledger))

    def claim() -> None:
        with claimed(spool, ready.id) as job:
            assert job is not None
            spool.move(job, JobState.READY)

    scraped = SpoolCollector(spool)
    readers, recent = AssessmentCollector(spool), RecentCases(spool)
    pages = Pages(spool, spool.root / "signatures", (), 0, StatusPageSettings())
    return {
        "a start": seconds(lambda: Pairer(spool, settings, lambda job_id: None).reconcile()),
        "a turn of pairing": seconds(pairer.scan),
        "a sweep": seconds(lambda: sweep.scan(time.monotonic(), datetime.now(UTC))),
        "a claim and its return": seconds(claim),
        "a scrape of the listener": seconds(lambda: list(scraped.collect())),
        "a scrape of a worker": seconds(lambda: list(DeliveryCollector(spool, list).collect())),
        "the open cases": seconds(lambda: list(spool.jobs(JobState.WAITING, JobState.READY, JobState.RUNNING))),
        "the newest 50 in a state": seconds(lambda: spool.first_jobs(JobState.DONE, 50, newest_first=True)),
        "the newest 50 for a target": seconds(lambda: newest_cases(spool, CaseFilter(target="pacs"), 50)),
        "the newest 50 by score": seconds(lambda: newest_cases(spool, CaseFilter(score=(0.0, 0.4)), 50)),
        "assessments in a scrape": seconds(lambda: list(readers.collect())),
        "recent cases in a scrape": seconds(lambda: recent.by_scanner("")),
        "radtme status": seconds(lambda: read_status(spool, 20)),
        "the status page": seconds(pages.overview),
        "one case": seconds(lambda: spool.find_job(ready.id)),
    }


def main() -> None:
    """Measure beside few and beside many finished cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--files", type=int, default=0, help="Empty instance files a case.")
    parser.add_argument("--url", default=None, help="Of an empty ledger; default: SQLite.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool", options.url)
        spool.prepare()
        finish(spool, 0, options.few, options.files)
        few = measure(spool)
        finish(spool, options.few, options.finished, options.files)
        many = measure(spool)
    print(f"{'':28}{options.few:>12}{options.finished:>12}")
    for name, before in few.items():
        print(f"{name:28}{1000 * before:>9.2f} ms{1000 * many[name]:>9.2f} ms   {many[name] / before:.1f} x")


if __name__ == "__main__":
    main()
