"""README.md and docs/: what they tell people to type exists, and where they point to is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deploy.cli import radtme

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In `code`, or in an indented or fenced block: at the line's begin or after what runs it there.
INLINE = re.compile(r"`(?:\.venv/bin/)?(radtme [^`\n]+)`")
IN_BLOCK = re.compile(
    r"^(?: {4,}|\t)(?:docker compose exec \S+ |(?:kubectl|runuser) .* -- )?(?:\S*/)?(radtme [a-z].*)$", re.MULTILINE
)
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def commands(text: str) -> Iterator[str]:
    """Yield every ``radtme ...`` command line, without what a shell adds to it."""
    fenced = "".join(re.sub(r"^", "    ", block, flags=re.MULTILINE) for block in FENCE.findall(text))
    for found in [*INLINE.findall(text), *IN_BLOCK.findall(text + "\n" + fenced)]:
        # Two or more blanks set a remark apart.
        command = re.split(r"\s{2,}|\s#|\s[|>&]+\s?|;", found)[0]
        yield command.strip()


def complaint(command: str) -> str | None:
    """Say what is wrong with a command line; None where its subcommand exists and knows its options."""
    words = shlex.split(command)[1:]
    entry: click.Command = radtme
    while isinstance(entry, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0).rstrip(",")
        found = entry.get_command(click.Context(entry), name)
        if found is None:
            return f"{command}: no command {name}"
        entry = found
    known = {option for each in entry.params for option in [*each.opts, *each.secondary_opts]}
    known |= {"--help", "-h"}
    wrong = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    takes = sum(each.nargs if each.nargs > 0 else 99 for each in entry.params if isinstance(each, click.Argument))
    valued = {
        option for each in entry.params if isinstance(each, click.Option) and not each.is_flag for option in each.opts
    }
    given = [word for before, word in zip(["", *words], words, strict=False) if word[0] != "-" and before not in valued]
    if wrong:
        return f"{command}: no option {wrong[0]}"
    return f"{command}: {len(given)} arguments, not {takes}" if len(given) > takes and words[-1] != "..." else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_can_be_typed(page: Path) -> None:
    """The command exists, knows each option, and takes so many arguments."""
    assert [wrong for command in commands(page.read_text()) if (wrong := complaint(command))] == []


def test_commands_are_found_wherever_they_stand() -> None:
    """The search has not lost a form that the pages use."""
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


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """The file is there, and the heading in it."""
    broken = []
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if re.match(r"\w+:", link):
            continue
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []
