"""The `radtme ...` command lines of README.md and docs/, and whether the program takes them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from deploy.cli import radtme

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In `code`, or in an indented or fenced block: at the line's begin or after what runs it there.
INLINE = re.compile(r"`(?:\.venv/bin/)?(radtme [^`\n]+)`")
IN_BLOCK = re.compile(
    r"^(?: {4,}|\t)(?:docker compose exec \S+ |(?:kubectl|runuser) .* -- )?(?:\S*/)?(radtme [a-z].*)$", re.MULTILINE
)
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Yield every ``radtme ...`` command line, without what a shell adds to it."""
    fenced = "".join(re.sub(r"^", "    ", block, flags=re.MULTILINE) for block in FENCE.findall(text))
    for line in [*INLINE.findall(text), *IN_BLOCK.findall(text + "\n" + fenced)]:
        for found in line.split(" && "):
            # Two or more blanks set a remark apart.
            command = re.split(r"\s{2,}|\s#|\s[|>&]+\s?|;", found)[0]
            yield command.strip()


def subcommand(words: list[str]) -> tuple[click.Command | None, list[str], list[str]]:
    """Return the command that words after ``radtme`` lead to, its path, and the words after that."""
    entry: click.Command | None = radtme
    path: list[str] = []
    rest = list(words)
    while isinstance(entry, click.Group) and rest and not rest[0].startswith("-"):
        path.append(rest.pop(0).rstrip(","))
        entry = entry.get_command(click.Context(entry), path[-1])
    return entry, path, rest


def complaint(command: str) -> str | None:
    """Say what is wrong with a command line; None where its subcommand exists and knows its options."""
    entry, path, words = subcommand(shlex.split(command)[1:])
    if entry is None:
        return f"{command}: no command {path[-1]}"
    known = {option for each in entry.params for option in [*each.opts, *each.secondary_opts]}
    known |= {"--help", "-h"}
    wrong = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    takes = sum(each.nargs if each.nargs > 0 else 99 for each in entry.params if isinstance(each, click.Argument))
    given = arguments(entry, words)
    if wrong:
        return f"{command}: no option {wrong[0]}"
    return f"{command}: {len(given)} arguments, not {takes}" if len(given) > takes and words[-1] != "..." else None


def arguments(entry: click.Command, words: list[str]) -> list[str]:
    """Return the words that are neither options nor their values."""
    valued = {
        option for each in entry.params if isinstance(each, click.Option) and not each.is_flag for option in each.opts
    }
    return [word for before, word in zip(["", *words], words, strict=False) if word[0] != "-" and before not in valued]


NEEDS_ONE_OF = {"retry": {"--failed", "--target", "--reason"}}
"""Commands that need their argument or one of these options."""


def is_mention(command: str) -> bool:
    """Whether a page only names a command: it lacks what the command cannot do without."""
    entry, _, words = subcommand(shlex.split(command)[1:])
    assert entry is not None
    needed = sum(isinstance(each, click.Argument) and each.required for each in entry.params)
    if entry.name in NEEDS_ONE_OF and not arguments(entry, words) and not NEEDS_ONE_OF[entry.name] & set(words):
        return True
    return len(arguments(entry, words)) < needed or (isinstance(entry, click.Group) and not words)
