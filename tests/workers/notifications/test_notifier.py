"""The outcome of a case reaches the configured URL once it is available, without patient data."""

import json
import os
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from listener.tls.contexts import server_context
from support.certificates import Authority, secret_file
from support.processes import free_port
from support.records import facts_of, job_record
from support.spool_jobs import REJECTED, SCORED
from support.web_server import Handler, web_server
from workers.notifications.body import UnusableTemplate, WebhookBody
from workers.notifications.event import note_outcome, notifications_folder
from workers.notifications.notifier import Notifier, WebhookOutcome, pending
from workers.settings import CaseOutcome, WebhookSettings, WorkerSettings

AT = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


def put_job(spool: Spool, number: int = 0, result: dict[str, Any] = SCORED) -> Job:
    """Put a job with a result into the spool."""
    job = spool.create_job(job_record(f"{number:016x}-v1"), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert job is not None
    (job.folder / "result.json").write_text(json.dumps(result))
    return job


def settings_of(spool: Spool, url: str, **more: Any) -> WorkerSettings:
    """Return workers' settings with a webhook and short waits."""
    webhook = WebhookSettings(url, **{"timeout_seconds": 60.0, **more})
    return WorkerSettings(spool.root, spool.root, first_retry_seconds=0.01, last_retry_seconds=0.04, webhook=webhook)


class Told:
    """A notifier without its thread, and what it counted."""

    def __init__(self, spool: Spool, settings: WorkerSettings) -> None:
        self.counts: Counter[WebhookOutcome] = Counter()
        self._folder = notifications_folder(spool)
        self._notifier = Notifier(spool, settings, lambda telling: self.counts.update([telling]))

    def scan(self) -> float:
        """Send the events that are due."""
        return self._notifier.scan()

    def until_nothing_waits(self, seconds: float = 60) -> None:
        """Scan until every event was sent or given up."""
        end = time.monotonic() + seconds
        while pending(self._folder):
            assert time.monotonic() < end, "not told"
            time.sleep(min(self.scan(), 0.02))


def note(spool: Spool, settings: WorkerSettings, *numbers: int) -> None:
    """Write down that these cases were scored."""
    for number in numbers:
        note_outcome(spool, put_job(spool, number), CaseOutcome.SCORED, AT, settings)


def answering(*statuses: int) -> Any:
    """Return a behaviour that answers with these statuses in turn, and with the last one from then on."""
    left = list(statuses)
    return lambda handler: handler.answer(left.pop(0) if len(left) > 1 else left[0])


def test_an_event_holds_a_closed_list_of_fields_without_patient_and_uid(spool: Spool) -> None:
    """Ids, outcome, reason, signature and times; UIDs only where they were asked for."""
    fields = {
        *("event_id", "outcome", "reason", "at", "job_id", "version", "replaces", "signature_id", "signature_version"),
        *("is_certain", "created", "readied", "finished", "self_test"),
    }
    with web_server(answering(204)) as server:
        settings = settings_of(spool, server.url)
        job = put_job(spool, 1, REJECTED)
        note_outcome(spool, job, CaseOutcome.NOT_SCORED, AT, settings, "tumour_too_small")
        Told(spool, settings).until_nothing_waits()
        with_uids = settings_of(spool, server.url, include_uids=True)
        note_outcome(spool, job, CaseOutcome.DELIVERED, AT, with_uids)
        Told(spool, with_uids).until_nothing_waits()
    (method, path, headers, body), second = server.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/dicom-web", "application/json")
    told = json.loads(body)
    assert set(told) == fields
    assert (told["outcome"], told["reason"], told["job_id"]) == ("not_scored", "tumour_too_small", job.id)
    assert headers["Idempotency-Key"] == told["event_id"]
    assert b"1.2.3" not in body
    assert set(json.loads(second[3])) == fields | {"study_uid", "seg_sop_instance_uid"}


def test_an_outcome_that_is_not_listed_writes_no_event(spool: Spool) -> None:
    """Neither without a webhook nor for an outcome that is not listed a file is written."""
    job = put_job(spool)
    note_outcome(spool, job, CaseOutcome.SCORED, AT, WorkerSettings(spool.root, spool.root))
    note_outcome(
        spool, job, CaseOutcome.SCORED, AT, settings_of(spool, "http://127.0.0.1:1", outcomes=(CaseOutcome.FAILED,))
    )
    assert pending(notifications_folder(spool)) == []


def test_errors_are_tried_again_and_then_told_once(spool: Spool) -> None:
    """500, 503 and 429 postpone one event; the others are sent; each is accepted once, and no file remains."""
    with web_server(answering(500, 503, 429, 200)) as server:
        settings = settings_of(spool, server.url)
        note(spool, settings, 1, 2)
        told = Told(spool, settings)
        told.until_nothing_waits()
    assert told.counts == {WebhookOutcome.ERROR: 3, WebhookOutcome.SENT: 2}
    taken = [json.loads(body)["job_id"] for *_, body in server.requests][3:]
    assert sorted(taken) == [f"{number:016x}-v1" for number in (1, 2)]


def test_an_unreachable_receiver_is_tried_once_a_round_with_longer_waits(spool: Spool) -> None:
    """While nothing listens, the first one alone is tried, the waits grow to their cap, and all of it stays."""
    settings = settings_of(spool, f"http://127.0.0.1:{free_port()}/hook")
    note(spool, settings, 1, 2, 3)
    told = Told(spool, settings)
    waits = []
    while len(waits) < 5:
        wait = told.scan()
        if told.counts[WebhookOutcome.NO_ANSWER] > len(waits):
            waits.append(wait)
        time.sleep(0.02)
    assert told.counts == {WebhookOutcome.NO_ANSWER: 5}
    assert waits[0] <= 0.012
    assert 0.032 <= waits[-1] <= 0.048
    assert len(pending(notifications_folder(spool))) == 3


def test_a_server_that_does_not_answer_is_left_after_the_timeout(spool: Spool) -> None:
    """It accepts and does not answer: the event is sent again, until there is an answer."""
    silent = [True]

    def behave(handler: Handler) -> None:
        if silent[0]:
            time.sleep(1.5)
        else:
            handler.answer(200)

    with web_server(behave) as server:
        settings = settings_of(spool, server.url, timeout_seconds=0.3)
        note(spool, settings, 1)
        told = Told(spool, settings)
        told.scan()
        assert told.counts == {WebhookOutcome.NO_ANSWER: 1}
        silent[0] = False
        told.until_nothing_waits()
    assert told.counts[WebhookOutcome.SENT] == 1


def test_a_refusal_holds_back_no_other(spool: Spool) -> None:
    """4xx concerns this one event: it is not sent again, the next one is."""
    with web_server(answering(404, 200)) as server:
        settings = settings_of(spool, server.url)
        note(spool, settings, 1, 2)
        told = Told(spool, settings)
        told.scan()
    assert told.counts == {WebhookOutcome.REFUSED: 1, WebhookOutcome.SENT: 1}
    assert pending(notifications_folder(spool)) == []


def test_a_redirect_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    """Only the URL that was configured is asked: elsewhere goes neither the secret nor the event."""
    secret = secret_file(tmp_path / "secret", "open sesame")
    with web_server(answering(200)) as elsewhere:
        with web_server(lambda handler: handler.answer(307, Location=elsewhere.url)) as server:
            settings = settings_of(spool, server.url, secret_file=secret)
            note(spool, settings, 1)
            told = Told(spool, settings)
            told.scan()
        assert elsewhere.requests == []
    assert told.counts == {WebhookOutcome.REFUSED: 1}
    assert server.requests[0][2]["X-Radtme-Secret"] == "open sesame"


def test_an_event_that_could_not_be_sent_for_too_long_is_given_up(spool: Spool) -> None:
    """After `give_up_hours` it is counted and gone: the spool does not fill up."""
    settings = settings_of(spool, f"http://127.0.0.1:{free_port()}/hook", give_up_hours=1)
    note(spool, settings, 1)
    (path,) = pending(notifications_folder(spool))
    old = time.time() - 3700
    os.utime(path, (old, old))
    told = Told(spool, settings)
    told.scan()
    assert told.counts == {WebhookOutcome.GIVEN_UP: 1}
    assert pending(notifications_folder(spool)) == []


def test_https_trusts_the_named_authority_alone(spool: Spool, tmp_path: Path) -> None:
    """A certificate of another authority is an error; with the right CA file the event is sent."""
    right, wrong = Authority(tmp_path / "right"), Authority(tmp_path / "wrong", "Other CA")
    server_tls = right.issue("server").server(ask=False)
    with web_server(answering(200), server_context(server_tls)) as server:
        for authority, expected in ((wrong, WebhookOutcome.NO_ANSWER), (right, WebhookOutcome.SENT)):
            settings = settings_of(spool, server.url, tls=authority.issue("client").client())
            if not pending(notifications_folder(spool)):
                note(spool, settings, 1)
            told = Told(spool, settings)
            told.scan()
            assert told.counts == {expected: 1}
    assert len(server.requests) == 1


def test_a_secret_that_cannot_be_read_keeps_the_event(spool: Spool, tmp_path: Path) -> None:
    """The file is read anew for each request: once it is there, the event goes."""
    with web_server(answering(200)) as server:
        settings = settings_of(spool, server.url, secret_file=tmp_path / "later", secret_header="Authorization")
        note(spool, settings, 1)
        told = Told(spool, settings)
        told.scan()
        assert server.requests == []
        secret_file(tmp_path / "later", "Bearer abc")
        told.until_nothing_waits()
    assert server.requests[0][2]["Authorization"] == "Bearer abc"


def test_a_template_makes_the_body_of_a_site(spool: Spool, tmp_path: Path) -> None:
    """What many chat programs take: one text."""
    template = tmp_path / "body.jinja"
    template.write_text(
        '{"text": {{ ("radtme: " ~ job_id ~ " " ~ outcome ~ (" (" ~ reason ~ ")" if reason else ""))|tojson }}}'
    )
    with web_server(answering(200)) as server:
        settings = settings_of(spool, server.url, template=template)
        note(spool, settings, 1)
        Told(spool, settings).until_nothing_waits()
    assert json.loads(server.requests[0][3]) == {"text": "radtme: 0000000000000001-v1 scored"}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ outcome", "no Jinja template"),
        ('{"text": {{ patient_name|tojson }}}', "it uses patient_name, which is not a field of an event"),
        ('{"text": {{ study_uid|tojson }}}', "it uses study_uid, which is not a field of an event"),
        ('{"text": "{{ reason.upper() }}"}', "has no attribute 'upper'"),
        ("told: {{ outcome }}", "no JSON"),
        ('{"text": {{ "".__class__.__mro__|string|tojson }}}', "unsafe"),
    ],
)
def test_a_template_that_cannot_work_is_told_before_the_first_case(tmp_path: Path, template: str, words: str) -> None:
    """Invalid Jinja, an unknown field, an error where a reason is absent, or a result that is not JSON."""
    file = tmp_path / "body.jinja"
    file.write_text(template)
    with pytest.raises(UnusableTemplate, match=words):
        WebhookBody(WebhookSettings("https://127.0.0.1", template=file))


