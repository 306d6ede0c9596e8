"""README.md and docs/: every command in them exists."""

from pathlib import Path

import pytest

from support.documented_commands import PAGES, ROOT, commands, complaint


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_can_be_typed(page: Path) -> None:
    """The command exists, has each of the options, and takes that number of arguments."""
    assert [wrong for command in commands(page.read_text()) if (wrong := complaint(command))] == []


def test_commands_are_found_wherever_they_stand() -> None:
    """The search finds commands in every form that the pages use."""
    text = """
Say `radtme status`, or `.venv/bin/radtme demo --input FOLDER`.

    radtme echo pacs       # remark
    radtme up --logs FOLDER > file
    /opt/radtme/bin/radtme config check radtme.yaml
    docker compose exec listener radtme echo own
    kubectl --namespace radtme exec deploy/delivery -- radtme status
```
radtme audit --since 12h | head
```
"""
    assert sorted(commands(text)) == [
        "radtme audit --since 12h",
        "radtme config check radtme.yaml",
        "radtme demo --input FOLDER",
        "radtme echo own",
        "radtme echo pacs",
        "radtme status",
        "radtme status",
        "radtme up --logs FOLDER",
    ]
    assert sum(len(list(commands(page.read_text()))) for page in PAGES) > 80


@pytest.mark.parametrize(
    "command",
    [
        "radtme stauts",
        "radtme config chek radtme.yaml",
        "radtme status --jsn",
        "radtme drop JOB --because TEXT",
        "radtme up A",
    ],
)
def test_a_mistyped_command_is_told(command: str) -> None:
    """The check can fail."""
    assert complaint(command) is not None
