"""Problems with received objects: alert, status, doctor and status page each report them."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from listener.spool.study_rows import arrivals_in, note_studies
from support.bad_day import NOTICED_SECONDS, BadDay, bad_day
from support.dicom_objects import image
from support.processes import free_port, is_listening, wait_until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
]
DAYS = 4


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadDay]:
    """Redis, a listener, Prometheus and a status page."""
    with bad_day(tmp_path_factory.mktemp("intake"), "listener") as one:
        yield one


def test_strangers_a_second_object_under_a_uid_and_a_study_without_outline(day: BadDay) -> None:
    """Alerts fire at the first of them; status, page and quarantine list name them."""
    assert [day.store(image(1), calling="STRANGER") for _ in range(7)] == [None] * 7
    assert day.store(image(1)) == [0x0000]
    other = image(1)
    other.PatientID = "another"
    assert day.store(other) == [0x0111]
    day.fires("RadtmePeersRejected", reason="calling_ae_title")
    day.fires("RadtmeQuarantineGrows")
    said = day.status()
    assert f"study {image(1).StudyInstanceUID}  1 instance" in said
    assert "without an outline (1)" in said
    assert "quarantine (1)" in said
    assert "MRI1, " in day.radtme("quarantine", "list")
    page = day.whole_page()
    assert str(image(1).StudyInstanceUID) in page
    assert '<dt>in quarantine</dt><dd class="failed">1</dd>' in page


def test_a_full_disk(day: BadDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert fires at the first refused object; status, doctor and page name the disk."""
    enough = "RADTME_LISTENER_MIN_FREE_BYTES"
    day.stack.stop("listener")
    monkeypatch.setenv(enough, str(1 << 60))
    day.stack.start("listener", ready=False)
    accepts = "the listener accepts"
    wait_until(lambda: is_listening(day.stack.dicom_port) or day.stack.has_ended("listener"), NOTICED_SECONDS, accepts)
    zero = 'radtme_objects_received_total{outcome="out_of_resources", sop_class="mr"}'
    wait_until(lambda: bool(day.stack.query(f"{zero} and on () up{{job='radtme-listener'}} == 1")), 60, "a scrape")
    assert day.store(image(2)) == [0xA700]
    day.fires("RadtmeRefusingObjects")
    assert "The disk is full: " in day.status()
    assert "objects are refused below" in day.doctor()
    # The page of the other tests was started with enough disk.
    monkeypatch.setattr(day, "page_port", free_port())
    with day.serving_its_page():
        assert "The disk is full: " in day.page()
    monkeypatch.delenv(enough)
    day.stack.stop("listener")
    day.stack.start("listener")


def test_nothing_came_for_days_and_the_listener_was_restarted_meanwhile(day: BadDay) -> None:
    """The time counts from the newest object in the spool, and a new object ends the alert."""
    assert "RadtmeNothingReceived" not in day.stack.firing()
    day.stack.stop("listener")
    before = time.time() - DAYS * 86400
    spool = day.stack.spool
    for series in spool.studies.glob("*/*"):
        os.utime(series, (before, before))
    note_studies(spool.ledger, [found for study in spool.studies.iterdir() if (found := arrivals_in(study))])
    day.stack.start("listener")
    day.fires("RadtmeNothingReceived")
    day.says_everywhere(f"No object was received for {DAYS} days; look for rejected associations (radtme audit)")
    assert f"no object was received for {DAYS} days" in day.radtme("doctor")
    assert day.store(image(3)) == [0x0000]
    wait_until(lambda: "RadtmeNothingReceived" not in day.stack.firing(), NOTICED_SECONDS, "the alert clears")
    # The metrics know of an object at once, the ledger, which the page reads, when the listener notes its study.
    wait_until(lambda: "No object was received" not in day.page(), NOTICED_SECONDS, "the page clears")
