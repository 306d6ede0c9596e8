"""The status page: what `radtme status` shows, in a browser, for users with the password only."""

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright
from pydicom.uid import JPEGBaseline8Bit, MRImageStorage
from rich.console import Console

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.service_health import read_health
from deploy.operations.status import read_status
from deploy.operations.status_text import show_status
from deploy.status_page.overview import Pages
from deploy.status_page.server import StatusPage
from listener.dicom.sender_character_sets import SenderCharacterSet
from listener.ledger.refused_contexts import RefusedContext, note_refused
from listener.ledger.set_aside_outlines import SetAside, set_aside
from listener.spool.job_notes import Hold
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool
from support.dicom_objects import image
from support.installation import RADTME
from support.processes import free_port, is_listening, start, stop, wait_until
from support.signs_of_life import signs_of_life
from support.spool_jobs import REJECTED, SCORED
from workers.targets.target import Target

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PACS = Target("pacs", "PACS", "192.0.2.10", 104)


@contextmanager
def serving(
    spool: Spool,
    password: str | None = None,
    min_free_bytes: int = 0,
    character_sets: tuple[SenderCharacterSet, ...] = (),
    **settings: Any,
) -> Iterator[int]:
    """Serve the page of a spool for the block, on the port that is yielded."""
    told = StatusPageSettings(port=0, **settings)
    pages = Pages(spool, spool.root.parent / "signatures", (PACS,), min_free_bytes, told, character_sets)
    page = StatusPage(told, pages, password)
    page.start()
    try:
        yield page.port
    finally:
        page.stop()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    """Return the answer and its body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_overview_says_what_needs_a_look_and_lists_every_case(full_spool: Spool) -> None:
    """Counts, problems in a sentence, each case with its reason, targets with their state."""
    with serving(full_spool) as port:
        answer, body = ask(port, "/")
    assert answer.status == 200
    for words in (
        "Needs attention:",
        "1 case failed; radtme status says why and what to do.",
        "Results for pacs wait: PACS@h:1 cannot be reached; radtme echo pacs says more.",
        "No signature is active: nothing is scored; radtme signature activate NAME makes one active.",
        "waiting: 2 of 5 instances missing",
        "score 0.710 (threshold 0.500)",
        "not scored: tumour_too_small: 63 voxels, the profile asks for 100",
        "failed: worker_killed: 3 workers died",
        "cannot_understand: other bytes",
        "PACS@192.0.2.10:104",
    ):
        assert words in body, words
    for job in full_spool.jobs():
        assert f'href="/cases/{job.id}"' in body


def test_open_cases_begin_with_what_needs_a_person(full_spool: Spool) -> None:
    """The order of `radtme status`: failed, then held, then what a target does not take, what waits, what is scored."""
    held = full_spool.find_job(job_id_for("1.1", 1))
    assert held is not None
    full_spool.change(held, hold=Hold("ann", datetime.now(UTC)))
    with serving(full_spool) as port:
        _, body = ask(port, "/")
    places = [body.index(f'href="/cases/{job_id_for(uid, 1)}"') for uid in ("1.6", "1.1", "1.4", "1.2", "1.3")]
    assert places == sorted(places)


def test_calm_says_so_and_a_full_disk_does_not(spool: Spool, put_job: Callable[..., Job]) -> None:
    """Nothing failed; then the same with less room than the listener asks for."""
    registry = spool.root.parent / "signatures"
    registry.mkdir()
    move = {"name": "research-1.0", "digest": "d", "when": "2026-01-02T03:04:05+00:00", "action": "activate"}
    (registry / "active.json").write_text(json.dumps({"active": "research-1.0", "history": [move]}))
    put_job("1.1", JobState.DONE, result=SCORED)
    with serving(spool) as port:
        assert "Nothing is running: no object is received" in ask(port, "/")[1]
        with signs_of_life(spool):
            assert "No problems." in ask(port, "/")[1]
    with serving(spool, min_free_bytes=1 << 62) as port:
        _, body = ask(port, "/")
        assert "objects are refused with 0xA700" in body
        assert '<dt>free on disk</dt><dd class="failed">' in body


def test_a_case_that_no_worker_begins_is_no_calm(spool: Spool, put_job: Callable[..., Job]) -> None:
    """A quarter of an hour, as the alert: the page and the command say so, and a job that a person holds does not."""
    job = put_job("1.1", JobState.READY)
    with serving(spool) as port:
        assert "No worker has begun" not in ask(port, "/")[1]  # ten minutes
    spool.change(job, readied=datetime.now(UTC) - timedelta(hours=3))
    words = "No worker has begun the oldest ready case for 3 h"
    with serving(spool) as port:
        assert words in ask(port, "/")[1]
    console = Console(file=io.StringIO(), width=120)
    show_status(console, read_status(spool), read_health(spool, 0, None), everything=False)
    assert words in console.file.getvalue()
    spool.change(job, hold=Hold("ann", datetime.now(UTC)))
    with serving(spool) as port:
        assert "No worker has begun" not in ask(port, "/")[1]


def test_case_shows_its_history_in_order(full_spool: Spool) -> None:
    """Every time that is written down, the deliveries, and what was measured."""
    with serving(full_spool) as port:
        _, body = ask(port, f"/cases/{job_id_for('1.4', 1)}")
    places = [body.index(f"</time>{name}<") for name in ("created", "ready", "started", "finished")]
    assert places == sorted(places)
    for words in ("PACS@h:1 cannot be reached", "12.35 mL", "research 1.0", "read 0.10 s", "grey levels: 9"):
        assert words in body, words


def test_it_runs_before_anything_ever_came(tmp_path: Path) -> None:
    """There is no spool folder yet: the page reports that, and creates none."""
    with serving(Spool(tmp_path / "spool")) as port:
        answer, body = ask(port, "/")
    assert answer.status == 200
    assert "There is no spool yet" in body
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    "path", ["/cases/0000000000000000-v1", "/cases/..%2f..", "/cases/../../etc/passwd", "/nothing"]
)
def test_what_is_not_there_is_said_to_be_missing(spool: Spool, path: str) -> None:
    """404 with a way back; no path leads out of the spool."""
    with serving(spool) as port:
        answer, body = ask(port, path)
    assert answer.status == 404
    assert 'href="/"' in body


def test_nothing_can_be_changed(spool: Spool) -> None:
    """Only GET and HEAD; nothing is run, framed, sent or kept by the browser."""
    with serving(spool) as port:
        assert {ask(port, "/", method)[0].status for method in ("POST", "PUT", "DELETE")} == {501}
        head, body = ask(port, "/", "HEAD")
        answer, _ = ask(port, "/")
    assert body == ""
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_password_keeps_everyone_else_out(spool: Spool) -> None:
    """Without it or with another one: 401 without data of a case; the health endpoint needs no password."""
    known = base64.b64encode(b"radtme:secret").decode()
    other = base64.b64encode(b"radtme:Secret").decode()
    with serving(spool, password="secret") as port:
        for path in ("/", "/status.json", "/style.css"):
            assert ask(port, path)[0].status == 401
            assert ask(port, path, Authorization=f"Basic {other}")[0].status == 401
            assert ask(port, path, Authorization=f"Basic {known}")[0].status == 200
        assert ask(port, "/healthz")[0].status == 200
        assert ask(port, "/")[0].headers["WWW-Authenticate"].startswith("Basic")


def test_patients_are_shown_only_where_that_was_switched_on(spool: Spool, put_job: Callable[..., Job]) -> None:
    """By default no page and no JSON holds a name or an id, though the objects do."""
    dataset = image(1)
    dataset.PatientName, dataset.PatientID = "Müller^<b>Änne", "P-4711"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    folder = spool.series_folder("1.2.3", "1.2.3.1")
    folder.mkdir(parents=True)
    dataset.save_as(folder / "1.2.3.1.1.dcm", enforce_file_format=True)
    job = put_job("1.5", JobState.DONE, result=REJECTED)
    paths = ("/", f"/cases/{job.id}", "/status.json")
    with serving(spool) as port:
        for path in paths:
            body = ask(port, path)[1]
            assert "ller" not in body
            assert "P-4711" not in body  # digits alone may be those of a size or a time
    with serving(spool, show_patients=True) as port:
        for path in paths[:2]:
            assert "Müller^&lt;b&gt;Änne</strong> (P-4711)" in ask(port, path)[1]


def test_a_name_without_character_set_is_never_shown_in_wrong_letters(
    spool: Spool, put_job: Callable[..., Job]
) -> None:
    """GBK bytes: the letters where the sender's character set is configured, else the escaped bytes."""
    dataset = image(1)
    dataset.PatientName, dataset.PatientID = "NNNN^NNNN", "P-4711"
    folder = spool.series_folder("1.2.3", "1.2.3.1")
    folder.mkdir(parents=True)
    path = folder / "1.2.3.1.1.dcm"
    dataset.save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"NNNN^NNNN", "王小^小东".encode("gbk")))
    put_job("1.5", JobState.DONE, result=REJECTED)
    with serving(spool, show_patients=True) as port:
        assert "\\xcd\\xf5\\xd0\\xa1^\\xd0\\xa1\\xb6\\xab</strong> (P-4711)" in ask(port, "/")[1]
    with serving(spool, character_sets=(SenderCharacterSet("GBK"),), show_patients=True) as port:
        assert "王小^小东</strong> (P-4711)" in ask(port, "/")[1]


