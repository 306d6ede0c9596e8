"""The quarantine keeps the first refused objects, and cannot fill the disk."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from listener.ledger.quarantine import QuarantineReason, Share, quarantine_shares
from listener.scp import quarantine
from listener.scp.quarantine import Quarantine
from listener.spool.quarantined import remove_from_quarantine
from listener.spool.spool import Spool

NUMBERS = itertools.count()


def shares(spool: Spool) -> Mapping[str, Share]:
    """Return what each sender has there."""
    return quarantine_shares(spool.ledger)


def put(target: Quarantine, spool: Spool, sender: str, size: int = 100) -> bool:
    """Offer an object."""
    part = spool.receiving / f"{next(NUMBERS)}.part"
    part.write_bytes(bytes(size))
    kept = target.put(part, "1.2.3", QuarantineReason(reason="cannot_understand", calling_ae_title=sender))
    assert part.exists() is not kept
    return kept


def test_bytes_and_objects_are_bounded_and_no_sender_takes_all(spool: Spool) -> None:
    """One sender fills half of it, another the other half, and then it is full for all."""
    for limits in ({"max_bytes": 1000, "max_objects": 1000}, {"max_bytes": 1 << 20, "max_objects": 10}):
        target = Quarantine(spool, **limits)
        remove_from_quarantine(spool, [path.stem for path in spool.quarantine.iterdir()])
        assert [put(target, spool, "WILD") for _ in range(7)] == [True] * 5 + [False] * 2
        assert [put(target, spool, "OTHER") for _ in range(7)] == [True] * 5 + [False] * 2
        assert not put(target, spool, "THIRD")
        assert len(list(spool.quarantine.iterdir())) == sum(one.objects for one in shares(spool).values()) == 10


def test_what_lies_there_counts_after_a_restart_and_an_emptied_folder_has_room(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content of the folder counts: at start, and again from time to time."""
    first = Quarantine(spool, max_bytes=1000, max_objects=1000)
    assert [put(first, spool, "WILD") for _ in range(5)] == [True] * 5
    restarted = Quarantine(spool, max_bytes=1000, max_objects=1000)
    assert not put(restarted, spool, "WILD")
    for path in spool.quarantine.iterdir():
        path.unlink()
    assert not put(restarted, spool, "WILD")
    monkeypatch.setattr(quarantine, "RECOUNT_SECONDS", 0.0)
    assert put(restarted, spool, "WILD")


def test_no_quarantine_at_all_can_be_chosen(spool: Spool, tmp_path: Path) -> None:
    """Zero keeps nothing."""
    assert not put(Quarantine(spool, max_bytes=0, max_objects=0), spool, "A")
