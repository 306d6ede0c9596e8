"""The outbox against a simple model, whatever target, clock, operator and a dying worker do in any order."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deploy.operations.retry import retry
from listener.dicom.commitment_report import CommitmentReport
from listener.ledger.commitments import keep_report
from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.outboxes import ROLES, Watch, delivering, entry_of, open_requests
from support.scripted_pacs import SILENCE, ScriptedPacs, WorkerDied
from workers.delivery import commitment
from workers.delivery.deliver import deliver
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets.target import Proof, Target

EXAMPLES = int(os.environ.get("RADTME_OUTBOX_EXAMPLES", "25"))
"""More of them for a longer run."""
TAKEN, BUSY, REFUSED = (0x0000, 0xB000, 0x0111), (0xA700, 0x0110, SILENCE), (0xA900, 0xC000, 0x0122)
LOST, NEVER_KEPT = 0x0112, 0x0122
"""Failure Reasons: no such object instance, and referenced SOP class not supported."""
HOUR = 3600.0


@dataclass
class Model:
    """The expected record, from the target's answers alone."""

    proof: Proof
    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    committed: set[str] = field(default_factory=set)
    live: dict[str, set[str]] = field(default_factory=dict)
    """By Transaction UID, what a report may still say something about."""
    reports: dict[str, tuple[set[str], dict[str, int]]] = field(default_factory=dict)
    """Those that lie ready: what is committed, what failed."""

    def take_up(self) -> None:
        """Do what the reports say."""
        for transaction in [one for one in self.live if one in self.reports]:
            committed, failed = self.reports.pop(transaction)
            failed = {uid: why for uid, why in failed.items() if uid in self.live[transaction]}
            self.committed |= committed & self.live[transaction]
            self.live[transaction] -= committed
            self.refused |= {uid for uid, why in failed.items() if why == NEVER_KEPT}
            self.lose(set(failed))

    def lose(self, uids: set[str]) -> None:
        """Discard the answers about objects that the target has lost."""
        self.taken -= uids
        self.committed -= uids
        for live in self.live.values():
            live -= uids


