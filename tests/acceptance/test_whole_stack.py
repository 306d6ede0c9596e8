"""The whole stack as compose starts it, with an outage of the PACS: cases, dashboards, alerts, metrics."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from deploy.grafana import build
from deploy.simulation.phantom import write_phantom
from listener.spool.atomic_files import read_json
from listener.spool.jobs import JobState, job_id_for
from support.broken_studies import SMALL, break_study
from support.installation import send
from support.pacs import Orthanc, orthanc
from support.panel_pictures import Answer, draw_dashboard
from support.processes import wait_until
from support.reader_documents import rejection_note
from support.spool_jobs import outcome_facts
from support.whole_stack import WholeStack
from workers.metrics.recent_cases import MIN_CASES

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

GOOD = 10
BROKEN = ("empty_segmentation", "missing_instance", "tumour_too_small", "no_tumour_segment", "constant_pixels")
SENDERS = ("MRI1", "MRI2")
OBJECTS_PER_CASE = 4
DEADLINE_SECONDS = 25
ASKS_PROMETHEUS = sorted(path for path in build.FOLDER.glob("*.json") if '"expr"' in path.read_text())
"""The other dashboard asks the ledger."""
AWAY = {"RadtmePartDown", "RadtmeTargetUnreachable"}
"""Alerts that must fire while a worker and the PACS are down."""


class Day:
    """What was sent, and its outcome."""

    def __init__(self, stack: WholeStack, pacs: Orthanc, good: list[str], broken: dict[str, str]) -> None:
        self.stack = stack
        self.pacs = pacs
        self.good = good
        """Job ids of the studies that can be scored."""
        self.broken = broken
        """Reason by job id of those that cannot."""
        self.fired: set[str] = set()
        self.cleared: set[str] = set()

    def in_pacs(self) -> int:
        """Return how many objects the PACS holds."""
        return int(json.loads(self.pacs.get("/statistics", "application/json"))["CountInstances"])


def job_of(seg_path: Path) -> str:
    """Return the id of the job that an outline makes."""
    return job_id_for(dcmread(seg_path, stop_before_pixels=True).SOPInstanceUID, 1)


def study_folders(folder: Path) -> tuple[list[Path], list[str], dict[str, str]]:
    """Write the studies; return their folders, the jobs of the good ones, and the reasons of the others."""
    folders, good, broken = [], [], {}
    for number in range(GOOD):
        folders.append(folder / f"good{number}")
        immune = ("inflamed", "desert")[number % 2]
        good.append(job_of(write_phantom(folders[-1], 100 + number, immune=immune, **SMALL).seg_path))
    for number, way in enumerate(BROKEN):
        folders.append(folder / way)
        study = break_study(folders[-1], way, 200 + number)
        broken[job_id_for(study.seg_uid, 1)] = study.reason
    return folders, good, broken


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Run the day: half the studies, the PACS and a worker go away, the other half, both come back, all is settled."""
    folder = tmp_path_factory.mktemp("day")
    folders, good, broken = study_folders(folder / "studies")
    with ExitStack() as running:
        pacs = running.enter_context(orthanc(folder / "pacs"))
        target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        stack = WholeStack(
            folder / "stack",
            [{**target, "timeout_seconds": 10}],
            settle_seconds=0.5,
            settle_unreferenced_seconds=1.5,
            deadline_seconds=DEADLINE_SECONDS,
            sweep_seconds=0.5,
            min_free_bytes=0,
            assessments={},
            peers=[{"ae_title": title, "addresses": ["127.0.0.0/8"]} for title in SENDERS],
        )
        running.enter_context(stack)
        one = Day(stack, pacs, good, broken)
        half = GOOD // 2
        for number, study in enumerate(folders[:half]):
            send(stack.dicom_port, study, calling=SENDERS[number % 2])
        stack.wait_for_jobs(half, 300)
        with pytest.raises(AssertionError, match="Association Rejected"):
            send(stack.dicom_port, folders[0], calling="NOBODY")
        with pacs.away():
            stack.stop("compute-2")
            for number, study in enumerate(folders[half:]):
                send(stack.dicom_port, study, calling=SENDERS[number % 2])
            wait_until(lambda: stack.firing() >= AWAY, 240, "what is away is noticed")
            one.fired = stack.firing()
        stack.start("compute-2")
        stack.wait_for_jobs(GOOD + len(BROKEN), 600)
        wait_until(lambda: not stack.firing() & AWAY, 120, "the alerts cleared")
        one.cleared = one.fired - stack.firing()
        yield one


