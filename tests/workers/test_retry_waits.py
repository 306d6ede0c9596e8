"""Waits between attempts."""

from pathlib import Path

from workers.retry_waits import wait_seconds
from workers.settings import WorkerSettings


def test_waits_double_and_stay_below_the_last_one(tmp_path: Path) -> None:
    """From 30 s to 30 min, with a fifth of jitter, however often it was tried."""
    settings = WorkerSettings(tmp_path / "spool", tmp_path / "model_store")
    for tries, expected in ((1, 30), (2, 60), (3, 120), (7, 1800), (500, 1800)):
        waits = [wait_seconds(tries, settings) for _ in range(50)]
        assert min(waits) >= expected * 0.8
        assert max(waits) <= expected * 1.2
        assert len(set(waits)) > 1
