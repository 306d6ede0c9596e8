"""Pairing against a simple model: outlines, images and time in any order, with restarts and jobs that others take."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from listener.pairing import pairer as pairer_module
from listener.pairing.pairer import Pairer
from listener.pairing.segmentation_references import outline_of
from listener.settings import ListenerSettings
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json
from listener.spool.spool import Kept, Spool
from support.dicom_objects import IMAGES, STUDY, file_bytes, image, image_uid, outline, outline_uid
from support.records import facts_of

EXAMPLES = int(os.environ.get("RADTME_PAIRING_EXAMPLES", "20"))
"""More of them for a longer run."""
SETTLE, DEADLINE = 2.0, 60.0
SERIES = (IMAGES, f"{IMAGES}7")
OUTLINES = {1: (0, (1, 2)), 2: (0, (2, 3, 4)), 3: (1, (1,))}
"""What each outline was drawn on: which series, which of its images."""


class Pairing(RuleBasedStateMachine):
    """One spool, two series, three outlines."""

    @initialize()
    def begin(self) -> None:
        """Start on an empty spool, with a clock that only this test turns."""
        self.folder = tempfile.TemporaryDirectory()
        self.spool = Spool(Path(self.folder.name) / "spool")
        self.spool.prepare()
        self.now = 1000.0
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(pairer_module.time, "monotonic", lambda: self.now)
        self.announced: list[str] = []
        self.images: dict[int, set[int]] = {0: set(), 1: set()}
        self.outlines: set[int] = set()
        self.waited: dict[int, float] = {}
        """How long the model has seen an outline wait in turns of one process."""
        self.contents: dict[str, dict[str, Any]] = {}
        self.restart()

    def teardown(self) -> None:
        """When all has come and settled, the last version of each outline that no other corrected holds everything."""
        if not hasattr(self, "patch"):
            return
        for series in self.images:
            for number in range(1, 6):
                self.image_comes(series, number)
        for number in OUTLINES:
            self.outline_comes(number)
        for _ in range(3):
            self.time_passes(SETTLE)
        replaced = {one["replaces"] for number in OUTLINES for one in self.versions(number)}
        for number, (series, _) in OUTLINES.items():
            last = self.versions(number)[-1]
            if last["job_id"] in replaced:  # another outline of the series has corrected it
                continue
            assert last["instances"] == {SERIES[series]: sorted(image_uid(one, SERIES[series]) for one in range(1, 6))}
            assert last["not_complete"] is None
        assert not list(self.spool.jobs(JobState.WAITING))
        self.patch.undo()
        self.folder.cleanup()

    # What may happen --------------------------------------------------------------------------------------------------

    @rule(series=st.integers(0, 1), number=st.integers(1, 5))
    def image_comes(self, series: int, number: int) -> None:
        """An image comes, for the first time or again."""
        kept = self.keep(image(number, series=SERIES[series]))
        assert kept is (Kept.DUPLICATE if number in self.images[series] else Kept.NEW)
        self.images[series].add(number)
        self.pairer.image_kept(STUDY)

    @rule(number=st.sampled_from(sorted(OUTLINES)))
    def outline_comes(self, number: int) -> None:
        """An outline comes, for the first time or again."""
        series, drawn_on = OUTLINES[number]
        one = outline(drawn_on, number=number, image_series=SERIES[series])
        self.keep(one)
        self.pairer.outline_kept(outline_of(one), "SENDER")
        self.outlines.add(number)

    @rule(seconds=st.sampled_from([0.0, 0.5, SETTLE, SETTLE, 10.0, DEADLINE / 2, DEADLINE]))
    def time_passes(self, seconds: float) -> None:
        """Scan, let time pass, scan again."""
        self.pairer.scan()
        self.now += seconds
        self.pairer.scan()
        self.held_to_the_model(seconds)

    @rule()
    def restart(self) -> None:
        """The listener is killed and restarted, or another one takes over."""
        self.pairer = Pairer(
            self.spool,
            ListenerSettings(
                spool=self.spool.root,
                settle_seconds=SETTLE,
                settle_unreferenced_seconds=SETTLE,
                deadline_seconds=DEADLINE,
            ),
            self.announced.append,
        )
        self.pairer.reconcile()
        self.waited.clear()

    @rule(state=st.sampled_from([JobState.RUNNING, JobState.DONE, JobState.FAILED]))
    def worker_takes_a_job(self, state: JobState) -> None:
        """The first ready job moves on."""
        for job in list(self.spool.jobs(JobState.READY))[:1]:
            assert self.spool.move(job, state, **facts_of(state))

    # The model --------------------------------------------------------------------------------------------------------

    def keep(self, one: Any) -> Kept:
        """Do what the receive path does."""
        part = self.spool.receiving / "part"
        part.write_bytes(file_bytes(one))
        kept = self.spool.keep(part, one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
        part.unlink(missing_ok=True)
        return kept

    def jobs_of(self, number: int) -> list[Job]:
        """Return the jobs of an outline, by version."""
        jobs = [job for job in self.spool.jobs() if job.record.seg.sop_instance_uid == outline_uid(number)]
        return sorted(jobs, key=lambda job: job.record.version)

    def versions(self, number: int) -> list[dict[str, Any]]:
        """Return what they say."""
        return [as_json(job.record) for job in self.jobs_of(number)]

    def is_complete(self, number: int) -> bool:
        """Tell whether all that an outline names has come."""
        series, drawn_on = OUTLINES[number]
        return set(drawn_on) <= self.images[series]

    def held_to_the_model(self, seconds: float) -> None:
        """After a turn: no longer waiting than allowed, and no shorter."""
        for number in self.outlines:
            [first, *_] = self.jobs_of(number)
            is_waiting = first.state is JobState.WAITING
            self.waited[number] = self.waited.get(number, 0.0) + seconds
            if self.is_complete(number) and seconds >= SETTLE:
                assert not is_waiting, "everything is there, and quiet"
            if self.waited[number] >= DEADLINE:
                assert not is_waiting, "the deadline passed"
            elif not self.is_complete(number) and not first.record.instances:
                assert is_waiting or first.record.not_complete, "ready without its images"

    # What holds -------------------------------------------------------------------------------------------------------

    @invariant()
    def each_outline_has_one_job_per_version(self) -> None:
        """From the moment that it came, in one state, with the versions in a row, each replacing the one before."""
        if not hasattr(self, "spool"):
            return
        assert len(list(self.spool.jobs())) == sum(len(self.jobs_of(number)) for number in self.outlines)
        for number in self.outlines:
            versions = self.versions(number)
            ids = [job_id_for(outline_uid(number), version) for version in range(1, len(versions) + 1)]
            assert [one["job_id"] for one in versions] == ids
            assert [one["replaces"] for one in versions[1:]] == ids[:-1]
            assert versions

    @invariant()
    def ready_means_complete_or_closed(self) -> None:
        """And what was decided once stays as it was: nothing is made ready twice."""
        if not hasattr(self, "spool"):
            return
        past = {job.id: as_json(job.record) for number in self.outlines for job in self.jobs_of(number)}
        past = {job_id: content for job_id, content in past.items() if content["instances"] is not None}
        for job_id, content in past.items():
            required = {uid for uids in content["required"].values() for uid in uids}
            there = {uid for uids in content["instances"].values() for uid in uids}
            assert (content["not_complete"] is None) is (bool(there) and required <= there)
            assert self.contents.setdefault(job_id, content) == content
        assert sorted(self.announced) == sorted(past)


Pairing.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestPairing = Pairing.TestCase