def test_every_case_is_in_its_right_final_state(day: Day) -> None:
    """Scored where it can be, not scored with the right reason where not; none failed, none is missing."""
    jobs = {job.id: job for job in day.stack.jobs()}
    assert jobs.keys() == {*day.good, *day.broken}
    assert {job.state for job in jobs.values()} == {JobState.DONE}
    outcomes = {name: read_json(job.folder / "result.json") for name, job in jobs.items()}
    assert {outcomes[name]["outcome"] for name in day.good} == {"scored"}
    assert {name: (outcomes[name].get("rejection") or {}).get("reason") for name in day.broken} == day.broken


def test_numbers_in_prometheus_are_those_of_the_pacs(day: Day) -> None:
    """Objects and cases: the counters equal what the PACS holds; two senders, each with its own count."""
    stack = day.stack
    stored = {"": float(day.in_pacs())}
    wait_until(lambda: stack.counted('radtme_objects_sent_total{answer="taken"}') == stored, 60, "the last scrape")
    cases = {"scored": GOOD, "not_scored": len(BROKEN)}
    wait_until(lambda: stack.counted("radtme_cases_total", "outcome") == cases, 60, f"{cases} in Prometheus")
    assert stack.counted("radtme_cases_not_scored_total", "reason") == Counter(day.broken.values())
    received = stack.counted('radtme_peer_objects_total{outcome="new"}', "calling_ae_title")
    assert received.keys() == set(SENDERS)
    assert sum(received.values()) == sum(1 for _ in stack.spool.studies.glob("*/*/*.dcm"))
    done = GOOD + len(BROKEN)
    wait_until(lambda: stack.value('max(radtme_jobs{state="done"})') == done, 60, f"{done} jobs that are done")


def test_the_right_alerts_fired_and_cleared(day: Day) -> None:
    """The worker and the PACS that were away, and no failed job, no full disk, no lost Redis."""
    assert day.fired >= AWAY
    assert day.cleared >= AWAY
    assert not day.fired & {"RadtmeJobFailed", "RadtmeRedisDown", "RadtmeRefusingObjects", "RadtmeSignatureUnusable"}


def answers(stack: WholeStack, panel: dict[str, Any]) -> list[Answer]:
    """Ask what the panel asks."""
    return [Answer(target.get("legendFormat", ""), stack.history(target["expr"], 300)) for target in panel["targets"]]


@pytest.fixture(scope="module")
def month(day: Day, tmp_path_factory: pytest.TempPathFactory) -> WholeStack:
    """Return the stack after a month: as many cases as a stability index is given for, one rejected by its reader."""
    done = [job for job in day.stack.jobs() if job.id in day.good]
    for number, job in enumerate(done * (MIN_CASES // GOOD)):
        another = f"{number:016x}-v1"
        shutil.copytree(job.folder, job.folder.with_name(another))
        facts = outcome_facts(read_json(job.folder / "result.json"))
        assert day.stack.spool.create_job(replace(job.record, job_id=another), JobState.DONE, **facts)
    results = [dcmread(path) for path in sorted((done[0].folder / "objects").glob("*.dcm"))]
    send(
        day.stack.dicom_port, rejection_note(results, tmp_path_factory.mktemp("note") / "note.dcm"), calling=SENDERS[0]
    )
    wait_until(lambda: day.stack.query("radtme_feature_stability_index"), 60, "the older cases are scraped")
    return day.stack


@pytest.mark.parametrize("path", ASKS_PROMETHEUS, ids=lambda path: path.stem)
def test_every_panel_returns_data(month: WholeStack, path: Path, tmp_path: Path) -> None:
    """No query of a dashboard is empty after such a day; a picture of each dashboard is kept for inspection."""
    dashboard = json.loads(path.read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    answered = [(panel, answers(month, panel)) for panel in panels]
    picture = Path(os.environ.get("RADTME_PICTURES", tmp_path)) / f"{path.stem}.png"
    draw_dashboard(picture, dashboard["title"], answered)
    assert picture.stat().st_size > 10_000
    empty = [
        f"{panel['title']}: {target['expr']}"
        for panel, found in answered
        for target, answer in zip(panel["targets"], found, strict=True)
        if not answer.series
    ]
    assert empty == []
