"""Targets that are down, for an hour or for days: simulated time, the real sweep, and a PACS in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.broker.messages import Announcement
from listener.broker.sweep import Sweep
from listener.ledger.target_circuits import CircuitState, read_circuit
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.outboxes import ROLES, delivering, entry_of
from support.scripted_pacs import SILENCE, ScriptedPacs
from workers.delivery.deliver import deliver
from workers.settings import WorkerSettings
from workers.targets.target import Target
from workers.targets.transport import RequestNotSent

HOUR, DAY = 3600, 24 * 3600
TURN_SECONDS = 10
CASES = 5


class Night:
    """Sweep and workers on one spool, and a clock that goes as fast as they can work."""

    def __init__(self, folder: Path, pacs: Mapping[str, ScriptedPacs]) -> None:
        self.spool = Spool(folder / "spool")
        self.spool.prepare()
        self.settings = WorkerSettings(self.spool.root, folder / "signatures")
        self.pacs = pacs
        self.passed = 0
        self.start = datetime.now(UTC) + timedelta(seconds=60)
        self.visits = 0
        self._announced: list[Announcement] = []
        self._sweep = Sweep(self.spool, self._announced.append, dict, 5.0, 60.0)
        self.jobs = [delivering(self.spool, *pacs, number=number) for number in range(CASES)]

    def clock(self) -> datetime:
        """Return the simulated time."""
        return self.start + timedelta(seconds=self.passed)

    def go_on(self, seconds: int, turn: int = TURN_SECONDS) -> None:
        """Let time pass; workers answer every announcement at once."""
        for _ in range(0, seconds, turn):
            self.passed += turn
            self._announced.clear()
            self._sweep.scan(self.passed, self.clock())
            for announcement in self._announced:
                self._answer(*announcement.args)

    def _answer(self, job_id: str, name: str) -> None:
        target = Target(name, "PACS", name, 104)
        if deliver(self.spool, job_id, target, self.settings, self.clock, self.pacs[name]) is not None:
            self.visits += 1

    def circuit(self, name: str) -> CircuitState:
        """Return the state of a target's circuit."""
        return read_circuit(self.spool.ledger, name).state

    def done(self) -> int:
        """Return how many cases have reached all their targets."""
        return len(list(self.spool.jobs(JobState.DONE)))


def test_a_target_that_is_down_for_an_hour_gets_everything_once_when_it_is_back(tmp_path: Path) -> None:
    """It is not called all the time, no case uses up its attempts, and its return is found at the next probe."""
    pacs = ScriptedPacs(up=False)
    night = Night(tmp_path, {"pacs": pacs})
    night.go_on(HOUR)
    assert night.circuit("pacs") is CircuitState.OPEN
    assert night.settings.breaker_failures <= pacs.contacts <= night.settings.breaker_failures + 20
    assert max(entry_of(night.spool, job).tries for job in night.jobs) <= night.settings.breaker_failures
    assert night.done() == 0
    pacs.up = True
    night.go_on(int(300 * 1.2) + 30 + 4 * TURN_SECONDS)
    assert night.done() == CASES
    assert len(pacs.stored) == len(set(pacs.stored)) == CASES * len(ROLES)
    assert night.circuit("pacs") is CircuitState.CLOSED


def test_a_target_that_is_down_for_days_is_not_given_up(tmp_path: Path) -> None:
    """What ends a delivery is an answer, not a number of tries."""
    pacs = ScriptedPacs(up=False)
    night = Night(tmp_path, {"pacs": pacs})
    night.go_on(2 * DAY, turn=900)
    assert len(list(night.spool.jobs(JobState.DELIVERING))) == CASES
    pacs.up = True
    night.go_on(HOUR, turn=300)
    assert night.done() == CASES


def test_a_target_that_is_down_does_not_delay_the_other(tmp_path: Path) -> None:
    """Of two PACS one is dead: the other has every case at once, and few announcements are for the dead one."""
    dead, alive = ScriptedPacs(up=False), ScriptedPacs()
    night = Night(tmp_path, {"dead": dead, "alive": alive})
    night.go_on(2 * TURN_SECONDS)
    assert len(alive.stored) == CASES * len(ROLES)
    assert dead.contacts == night.settings.breaker_failures
    night.go_on(HOUR)
    assert alive.contacts == CASES
    assert (night.circuit("dead"), night.circuit("alive")) == (CircuitState.OPEN, CircuitState.CLOSED)


def test_a_target_that_swallows_every_response_is_left_alone_too(tmp_path: Path) -> None:
    """It answers each C-ECHO and no C-STORE: the echo does not close the circuit, and waits still grow."""
    pacs = ScriptedPacs(statuses=[SILENCE] * 10_000)
    night = Night(tmp_path, {"pacs": pacs})
    night.go_on(HOUR)
    assert len(pacs.associations) <= night.settings.breaker_failures + 25
    pacs.statuses.clear()
    night.go_on(HOUR)
    assert night.done() == CASES


@pytest.mark.parametrize("seconds", [-DAY, DAY])
def test_a_changed_clock_does_not_delay_deliveries(tmp_path: Path, seconds: int) -> None:
    """Set back or forward by a day while a target is down: its recovery is still noticed."""
    pacs = ScriptedPacs(up=False)
    night = Night(tmp_path, {"pacs": pacs})
    night.go_on(HOUR)
    night.start += timedelta(seconds=seconds)
    pacs.up = True
    night.go_on(HOUR)
    assert night.done() == CASES


def test_an_error_of_ours_opens_no_circuit(tmp_path: Path) -> None:
    """While the audit trail cannot be written nothing is sent, and that says nothing of the target."""
    pacs = ScriptedPacs()
    night = Night(tmp_path, {"pacs": pacs})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedPacs, "_associate", lambda self: (_ for _ in ()).throw(RequestNotSent("nothing is sent")))
        night.go_on(HOUR)
    assert night.visits > CASES
    assert read_circuit(night.spool.ledger, "pacs").failures == 0
    night.go_on(HOUR)
    assert night.done() == CASES
