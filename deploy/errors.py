"""Exit codes and errors of the ``radtme`` commands."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import IO, Any, ClassVar

import click


class ExitCode(IntEnum):
    """Exit codes of every command, for scripts."""

    OK = 0
    FAILED = 1
    """The command ran, and the answer is no: something was refused, failed or not found."""
    USAGE = 2
    """Wrong arguments or a wrong configuration: nothing was done."""
    UNREACHABLE = 3
    """A peer cannot be reached, or refuses the association."""
    INTERRUPTED = 130
    """Ctrl-C before the end."""


class CommandError(click.ClickException):
    """An error of one or two lines: what is wrong, then what to do about it."""

    exit_code: ClassVar[int] = ExitCode.FAILED

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message and the advice to standard error."""
        click.echo(f"error: {self.message}", err=True)
        if self.advice:
            click.echo(f"       {self.advice}", err=True)


class WrongUsage(CommandError):
    """Wrong arguments or a wrong configuration."""

    exit_code: ClassVar[int] = ExitCode.USAGE


class Unreachable(CommandError):
    """A peer cannot be reached, or refuses the association."""

    exit_code: ClassVar[int] = ExitCode.UNREACHABLE


PATH_FAULTS = {
    re.compile(r"(?:File|Directory|Path) (['\"].+) is a file$"): r"expected a folder, found the file \1",
    re.compile(r"(?:File|Directory|Path) (['\"].+) is a directory$"): r"expected a file, found the folder \1",
    re.compile(r"(?:File|Directory|Path) (['\"].+) (does not exist|is not (?:readable|writable))$"): r"\1 \2",
}
"""What click says of a path, and what we say."""


@contextmanager
def usage_errors_in_our_style() -> Iterator[None]:
    """Turn click's errors about arguments, which come with a usage line and end with a full stop, into ours."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        similar: list[str] = getattr(error, "possibilities", None) or []
        words = (error.message if similar else error.format_message()).rstrip(".")
        for said, ours in PATH_FAULTS.items():
            words = said.sub(ours, words)
        meant = f"; did you mean {' or '.join(map(repr, sorted(similar)))}?" if similar else ""
        advice = f"{error.ctx.command_path} --help explains it" if error.ctx else ""
        raise WrongUsage(f"{words[:1].lower()}{words[1:]}{meant}", advice) from error