def test_outlines_without_a_case_and_refused_offers_are_listed(spool: Spool) -> None:
    """A liver of a routing rule with its sender and study, our own results counted, what a sender cannot send."""
    for series in ("1.2.3.5", "1.2.3.6"):
        spool.series_folder("1.2.3", series).mkdir(parents=True)
    set_aside(
        spool.ledger, ("1.2.3", "1.2.3.5", "1.2.3.5.1"), SetAside.OTHER_IMAGES, "drawn on CT Image Storage", "ROUTER"
    )
    for number in range(3):
        set_aside(
            spool.ledger, ("1.2.3", "1.2.3.6", f"1.2.3.6.{number}"), SetAside.OWN_RESULT, "a result of radtme", "PACS"
        )
    note_refused(spool.ledger, RefusedContext("MODALITY", str(MRImageStorage), (str(JPEGBaseline8Bit),)))
    with serving(spool) as port:
        _, body = ask(port, "/")
        told = json.loads(ask(port, "/status.json")[1])
    for words in (
        "3 own result, 1 other images",
        "drawn on CT Image Storage from ROUTER",
        "MODALITY offers MR Image Storage",
        "lossy images are not measured, last",
    ):
        assert words in body, words
    assert "a result of radtme" not in body
    assert told["set_aside_reasons"] == {"own_result": 3, "other_images": 1}
    assert [one["context"]["calling_ae_title"] for one in told["refused_contexts"]] == ["MODALITY"]


