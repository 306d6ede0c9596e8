"""What the security documents say exists, exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/threat-model.md"])
def test_every_path_that_is_named_exists(name: str) -> None:
    """A module that moved takes the documents along."""
    text = (ROOT / name).read_text()
    paths = re.findall(r"`((?:listener|workers|model_store|deploy|tests|requirements)/[^`]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)#:]+)", text) if not link.startswith("http")]
    assert paths or links
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_the_settings_that_are_named_exist() -> None:
    """Each setting in the table of security settings is one that the program knows."""
    schema = (ROOT / "deploy" / "radtme.schema.json").read_text()
    text = (ROOT / "docs" / "configuration.md").read_text()
    section = text.partition("## Security settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    assert len(rows) > 10
    for setting in (name for row in rows for name in re.findall(r"`([^`]+)`", row)):
        assert f'"{setting.rpartition(".")[2]}"' in schema, setting
