"""The search of the status page: fields, pages, and what cannot be understood."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from deploy.configuration.sections import StatusPageSettings
from deploy.status_page import overview
from deploy.status_page.overview import Pages
from deploy.status_page.server import StatusPage
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.records import facts_of, job_record
from support.spool_jobs import delivery
from workers.targets.target import Target

CASE = re.compile(r'<a href="/cases/([a-z0-9]{16}-v1)">')
OLDER = re.compile(r'<a rel="next" href="/cases\?([^"]*)">')


class Browser:
    """Asks the page."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, query: str = "", **fields: str) -> tuple[int, str]:
        """Return status and content of a search."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", f"/cases?{query or urlencode(fields)}")
        response = connection.getresponse()
        return response.status, response.read().decode()

    def found(self, **fields: str) -> list[str]:
        """Return the ids of the cases of the first page of a search."""
        status, content = self.get(**fields)
        assert status == 200
        return CASE.findall(content)


@pytest.fixture
def browser(spool: Spool) -> Iterator[Browser]:
    """Return what asks the page of a spool."""
    settings = StatusPageSettings(port=0)
    targets = (Target("pacs", "PACS", "192.0.2.10", 104),)
    page = StatusPage(settings, Pages(spool, spool.root / "signatures", targets, 0, settings), None)
    page.start()
    yield Browser(page.port)
    page.stop()


def put(spool: Spool, number: int, state: JobState = JobState.DONE, **facts: object) -> str:
    """Put a case into the ledger; return its id."""
    record = job_record(job_id_for(f"1.2.{number}", 1), study_uid=f"1.2.{number}")
    given = {} if "outcome" in facts else facts_of(state)
    assert spool.create_job(record, state, **given | facts)
    return record.job_id


def test_each_field_chooses_cases(spool: Spool, browser: Browser, put_job) -> None:
    """By study, by case, by state, by reason, by score; several fields have to fit all."""
    scored = put(spool, 1, score=0.71, outcome="scored")
    refused = put(spool, 2, reason="missing_instances", outcome="not_scored")
    failed = put(spool, 3, JobState.FAILED, reason="worker_killed")
    assert set(browser.found()) == {scored, refused, failed}
    assert browser.found(case="1.2.2") == browser.found(case=refused) == [refused]
    assert browser.found(state="failed") == browser.found(reason="worker_killed") == [failed]
    assert browser.found(lowest="0.7") == browser.found(highest="0.8") == [scored]
    assert browser.found(lowest="0.8") == browser.found(state="failed", reason="missing_instances") == []
    assert set(browser.found(since="1h")) == {scored, refused, failed}
    assert browser.found(since="2100-01-01") == []
    waits = put_job("1.9", JobState.DELIVERING, delivery__pacs=delivery("pacs", "retry", last_error="no answer"))
    assert browser.found(target="pacs") == [waits.id]
    assert "No case fits" in browser.get(case="9.9")[1]


def test_pages_show_every_case_once(spool: Spool, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that come while a person reads; what is entered stays from page to page."""
    monkeypatch.setattr(overview, "CASES_A_PAGE", 3)
    made = [put(spool, number, reason="x") for number in range(7)]
    put(spool, 100, reason="other")
    status, content = browser.get(reason="x")
    seen = CASE.findall(content)
    while older := OLDER.search(content):
        put(spool, 1000 + len(seen), reason="x")
        status, content = browser.get(older[1].replace("&amp;", "&"))
        assert status == 200
        assert 'name="reason" value="x"' in content
        seen += CASE.findall(content)
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("since", "yesterday", "expected a time such as"),
        ("state", "lost", "expected one of waiting, ready"),
        ("lowest", "<b>", "expected a number from 0 to 1"),
        ("highest", "7", "expected a number from 0 to 1"),
        ("before", "x~y", "search again"),
    ],
)
def test_what_cannot_be_understood_is_said(field: str, value: str, says: str, spool: Spool, browser: Browser) -> None:
    """With what was entered, as it was, and no case beside it."""
    put(spool, 1)
    status, content = browser.get(**{field: value})
    assert status == 400
    assert says in content
    assert "<b>" not in content
    assert not CASE.findall(content)


def test_a_search_without_a_spool(tmp_path: Path) -> None:
    """Nothing ever ran: no case fits, and no ledger is made."""
    settings = StatusPageSettings(port=0)
    page = StatusPage(settings, Pages(Spool(tmp_path / "none"), tmp_path, (), 0, settings), None)
    page.start()
    try:
        assert Browser(page.port).found() == []
    finally:
        page.stop()
    assert not (tmp_path / "none").exists()
