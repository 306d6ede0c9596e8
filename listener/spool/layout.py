"""Which layout a spool has: the number in its file ``version``. A program works with one layout and with no other.

| layout | since |
|---|---|
| 1 | no file; delivery records say queued, retry, delivered or refused, and of what was taken the UID alone |
| 2 | ``version``, ``targets/``, ``commitments/``, ``jobs/dropped/``; delivery records as in ``docs/delivery.md`` |
| 3 | the ledger (`listener.ledger`) in place of ``targets/``, ``commitments/``, ``selftests/``, ``*.aside.json`` |
| 4 | jobs are rows of the ledger; ``results/`` in place of ``jobs/`` |
"""

import os
from pathlib import Path

LAYOUT = 4
"""What this program reads and writes."""
VERSION_NAME = "version"
UNVERSIONED = 1


class WrongLayout(Exception):
    """A spool has another layout than this program."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}: {remedy}")
        self.message = message
        self.remedy = remedy


def layout_of(root: Path) -> int | None:
    """Return the layout of the spool below ``root``; None where nothing lies there yet.

    Raises
    ------
    WrongLayout
        If its version cannot be understood.
    """
    try:
        text = (root / VERSION_NAME).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return UNVERSIONED if _holds_anything(root) else None
    if not text.isdecimal() or int(text) < 1:
        raise WrongLayout(
            f"{root / VERSION_NAME}: expected the number of a spool layout, found {text[:20]!r}",
            "restore the file from the backup",
        )
    return int(text)


def set_up_at(root: Path) -> float:
    """Return when the spool below ``root`` was first prepared, or upgraded (Unix time, seconds)."""
    return (root / VERSION_NAME).stat().st_mtime


def check_layout(root: Path) -> None:
    """Let pass a spool of this program's layout, and an empty one.

    Raises
    ------
    WrongLayout
        If it has another one.
    """
    found = layout_of(root)
    if found is None or found == LAYOUT:
        return
    expected = f"{root}: expected spool layout {LAYOUT}, found {found}"
    if found > LAYOUT:
        raise WrongLayout(expected, "a newer radtme wrote it; run that version, or restore the backup made before it")
    raise WrongLayout(expected, "stop all parts, back the spool up, then run: radtme upgrade")


def _holds_anything(root: Path) -> bool:
    folders = [root / name for name in ("studies", "quarantine", "receiving", "results")]
    folders += [entry for entry in _entries(root / "jobs") if entry.is_dir()]
    return any(_entries(folder) for folder in folders)


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
