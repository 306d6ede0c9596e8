"""`radtme demo` on a disk that is too full for the listener."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import radtme
from deploy.errors import ExitCode
from listener.spool.spool import Spool


def test_a_demo_on_a_full_disk_ends_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words: it generated its study, and then waited 90 s for a listener that refuses every object."""
    monkeypatch.setattr(Spool, "free_bytes", lambda self: 15_000_000)
    ended = CliRunner().invoke(radtme, ["demo", "--output", str(tmp_path / "demo")])
    assert ended.exit_code == ExitCode.FAILED
    said = " ".join(ended.output.split())
    assert "The disk is full: 15.0 MB are free, and below 1.1 GB (listener.min_free_bytes) objects are refused" in said
    assert "name a folder on another disk: --output" in said
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["radtme.yaml"]
