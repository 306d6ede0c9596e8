"""docs/configuration.md: the table of security settings."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_settings_that_are_named_exist() -> None:
    """Each setting in the table of security settings exists in the program."""
    schema = (ROOT / "deploy" / "radtme.schema.json").read_text()
    text = (ROOT / "docs" / "configuration.md").read_text()
    section = text.partition("## Security settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    assert len(rows) > 10
    for setting in (name for row in rows for name in re.findall(r"`([^`]+)`", row)):
        assert f'"{setting.rpartition(".")[2]}"' in schema, setting
