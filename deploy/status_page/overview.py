"""The content of the status page, read from the spool and the registry alone: it works while other parts are down."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.case_search import newest_cases
from deploy.operations.job_status import JobStatus, read_job, waits_long_for_a_worker
from deploy.operations.service_health import ServiceHealth, read_health
from deploy.operations.status import (
    Quarantined,
    RefusedOffer,
    most_urgent_first,
    read_quarantine,
    read_refused_contexts,
)
from deploy.status_page.search import CASES_A_PAGE, CaseSearch
from deploy.terminal import counted
from listener.dicom.data_set import read_attributes
from listener.dicom.patient_texts import shown_text
from listener.dicom.sender_character_sets import SenderCharacterSet, character_set_of
from listener.ledger.deliveries import DeliveryState
from listener.ledger.set_aside_outlines import SetAside, SetAsideOutline, newest_foreign, set_aside_counts
from listener.spool.job_queries import state_counts
from listener.spool.jobs import JOB_ID_PATTERN, JobState
from listener.spool.spool import Spool
from listener.spool.study_rows import StudyArrivals, count_without_outline, without_outline
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry
from workers.targets.target import Target

STATE_TEXTS = {
    JobState.WAITING: "waiting for images",
    JobState.READY: "ready, waiting for a worker",
    JobState.RUNNING: "being scored",
    JobState.DELIVERING: "on the way to the PACS",
    JobState.DONE: "done",
    JobState.FAILED: "failed",
    JobState.DROPPED: "dropped by a person",
}
MAX_LISTED = 20
"""Studies without an outline, and outlines without a case, that are listed; the rest is counted."""
MAX_OPEN_SHOWN = 200
"""Open cases of one state that are listed; the rest is counted."""


@dataclass(frozen=True)
class StateCount:
    """How many cases are in one state."""

    state: JobState
    words: str
    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class TargetLine:
    """One target, and what is on its way to it."""

    name: str
    address: str
    waiting: int
    refused: int
    last_error: str
    next_step: tuple[str, datetime] | None
    """The next step for the first of them, and its time."""


@dataclass(frozen=True)
class ShownPatient:
    """The patient of a case; read only where ``show_patients`` is set."""

    name: str
    patient_id: str


@dataclass(frozen=True)
class Overview:
    """The first page."""

    counts: tuple[StateCount, ...]
    open_cases: tuple[JobStatus, ...]
    """What needs a person first."""
    finished: tuple[JobStatus, ...]
    hidden: int
    """Cases that are not listed."""
    targets: tuple[TargetLine, ...]
    signature: str
    free_bytes: int | None
    """None where there is no spool yet."""
    min_free_bytes: int
    quarantine: tuple[Quarantined, ...]
    set_aside: tuple[SetAsideOutline, ...] = ()
    """The newest outlines that were set aside and are no results of radtme."""
    set_aside_reasons: Mapping[SetAside, int] = field(default_factory=dict)
    """How many outlines were set aside, by reason."""
    refused_contexts: tuple[RefusedOffer, ...] = ()
    """Presentation contexts that senders proposed and that were refused, the newest first."""
    health: ServiceHealth | None = None
    without_outline: tuple[StudyArrivals, ...] = ()
    """The newest studies that came without an outline."""
    without_outline_count: int = 0

    @property
    def set_aside_counts(self) -> list[tuple[str, int]]:
        """Return the number of outlines that were set aside, by reason in words."""
        found = Counter(self.set_aside_reasons).most_common()
        return [(reason.replace("_", " "), count) for reason, count in found]

    @property
    def problems(self) -> list[str]:
        """Return what needs attention, as sentences; empty where nothing does."""
        counts = {one.state: one.count for one in self.counts}
        found = list(self.health.problems) if self.health else []
        if failed := counts[JobState.FAILED]:
            found.append(f"{counted(failed, 'case')} failed; radtme status says why and what to do.")
        found += [f"{counted(one.refused, 'case')} refused by {one.name}." for one in self.targets if one.refused]
        found += [
            f"Results for {one.name} wait: {one.last_error}; radtme echo {one.name} says more."
            for one in self.targets
            if one.last_error
        ]
        if late := waits_long_for_a_worker(self.open_cases):
            found.append(late)
        if not self.signature:
            found.append("No signature is active: nothing is scored; radtme signature activate NAME makes one active.")
        if self.free_bytes is None:
            found.append("There is no spool yet: nothing ever ran with this configuration.")
        return found


class Pages:
    """Reads the content of the pages, again for every request."""

    def __init__(
        self,
        spool: Spool,
        model_store: Path,
        targets: tuple[Target, ...],
        min_free_bytes: int,
        settings: StatusPageSettings,
        character_sets: tuple[SenderCharacterSet, ...] = (),
        redis_url: str | None = None,
        certificates: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        """``character_sets``: of senders that declare none, for the patients that are shown.

        ``certificates``: the files of those that are shown to others, by setting.
        """
        self._redis_url = redis_url
        self._certificates = certificates
        self._spool = spool
        self._registry = Registry(model_store)
        self._targets = targets
        self._min_free_bytes = min_free_bytes
        self._settings = settings
        self._character_sets = character_sets

    @property
    def settings(self) -> StatusPageSettings:
        """The settings of the page."""
        return self._settings

    def show_targets(self, targets: tuple[Target, ...]) -> None:
        """Show these targets from the next request on."""
        self._targets = targets

    def overview(self) -> Overview:
        """Return the first page."""
        open_cases: list[JobStatus] = []
        finished: list[JobStatus] = []
        counts: list[StateCount] = []
        hidden = 0
        has_spool = self._spool.root.is_dir()
        health = read_health(self._spool, self._min_free_bytes, self._redis_url, self._certificates)
        in_states = state_counts(self._spool.ledger) if has_spool else dict.fromkeys(JobState, 0)
        for state, count in in_states.items():
            over = state in (JobState.DONE, JobState.DROPPED)
            limit = self._settings.newest if over else MAX_OPEN_SHOWN
            listed = self._spool.first_jobs(state, limit, newest_first=over) if count else []
            read = [read_job(self._spool, job) for job in listed]
            hidden += max(count - limit, 0)
            (finished if over else open_cases).extend(read)
            times = [status.since for status in read if status.since is not None and not over]
            counts.append(StateCount(state, STATE_TEXTS[state], count, min(times, default=None)))
        ledger = self._spool.ledger
        return Overview(
            counts=tuple(counts),
            open_cases=most_urgent_first(open_cases),
            finished=tuple(finished),
            hidden=hidden,
            targets=tuple(self._target_lines(open_cases)),
            signature=self._signature(),
            free_bytes=self._spool.free_bytes() if has_spool else None,
            min_free_bytes=self._min_free_bytes,
            quarantine=read_quarantine(self._spool) if has_spool else (),
            set_aside=newest_foreign(ledger, MAX_LISTED) if has_spool else (),
            set_aside_reasons=set_aside_counts(ledger) if has_spool else {},
            refused_contexts=read_refused_contexts(self._spool) if has_spool else (),
            health=health,
            without_outline=tuple(without_outline(ledger, MAX_LISTED)) if has_spool else (),
            without_outline_count=count_without_outline(ledger) if has_spool else 0,
        )

    @property
    def target_names(self) -> tuple[str, ...]:
        """The targets of the configuration."""
        return tuple(target.name for target in self._targets)

    def search(self, search: CaseSearch) -> tuple[tuple[JobStatus, ...], str]:
        """Return the cases that fit, what changed last first, and the query of the next page."""
        if not self._spool.root.is_dir():
            return (), ""
        found, changed = newest_cases(self._spool, search.wanted, CASES_A_PAGE, search.before)
        return found, search.older(found[-1] if found else None, changed)

    def case(self, job_id: str) -> JobStatus | None:
        """Return one case; None where there is none of this id."""
        job = self._spool.find_job(job_id) if JOB_ID_PATTERN.fullmatch(job_id) else None
        return read_job(self._spool, job) if job else None

    def patient(self, case: JobStatus) -> ShownPatient | None:
        """Return the patient of a case; None where patients are not shown, or no object of the study can be read."""
        if not self._settings.show_patients:
            return None
        for path in sorted((self._spool.studies / case.study_uid).glob("*/*.dcm"))[:1]:
            header = read_attributes(path, "PatientName", "PatientID")
            if header is None:
                return None
            character_set = character_set_of(self._sender(case), self._character_sets)
            return ShownPatient(*(shown_text(header, name, character_set) for name in ("PatientName", "PatientID")))
        return None

    def _sender(self, case: JobStatus) -> str | None:
        job = self._spool.find_job(case.job_id)
        return job.record.calling_ae_title if job else None

    def _target_lines(self, cases: list[JobStatus]) -> Iterator[TargetLine]:
        addresses = {one.name: one.where for one in self._targets}
        deliveries = [one for case in cases for one in case.deliveries if one.state is not DeliveryState.DELIVERED]
        for name in [*addresses, *sorted({one.target for one in deliveries} - addresses.keys())]:
            mine = [one for one in deliveries if one.target == name]
            troubled = [one for one in mine if one.last_error]
            yield TargetLine(
                name=name,
                address=addresses.get(name, "not in the configuration"),
                waiting=len(mine),
                refused=sum(one.state is DeliveryState.REFUSED for one in mine),
                last_error=(troubled[-1].last_error or "") if troubled else "",
                next_step=min((one.next_step for one in mine if one.next_step), key=itemgetter(1), default=None),
            )

    def _signature(self) -> str:
        try:
            current = self._registry.current()
        except SignatureError:
            return ""
        return current.name if current else ""
