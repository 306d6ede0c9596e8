"""The ``radtme`` command."""

import errno
import importlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from click.shell_completion import CompletionItem

from deploy.errors import CommandError, ExitCode, usage_errors_in_our_style
from deploy.help_text import show_examples_on_lines, show_plain_values, show_whole_summaries
from deploy.terminal import path_from_here
from listener.runtime.loading import without_collections
from listener.runtime.safe_errors import stack_locations

GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "First steps": {
        "demo": ("deploy.commands.demo:demo", "Run one generated study, or your own, through all parts"),
        "send": ("deploy.commands.network:send", "Send the DICOM files in a folder"),
        "outline": ("deploy.commands.outline:outline", "Convert a mask file of a tumour to a DICOM SEG"),
    },
    "Run the service": {
        "up": ("deploy.commands.up:up", "Run the whole service on this machine"),
        "listen": ("deploy.commands.parts:listen", "Run the Storage SCP only"),
        "work": ("deploy.commands.parts:work", "Run workers only: score ready jobs, deliver results"),
        "sink": ("deploy.commands.parts:sink", "Run a small Storage SCP in place of a PACS, for tests"),
        "status-page": ("deploy.commands.parts:status_page", "Serve the status as a read-only web page"),
    },
    "Set up and check": {
        "config": ("deploy.commands.config:config", "Check a configuration, or show the effective settings"),
        "doctor": ("deploy.commands.doctor:doctor", "Check the installation; each fault with what to do"),
        "connections": ("deploy.commands.conformance:connections", "Print AE titles, hosts and ports for the PACS"),
        "conformance": ("deploy.commands.conformance:conformance", "Print the DICOM Conformance Statement"),
        "echo": ("deploy.commands.network:echo", "Check that a DICOM peer answers"),
        "probe": ("deploy.commands.probe:probe", "Show what a target accepts, and how results would be sent"),
        "check": ("deploy.commands.conformance:check", "Check AI result objects, also of other makers"),
        "selftest": ("deploy.commands.selftest:selftest", "Send a generated case through the running service"),
    },
    "Watch and steer": {
        "status": ("deploy.commands.status:status", "Show what runs, waits, was scored, sent or failed"),
        "export": ("deploy.commands.export:export", "Write the cases as a table, CSV or Parquet"),
        "retry": ("deploy.commands.job_control:retry", "Try a job again, or all that failed"),
        "rescore": ("deploy.commands.scores:rescore", "Score a delivered feature report again, without images"),
        "fhir": ("deploy.commands.fhir:fhir", "Print a summary report as a FHIR bundle"),
        "hold": ("deploy.commands.job_control:hold", "Keep a job from being scored or sent until its release"),
        "release": ("deploy.commands.job_control:release", "Release a held job"),
        "drop": ("deploy.commands.job_control:drop", "Give up a job: nothing more is scored or sent"),
        "quarantine": ("deploy.commands.quarantine:quarantine", "Show and remove objects that could not be used"),
        "audit": ("deploy.commands.audit:audit", "Show who sent, scored, delivered and changed what"),
    },
    "Maintain": {
        "retention": ("deploy.commands.retention:retention", "Show and remove data that exceeds its retention time"),
        "spool": ("deploy.commands.spool:spool", "Check the spool for damage after a crash"),
        "ledger": ("deploy.commands.ledger:ledger", "Let others read the ledger, such as Grafana"),
        "upgrade": ("deploy.commands.spool:upgrade", "Convert the spool of an earlier version"),
        "completion": ("deploy.commands.completion:completion", "Print a script that completes commands in a shell"),
    },
    "Studies and signatures": {
        "signature": ("deploy.commands.signature:signature", "Train, validate, publish and activate signatures"),
        "cohort": ("deploy.commands.cohort:cohort", "Measure a cohort and the reliability of its features"),
    },
}
"""In the order of `radtme --help`, each with its summary, which fits on one line of 80 columns. A command is imported
only when it is used: `radtme status` must not wait for scikit-learn.
"""

COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}

FORMER_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "send": {"--to": "--target"},
    "outline": {"--to": "--target"},
    "demo": {"--keep": "--output"},
    "sink": {"--folder": "--output"},
    "selftest": {"--limit": "--timeout"},
    "cohort": {"--jobs": "--concurrency", "--service-config": "--config"},
    "signature": {"--jobs": "--concurrency"},
}
"""Former names of options, by command: accepted, and not shown any more."""

STUDY_LIBRARIES = ("matplotlib", "pandas", "pyarrow")
"""Packages that the commands for studies import and that an installation of the service alone lacks."""


THREADS_END_SECONDS = 1.0
"""How long an interrupted command waits for its threads."""