def test_finished_cases_beyond_the_newest_are_counted(spool: Spool, put_job: Callable[..., Job]) -> None:
    """A page of a spool with thousands of cases stays readable, and reads only what it shows."""
    for number in range(12):
        put_job(f"1.{number}", JobState.DONE, result=SCORED)
    with serving(spool, newest=5) as port:
        _, body = ask(port, "/")
    assert body.count('href="/cases/') == 5
    assert "And 7 more" in body


def test_json_holds_the_same_for_scripts(full_spool: Spool) -> None:
    """States and counts, machine-readable."""
    with serving(full_spool) as port:
        answer, body = ask(port, "/status.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert {one["state"]: one["count"] for one in json.loads(body)["counts"]} == dict.fromkeys(JobState, 1)


def test_the_command_serves_it_until_it_is_stopped(full_spool: Spool, tmp_path: Path) -> None:
    """`radtme status-page` shows the spool of its configuration, and SIGTERM ends it."""
    port = free_port()
    file = tmp_path / "radtme.yaml"
    file.write_text(f"data: .\nstatus_page: {{port: {port}}}\n")
    process = start([*RADTME, "status-page", "--config", str(file)], tmp_path / "log")
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None, 240, "the status page")
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert json.loads(ask(port, "/status.json")[1])["counts"]
    finally:
        assert stop(process, seconds=240) == 0


def test_the_command_serves_nobody_on_the_network_without_a_password(
    full_spool: Spool, run_radtme: Callable[..., Any]
) -> None:
    """A host that is reachable from the network needs a password; the message names the setting."""
    ran = run_radtme("status-page", RADTME_STATUS_PAGE_HOST="0.0.0.0")  # noqa: S104 - refused
    assert ran.returncode == 2
    assert "status_page.password_file" in ran.stderr


@contextmanager
def browser(port: int, **options: Any) -> Iterator[Page]:
    """Open the first page in Chromium."""
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(**options)
        page.goto(f"http://127.0.0.1:{port}/")
        yield page
        chromium.close()


@pytest.mark.acceptance
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(full_spool: Spool, scheme: str) -> None:
    """Contrast, names, landmarks, headings, tables: the rules of axe-core (WCAG), in light and dark."""
    with serving(full_spool) as port, browser(port, color_scheme=scheme) as page:
        for path in ("/", f"/cases/{job_id_for('1.4', 1)}", "/nothing"):
            page.goto(f"http://127.0.0.1:{port}{path}")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert len(found.response["passes"]) > 10


@pytest.mark.acceptance
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_keyboard_alone_reaches_a_case_and_the_page_fits_a_telephone(full_spool: Spool, tmp_path: Path) -> None:
    """Tab goes to the skip link, then to each case; Enter opens it. Nothing scrolls sideways on a narrow screen."""
    with serving(full_spool) as port, browser(port, viewport={"width": 390, "height": 800}) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        for _ in range(20):
            page.keyboard.press("Tab")
            if "/cases/" in (page.evaluate("document.activeElement.getAttribute('href')") or ""):
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/cases/*")
        assert "History" in page.inner_text("main")
        for path in ("/", page.url.partition(str(port))[2]):
            page.goto(f"http://127.0.0.1:{port}{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        page.screenshot(path=tmp_path / "narrow.png", full_page=True)
        page.set_viewport_size({"width": 1200, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        page.screenshot(path=tmp_path / "overview.png", full_page=True)
        assert page.evaluate("getComputedStyle(document.querySelector('.say.bad')).borderLeftStyle") == "solid"
