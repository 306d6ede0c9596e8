"""What a status, a page, a scrape, a sweep, a turn of pairing and a start read: what is open or asked for, not all.

SQLite says of each query how it would find its rows: a table that grows with what is kept is asked by an index, and one
that is gone through in the order of an index ends at a limit.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.case_filter import CaseFilter
from deploy.operations.case_search import newest_cases
from deploy.operations.status import read_status
from deploy.status_page.overview import Pages
from listener.broker.sweep import Sweep
from listener.metrics.collectors import SpoolCollector
from listener.pairing.pairer import Pairer
from listener.settings import ListenerSettings
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.outboxes import delivering
from workers.jobs.attempts import claimed
from workers.metrics.assessments import AssessmentCollector
from workers.metrics.deliveries import DeliveryCollector
from workers.metrics.recent_cases import RecentCases

GROWING = {"jobs", "studies", "deliveries", "delivery_objects", "set_aside_outlines", "reader_assessments"}
"""The others have a row for a target, a sender, an object in quarantine (which is limited) or an open request."""


WIDE = re.compile(r"SEARCH (\w+)( USING (COVERING )?INDEX) \w+ \((outlined|reason|target|outcome)=\?\)")
"""A part of an index that may hold almost all."""


@contextmanager
def queries_of(engine: type[Engine]) -> Iterator[list[tuple[str, Any]]]:
    """Collect the queries of the block with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(connection: object, cursor: object, statement: str, parameters: Any, context: object, many: bool) -> None:
        if not many and re.match(r"\s*(SELECT|UPDATE|DELETE)", statement):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def gone_through(spool: Spool, queries: list[tuple[str, Any]]) -> set[str]:
    """Return the growing tables of which a query would read every row, with the query."""
    found = set()
    with spool.ledger.reading() as connection:
        for statement, parameters in queries:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            for row in plan:
                scanned = re.match(r"SCAN (\w+)( USING (COVERING )?INDEX)?", row.detail) or WIDE.match(row.detail)
                ends = scanned and scanned[2] and "LIMIT" in statement
                if scanned and scanned[1] in GROWING and not ends:
                    found.add(f"{row.detail}: {' '.join(statement.split())}")
    return found


def steps(spool: Spool, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what is done again and again, or by people."""
    settings = ListenerSettings(spool=spool.root)
    pairer = Pairer(spool, settings, lambda job_id: None)
    sweep = Sweep(spool, lambda announcement: None, dict, 5.0, 60.0)
    pages = Pages(spool, folder / "signatures", (), 0, StatusPageSettings())
    job = delivering(spool, "pacs")

    def claim() -> None:
        with claimed(spool, job.id):
            pass

    asked = {
        "since": CaseFilter(since=datetime(2026, 1, 1, tzinfo=UTC)),
        "states": CaseFilter(states=(JobState.FAILED,)),
        "reason": CaseFilter(reason="time_limit"),
        "target": CaseFilter(target="pacs"),
        "score": CaseFilter(score=(0.4, 0.6)),
        "case": CaseFilter(case=job.record.study_uid),
    }
    return {
        "start": lambda: Pairer(spool, settings, lambda job_id: None).reconcile(),
        "turn": pairer.scan,
        "sweep": lambda: sweep.scan(time.monotonic(), datetime.now(UTC)),
        "claim": claim,
        "scrape of a listener": lambda: list(SpoolCollector(spool).collect()),
        "scrape of a worker": lambda: list(DeliveryCollector(spool, lambda: ["pacs"]).collect()),
        "assessments": lambda: list(AssessmentCollector(spool).collect()),
        "recent cases": lambda: RecentCases(spool).by_scanner(""),
        "status": lambda: read_status(spool, 20),
        "page": pages.overview,
        "page of a case": lambda: pages.case(job.id),
        **{
            f"search by {name}": lambda wanted=wanted: newest_cases(spool, wanted, 50) for name, wanted in asked.items()
        },
    }


def test_no_query_goes_through_all_that_is_kept(tmp_path: Path) -> None:
    """Each step costs what is open, or what is asked for."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    found = {}
    for name, step in steps(spool, tmp_path).items():
        with queries_of(Engine) as queries:
            step()
        assert queries, name
        found[name] = gone_through(spool, queries)
    assert {name: some for name, some in found.items() if some} == {}


def test_a_query_that_goes_through_all_is_seen(tmp_path: Path) -> None:
    """A table without an index for what is asked, and one of which all rows are counted."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    with queries_of(Engine) as queries, spool.ledger.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM studies")
        connection.exec_driver_sql("SELECT job_id FROM jobs WHERE calling_ae_title = 'MR' LIMIT 5")
        connection.exec_driver_sql("SELECT count(*) FROM set_aside_outlines WHERE reason = ?", ("own_result",))
    found = {one.split(":")[0].split(" USING")[0] for one in gone_through(spool, queries)}
    assert found == {"SCAN studies", "SCAN jobs", "SEARCH set_aside_outlines"}