class CommandsByName(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        with without_collections():
            command: click.Command = getattr(importlib.import_module(module), name)
        show_examples_on_lines(command)
        show_whole_summaries(command)
        show_plain_values(command)
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options that stand before the command."""
        with usage_errors_in_our_style(), until_the_reader_ends():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the command's arguments and run it."""
        with usage_errors_in_our_style(), until_the_reader_ends():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a name that is not known gets the similar ones, which click looks for elsewhere."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches  # only here: it takes a while to import

            similar = get_close_matches(args[0], COMMANDS)
            meant = f"; did you mean {' or '.join(map(repr, sorted(similar)))}?" if similar else ""
            raise click.UsageError(f"No such command {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, with those that have another name now."""
        return super().parse_args(ctx, list(with_present_names(args)))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by group, without importing them."""
        width = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), words) for name, (_, words) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        found = {name: words for name, (_, words) in COMMANDS.items() if name.startswith(incomplete)}
        return [CompletionItem(name, help=words) for name, words in found.items()]


def with_present_names(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments of the command line with the present name of each option, and say so where it has changed."""
    command = next((arg for arg in args if not arg.startswith("-")), "")
    former = FORMER_OPTIONS.get(command, {})
    for arg in args:
        option, equals, value = arg.partition("=")
        if option in former:
            click.echo(f"warning: {option} is called {former[option]} now", err=True)
            yield f"{former[option]}{equals}{value}"
        else:
            yield arg


@click.command(
    cls=CommandsByName,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=(
        "\b\nExit codes: 0 done, 1 failed or refused, 2 wrong usage or configuration,\n"
        "            3 not reachable, 130 interrupted\n\n"
        "radtme COMMAND --help explains a command. radtme completion bash completes them."
    ),
)
@click.version_option(package_name="radtme", prog_name="radtme")
def radtme() -> None:
    """Score the tumour immune phenotype on breast DCE-MRI, from DICOM to DICOM. For research use only."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Pydantic would look through all installed packages for plugins, of which radtme has none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.excepthook = one_line_without_traceback
    try:
        code = radtme(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ModuleNotFoundError as error:
        if error.name not in STUDY_LIBRARIES:
            raise
        missing_library(error.name).show()
        code = ExitCode.FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = ExitCode.INTERRUPTED
        end_without_waiting(code)
    except (PermissionError, NotADirectoryError) as error:
        if os.environ.get("RADTME_DEBUG") or not error.filename:
            raise
        closed(error).show()
        code = ExitCode.FAILED
    except BrokenPipeError:
        discard_output()
        code = ExitCode.OK
    except OSError as error:
        if os.environ.get("RADTME_DEBUG") or (fault := named_fault(error)) is None:
            raise
        fault.show()
        code = ExitCode.FAILED
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


@contextmanager
def until_the_reader_ends() -> Iterator[None]:
    """End the command without an error where the reader of its output, such as head, has seen enough.

    click would end it with exit code 1 and without a word, also where it was a connection that broke.
    """
    try:
        yield
    except BrokenPipeError as error:
        stdout = select.poll()
        stdout.register(sys.stdout.fileno(), 0)
        if not any(event & select.POLLERR for _, event in stdout.poll(0)):
            advice = "run the command again; radtme doctor says what does not work"
            raise CommandError("the other side of a connection has closed it", advice) from error
        discard_output()
        raise click.exceptions.Exit(ExitCode.OK) from error


def discard_output() -> None:
    """Write what is still to be printed nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_without_waiting(code: int) -> None:
    """End the process if a thread goes on: pynetdicom's wait for the answer of a silent peer, up to its time limits.

    From now on Ctrl-C changes nothing, the exit code least of all.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + THREADS_END_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                sys.stdout.flush()
                os._exit(code)


def named_fault(error: OSError) -> CommandError | None:
    """Return the error for a database or port that cannot be used; None where it is another one."""
    if is_ledger_fault(error):
        return CommandError(error.strerror or "the ledger cannot be used", "radtme doctor says what to do")
    if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL) and error.filename:
        said = (error.strerror or "").lower()
        return CommandError(f"cannot listen on {error.filename}: {said}", "free the port, or set another")
    return None


def is_ledger_fault(error: OSError) -> bool:
    """Tell whether the ledger's database does not answer, without loading what only commands with a ledger load."""
    database = sys.modules.get("listener.ledger.database")
    return database is not None and isinstance(error, database.LedgerUnavailable)


def missing_library(name: str) -> CommandError:
    """Return the error for a command for studies where only the service is installed."""
    return CommandError(f"this command needs {name}, which the service does without", "pip install 'radtme[study]'")


def closed(error: OSError) -> CommandError:
    """Return the error for a folder without permission, or with a file in its place."""
    where = path_from_here(Path(os.fsdecode(error.filename)))
    if isinstance(error, NotADirectoryError):
        return CommandError(f"{where}: a part of this path is a file, not a folder", "set data: in the configuration")
    return CommandError(
        f"{where}: user {os.geteuid()} has no permission",
        "run this as the user of the service (runuser -u radtme -- radtme ...), or correct owner and mode",
    )


def one_line_without_traceback(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print in one line where an internal error occurred; RADTME_DEBUG=1 shows the traceback.

    Not the error's text, which may quote an element: a service manager writes what `radtme listen` says to a log.
    """
    if os.environ.get("RADTME_DEBUG"):
        sys.__excepthook__(kind, error, traceback)
        return
    where = f" at {stack_locations(error)[-1]}" if stack_locations(error) else ""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        click.echo(f"error: {os.strerror(error.errno)}{where}", err=True)
        click.echo("       free space on the disk that the command writes to, then run it again", err=True)
        return
    says = f": {os.strerror(error.errno)}" if isinstance(error, OSError) and error.errno else ""
    click.echo(f"error: {kind.__name__}{where}{says}", err=True)
    click.echo("       set RADTME_DEBUG=1 to see the traceback, which may contain patient data", err=True)
