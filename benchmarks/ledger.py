"""What a start, a turn of pairing, a scrape, a claim and a status cost beside many finished cases.

Of the files, only the folders of the studies are made: a start looks at those of which something came lately.

Prints the least CPU time of several rounds beside few and beside many cases, and their ratio.

    python benchmarks/ledger.py --finished 100000 [--url postgresql+psycopg://...]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.status import read_status
from deploy.status_page.overview import Pages
from listener.broker.sweep import Sweep
from listener.metrics.collectors import SpoolCollector
from listener.pairing.pairer import Pairer
from listener.settings import ListenerSettings
from listener.spool import job_rows, study_rows
from listener.spool.job_record import JobRecord, Pairing, SegmentationReference
from listener.spool.jobs import JobState, job_id_for
from listener.spool.recent_studies import forget_old_days, note_recent
from listener.spool.spool import Spool
from workers.jobs.attempts import claimed
from workers.metrics.deliveries import DeliveryCollector

IMAGES = 60
BATCH = 2000
ROUNDS = 25
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


def finish(spool: Spool, first: int, last: int) -> None:
    """Put finished cases into the ledger, changed long ago."""
    for start in range(first, last, BATCH):
        made = [record(number) for number in range(start, min(start + BATCH, last))]
        facts = {"state": JobState.DONE, "outcome": "scored", "score": 0.5, "lease": 1}
        rows = [{**job_rows._values(one), **facts, "changed": one.created} for one in made]
        came = [{"study_uid": one.study_uid, "series": 2, "instances": IMAGES + 1, "outlined": True} for one in made]
        with spool.ledger.writing() as connection:
            connection.execute(job_rows.jobs.insert(), rows)
            arrivals = [{**one, "last_arrival": case.created} for one, case in zip(came, made, strict=True)]
            connection.execute(study_rows.studies.insert(), arrivals)
        for one in made:
            spool.series_folder(one.study_uid, f"{one.study_uid}.1").mkdir(parents=True)


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
    pages = Pages(spool, spool.root / "signatures", (), 0, StatusPageSettings())
    return {
        "a start": seconds(lambda: Pairer(spool, settings, lambda job_id: None).reconcile()),
        "a turn of pairing": seconds(pairer.scan),
        "a sweep": seconds(lambda: sweep.scan(time.monotonic(), datetime.now(UTC))),
        "a claim and its return": seconds(claim),
        "a scrape of the listener": seconds(lambda: list(scraped.collect())),
        "a scrape of a worker": seconds(lambda: list(DeliveryCollector(spool, list).collect())),
        "the open cases": seconds(lambda: list(spool.jobs(JobState.WAITING, JobState.READY, JobState.RUNNING))),
        "the newest 50": seconds(lambda: spool.first_jobs(JobState.DONE, 50, newest_first=True)),
        "radtme status": seconds(lambda: read_status(spool, 20)),
        "the status page": seconds(pages.overview),
        "one case": seconds(lambda: spool.find_job(ready.id)),
    }


def main() -> None:
    """Measure beside few and beside many finished cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--url", default=None, help="Of an empty ledger; default: SQLite.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool", options.url)
        spool.prepare()
        finish(spool, 0, options.few)
        few = measure(spool)
        finish(spool, options.few, options.finished)
        many = measure(spool)
    print(f"{'':28}{options.few:>12}{options.finished:>12}")
    for name, before in few.items():
        print(f"{name:28}{1000 * before:>9.2f} ms{1000 * many[name]:>9.2f} ms   {many[name] / before:.1f} x")


if __name__ == "__main__":
    main()