class Outbox(RuleBasedStateMachine):
    """One case, one target, and everything that may come between them."""

    @initialize(proof=st.sampled_from(Proof))
    def begin(self, proof: Proof) -> None:
        """Put a case into an empty spool."""
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.spool = Spool(root / "spool")
        self.spool.prepare()
        self.settings = WorkerSettings(self.spool.root, root / "signatures")
        self.target = Target("pacs", "PACS", "pacs", 104, proof=proof)
        self.pacs, self.watch, self.model = ScriptedPacs(), Watch(), Model(proof)
        self.job = delivering(self.spool, "pacs")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(commitment, "request_commitment", self.pacs.request_commitment)

    def teardown(self) -> None:
        """When all is well again, what was not refused arrives."""
        if not hasattr(self, "job"):
            return
        self.pacs.up, self.pacs.lists, self.pacs.reports_at_once = True, True, True
        self.pacs.rejects, self.pacs.dies_before = False, None
        self.pacs.statuses.clear()
        if self.entry.state is DeliveryState.REFUSED:
            self.operator_retries()
        for _ in range(12):
            self.forward(2 * HOUR)
            self.attempt()
        assert self.entry.state is DeliveryState.DELIVERED or self.model.refused
        assert self.state is (JobState.FAILED if self.model.refused else JobState.DONE)
        assert open_requests(self.spool.ledger) == []
        self.patch.undo()
        self.folder.cleanup()

    @property
    def entry(self):  # type: ignore[no-untyped-def]
        """The record on disk."""
        return entry_of(self.spool, self.job)

    @property
    def state(self) -> JobState:
        """Where the job lies."""
        found = self.spool.find_job(self.job.id)
        assert found is not None
        return found.state

    # What may happen --------------------------------------------------------------------------------------------------

    @rule()
    def attempt(self) -> None:
        """A worker takes the announcement."""
        if self.state is not JobState.DELIVERING:
            return
        model, pacs, before = self.model, self.pacs, self.entry
        stored, refused, asked = len(pacs.stored), len(pacs.refused), len(pacs.requests)
        model.take_up()
        died = False
        try:
            deliver(self.spool, self.job.id, self.target, self.settings, self.watch, pacs)
        except WorkerDied:
            died = True
        assert not set(pacs.stored[stored:]) & model.taken, "sent although it had been taken"
        model.taken |= set(pacs.stored[stored:])
        model.refused |= set(pacs.refused[refused:])
        for transaction, uids in list(pacs.requests.items())[asked:]:
            model.live[transaction] = set(uids)
            if pacs.reports_at_once:
                model.reports[transaction] = (set(uids), {})
        if pacs.reports_at_once:
            model.take_up()
        if not died and before.looks == 2 and self.entry.looks == 0:  # the third look in vain
            missing = set() if pacs.lists else {one for one in model.taken if one not in self.taken_uids()}
            model.lose(missing)
        if self.entry.state.is_settled:
            model.live.clear()
            model.reports.clear()

    @rule(seconds=st.sampled_from([1.0, 20.0, 40.0, 600.0, HOUR, 90 * HOUR, -HOUR, -90 * HOUR]))
    def forward(self, seconds: float) -> None:
        """Time passes, or someone sets the clock."""
        self.watch.forward(seconds)

    @rule(up=st.booleans())
    def come_and_go(self, up: bool) -> None:
        """The target goes down, or is up again."""
        self.pacs.up = up

    @rule(rejects=st.booleans())
    def reject(self, rejects: bool) -> None:
        """The target forgets our AE title, or someone tells it."""
        self.pacs.rejects = rejects

    @rule(statuses=st.lists(st.sampled_from((*TAKEN, *BUSY, *REFUSED)), min_size=1, max_size=4))
    def answer_with(self, statuses: list[int | None]) -> None:
        """The next objects are answered so."""
        self.pacs.statuses[:] = statuses

    @rule(number=st.integers(0, 2))
    def worker_dies(self, number: int) -> None:
        """The next visit that sends ends before its object of this number."""
        self.pacs.dies_before = number

    @rule(lists=st.booleans(), at_once=st.booleans())
    def behave(self, lists: bool, at_once: bool) -> None:
        """The target lists what it has, or not yet; it reports at once, or later."""
        self.pacs.lists, self.pacs.reports_at_once = lists, at_once

    @precondition(lambda self: self.pacs.requests)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """A report comes: on any request, however old, in whole or in part."""
        transaction = data.draw(st.sampled_from(sorted(self.pacs.requests)))
        words = st.sampled_from(["committed", "committed", "silent", LOST, NEVER_KEPT])
        said = {uid: data.draw(words) for uid in sorted(self.pacs.requests[transaction])}
        committed = {uid for uid, word in said.items() if word == "committed"}
        failed = {uid: word for uid, word in said.items() if isinstance(word, int)}
        waited_for = keep_report(self.spool.ledger, CommitmentReport(transaction, tuple(committed), failed), "PACS")
        live = self.model.live.get(transaction)
        assert waited_for or not live
        if waited_for and live is not None:
            self.model.reports[transaction] = (committed, failed)

    @rule()
    def operator_retries(self) -> None:
        """``radtme retry``."""
        if self.state in (JobState.DELIVERING, JobState.FAILED):
            retry(self.spool, self.find())
            self.model.refused.clear()

    def find(self):  # type: ignore[no-untyped-def]
        """Return the job where it lies now."""
        return self.spool.find_job(self.job.id)

    def taken_uids(self) -> set[str]:
        """Return what the record says was taken."""
        return {word.instance.sop_instance_uid for word in self.entry.taken.values()}

    # What holds -------------------------------------------------------------------------------------------------------

    @invariant()
    def the_record_says_what_the_target_said(self) -> None:
        """Neither more nor less was taken, refused and committed."""
        if not hasattr(self, "job"):
            return
        entry, model = self.entry, self.model
        assert self.taken_uids() == model.taken
        assert {word.instance.sop_instance_uid for word in entry.refused.values()} == model.refused
        if not model.reports:
            assert set(entry.committed) == model.committed

    @invariant()
    def delivered_means_proven(self) -> None:
        """Done only with the proof; failed only with a refusal."""
        if not hasattr(self, "job"):
            return
        entry = self.entry
        if entry.state is DeliveryState.DELIVERED:
            assert len(entry.taken) == len(ROLES)
            assert not self.target.proof.needs_commitment or entry.committed == self.model.taken
            assert not self.target.proof.needs_query or entry.seen == self.model.taken
        expected = {DeliveryState.DELIVERED: JobState.DONE, DeliveryState.REFUSED: JobState.FAILED}.get(entry.state)
        assert self.state is (expected or JobState.DELIVERING)

    @invariant()
    def what_is_referred_to_goes_first(self) -> None:
        """In every association the segmentation leads and the report ends."""
        for roles in self.pacs.associations if hasattr(self, "pacs") else ():
            assert roles == [role for role in ResultRole if role in roles]


Outbox.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestOutbox = Outbox.TestCase