def test_the_same_event_has_the_same_id(spool: Spool) -> None:
    """Written again after a kill it is the same file: the receiver can tell a repetition."""
    settings = settings_of(spool, "http://127.0.0.1:1")
    job = put_job(spool)
    for _ in range(2):
        note_outcome(spool, job, CaseOutcome.SCORED, AT, settings)
    note_outcome(spool, job, CaseOutcome.DELIVERED, AT, settings)
    assert len(pending(notifications_folder(spool))) == 2


def test_a_full_disk_loses_the_event_and_not_the_case(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    """No error reaches the processing of the case."""
    notifications_folder(spool).write_text("no folder")
    note_outcome(spool, put_job(spool), CaseOutcome.SCORED, AT, settings_of(spool, "http://127.0.0.1:1"))


def test_a_damaged_file_is_given_up(spool: Spool) -> None:
    """A truncated file is not sent and does not delay others."""
    with web_server(answering(200)) as server:
        settings = settings_of(spool, server.url)
        note(spool, settings, 1)
        (notifications_folder(spool) / "half.json").write_text('{"event_id": ')
        told = Told(spool, settings)
        told.scan()
    assert told.counts == {WebhookOutcome.SENT: 1, WebhookOutcome.REFUSED: 1}
    assert pending(notifications_folder(spool)) == []


def test_no_process_is_forked_while_a_metric_is_updated(spool: Spool) -> None:
    """A pool process that is forked while a metric is updated inherits no held lock."""
    counting = threading.Event()
    of_metrics = threading.Lock()

    def count(telling: WebhookOutcome) -> None:
        with of_metrics:
            counting.set()
            time.sleep(0.5)

    with web_server(answering(200)) as server:
        settings = settings_of(spool, server.url)
        note(spool, settings, 1)
        notifier = Notifier(spool, settings, count)
        notifier.start()
        assert counting.wait(60)
        child = os.fork()
        if child == 0:
            os._exit(0 if of_metrics.acquire(timeout=60) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        notifier.stop()
