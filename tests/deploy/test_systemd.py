"""The systemd units that are handed out are what systemd accepts, and hardened."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


@needs_systemd
@pytest.mark.parametrize("unit", sorted(SYSTEMD.glob("*.service")), ids=lambda path: path.stem)
def test_systemd_accepts_the_units_and_finds_them_hardened(unit: Path, tmp_path: Path) -> None:
    """``systemd-analyze security`` gives 0 (safe) to 10 (unsafe); a usual service without hardening has 9.6."""
    program = tmp_path / "radtme"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for each in SYSTEMD.iterdir():  # they refer to each other
        (tmp_path / each.name).write_text(each.read_text().replace("/opt/radtme/bin/radtme", str(program)))
    copy = tmp_path / unit.name
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
    assert unit.name not in verified.stderr, verified.stderr
    assert verified.returncode == 0, verified.stderr
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", copy],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-600:]


@needs_systemd
def test_systemd_accepts_the_timer(tmp_path: Path) -> None:
    """Daily, at an hour that systemd understands."""
    timer = SYSTEMD / "radtme-retention.timer"
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", timer], capture_output=True, text=True)
    assert timer.name not in ran.stderr, ran.stderr
    (when,) = re.findall(r"^OnCalendar=(.*)$", timer.read_text(), re.MULTILINE)
    assert subprocess.run(["systemd-analyze", "calendar", when], capture_output=True).returncode == 0
