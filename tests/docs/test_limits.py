"""docs/limits.md is compared with the limits in the settings."""

import re
from dataclasses import fields
from pathlib import Path

from listener.settings import ListenerSettings
from workers.limits import Limits
from workers.settings import WorkerSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
SECTIONS = (("listener", ListenerSettings), ("workers", WorkerSettings), ("workers.limits", Limits))
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([0-9.]+) \| (.+) \|$", re.MULTILINE)


def test_every_bound_stands_there_with_its_default() -> None:
    """A new setting that begins with ``max_`` or ``min_``, or ends a wait, has to be explained before it is shipped."""
    defaults = {f"{name}.{each.name}": each.default for name, section in SECTIONS for each in fields(section)}
    rows = {setting: (float(default), effect) for setting, default, effect in ROW.findall(PAGE.read_text())}
    bounds = {name for name in defaults if re.search(r"\.(max|min)_|(timeout|limit|deadline)_seconds$", name)}
    assert len(bounds) > 30
    assert bounds == rows.keys()
    assert {name: default for name, (default, _) in rows.items()} == {name: defaults[name] for name in rows}
