"""A pairer on an empty spool, and its clock."""

import pytest

from listener.pairing import pairer as pairer_module
from listener.spool.spool import Spool
from support.pairing_station import Clock, Station


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put the pairer's monotonic clock into the test's hand."""
    clock = Clock()
    monkeypatch.setattr(pairer_module.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def station(spool: Spool, clock: Clock) -> Station:
    """Return a pairer on an empty spool."""
    return Station(spool, clock)
