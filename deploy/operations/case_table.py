"""The cases of the spool as a flat table, one row for each job: for spreadsheets and statistics programs.

Without identifiers a row holds no UID of the study and no time. The job id is a digest of the outline's UID: whoever
has the outlines can tell which case it is.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from deploy.operations.job_status import JobStatus
from listener.ledger.reader_assessments import Assessment
from workers.features.regions import Region

Cell = str | float | int | None


def case_table(jobs: Iterable[JobStatus], *, identifiers: bool = False) -> list[dict[str, Cell]]:
    """Return one row for each job; with ``identifiers`` also its study and times."""
    return [_row(job) | (_identifiers(job) if identifiers else {}) for job in sorted(jobs, key=lambda one: one.job_id)]


def _row(job: JobStatus) -> dict[str, Cell]:
    signature, stability, correction = job.signature, job.stability, job.correction
    volumes = {region.region: region.volume_ml for region in job.regions}
    said = Counter(one.assessment for one in job.assessments)
    return {
        "job": job.job_id,
        "version": job.version,
        "replaces": job.replaces,
        "state": job.state.value,
        "outcome": job.outcome.value if job.outcome else None,
        "verdict": job.phenotype.value if job.phenotype else None,
        "class_by_threshold": job.tendency.value if job.tendency else None,
        "score": job.hot_probability,
        "threshold": job.threshold,
        "prediction_set": job.prediction_set.value if job.prediction_set else None,
        "doubts": _words(job.doubts),
        "redrawn_low": stability.low if stability else None,
        "redrawn_high": stability.high if stability else None,
        "redrawn_outlines": stability.redraws if stability else None,
        "reason": job.reason,
        "tumour_ml": volumes.get(Region.TUMOUR),
        "ring_ml": volumes.get(Region.RING),
        "notes": len(job.notes),
        "warnings": _words(job.warnings),
        "signature": signature.id if signature else None,
        "signature_version": signature.version if signature else None,
        "signature_sha256": signature.digest if signature else None,
        "profile": signature.profile if signature else None,
        "corrected_dice": correction.dice if correction else None,
        "corrected_volume_ratio": correction.volume_ratio if correction else None,
        **{f"readers_{one}": said[one] for one in Assessment},
        "readers": _words(f"{one.reader or one.calling_ae_title}={one.assessment}" for one in job.assessments),
        "targets": _words(f"{one.target}={one.state}" for one in job.deliveries),
    }


def _identifiers(job: JobStatus) -> dict[str, Cell]:
    times = {name: job.times.get(name) for name in ("created", "ready", "started", "finished")}
    return {"study_uid": job.study_uid, **times}


def _words(values: Iterable[object]) -> str | None:
    return "; ".join(map(str, values)) or None


def write_csv(file: IO[str], rows: Sequence[Mapping[str, Cell]]) -> None:
    """Write a table as CSV (RFC 4180): numbers with all digits, what is absent as an empty cell."""
    writer = csv.DictWriter(file, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(
        {name: repr(cell) if isinstance(cell, float) else cell for name, cell in row.items()} for row in rows
    )


def csv_of(rows: Sequence[Mapping[str, Cell]]) -> bytes:
    """Return the same as the content of a file."""
    text = io.StringIO(newline="")
    write_csv(text, rows)
    return text.getvalue().encode()


def agreement(jobs: Iterable[JobStatus]) -> dict[tuple[str, str], Counter[Assessment]]:
    """Return what readers said of the results, by signature and reader (the sending program where none is named)."""
    found: dict[tuple[str, str], Counter[Assessment]] = {}
    for job in jobs:
        signature = f"{job.signature.id} {job.signature.version}" if job.signature else "unknown"
        for one in job.assessments:
            found.setdefault((signature, one.reader or one.calling_ae_title), Counter())[one.assessment] += 1
    return dict(sorted(found.items()))
