"""The command line: every command explains itself, and errors are short."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from deploy import start
from deploy.cli import COMMANDS, GROUPS, named_fault, one_line_without_traceback, radtme
from deploy.errors import ExitCode
from deploy.help_text import show_whole_summaries
from listener.runtime.http_server import HttpServer, Response
from listener.spool.jobs import JobState
from listener.spool.spool import Spool


@pytest.mark.parametrize("command", [[name] for name in COMMANDS] + [["config", "check"], ["config", "show"]])
def test_every_command_explains_itself_with_an_example(command: list[str]):
    """--help says what it does and shows one call."""
    shown = CliRunner().invoke(radtme, [*command, "--help"])
    assert shown.exit_code == 0
    assert re.search(r"\n  Examples:\n    .*radtme ", shown.output)


def test_the_list_of_commands_says_the_exit_codes():
    """Scripts find the exit codes where people look first."""
    shown = " ".join(CliRunner().invoke(radtme, ["--help"]).output.split())
    assert "3 not reachable" in shown
    assert all(name in shown for name in COMMANDS)


def test_an_unexpected_error_is_two_lines_unless_debugging(run_radtme, tmp_path):
    """Two lines without a traceback; RADTME_DEBUG=1 shows the traceback."""
    (tmp_path / "spool" / "version").mkdir(parents=True)  # a spool that somebody has damaged
    quiet = run_radtme("status")
    assert quiet.returncode == 1
    assert "Traceback" not in quiet.stderr
    assert len(quiet.stderr.splitlines()) == 2
    assert quiet.stderr.startswith("error: IsADirectoryError at ")
    assert str(tmp_path) not in quiet.stderr  # an error's text may quote anything, an element too
    assert "Traceback" in run_radtme("status", RADTME_DEBUG="1").stderr


class Interrupted(ModuleType):
    """A module that is being loaded when Ctrl-C comes."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


@pytest.fixture
def default_interrupts() -> Iterator[None]:
    """Let Ctrl-C count, which a shell has ignored in what it starts in the background; undo what a command sets."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_while_the_command_line_is_loaded_is_one_line(monkeypatch, capsys, default_interrupts):
    """In the first tenths of a second, too: no traceback."""
    monkeypatch.setitem(sys.modules, "deploy.cli", Interrupted("deploy.cli"))
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == start.INTERRUPTED == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_that_is_pressed_again_does_not_break_off_the_end(monkeypatch):
    """What a command has begun is removed, and its processes are ended; where that takes too long, it counts again."""
    pressed = start.Interrupts()
    for now, is_heard in ((100.0, True), (100.2, False), (104.9, False), (105.0, True), (106.0, False)):
        monkeypatch.setattr(start.time, "monotonic", lambda now=now: now)
        with pytest.raises(KeyboardInterrupt) if is_heard else nullcontext():
            pressed(signal.SIGINT, None)


def test_a_file_in_the_place_of_the_data_folder_is_named(run_radtme, tmp_path):
    """A first start with a wrong `data` names the path and the setting."""
    (tmp_path / "file").write_text("")
    for command in (["up"], ["upgrade", "--check"]):
        run = run_radtme(*command, RADTME_DATA=str(tmp_path / "file" / "data"))
        assert run.returncode == 1
        assert run.stderr.splitlines() == [
            "error: file/data/spool/version: a part of this path is a file, not a folder",
            "       set data: in the configuration",
        ]


def test_who_may_not_read_the_spool_is_told_as_whom_to_run(run_radtme, tmp_path):
    """`radtme status` as oneself at night: the path and the remedy, not the location in the code."""
    (tmp_path / "spool").mkdir(mode=0)
    run = run_radtme("status", prefix=without_override())
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert f": user {os.geteuid()} has no permission" in run.stderr
    assert "run this as the user of the service" in run.stderr


def test_a_folder_without_permission_is_one_fault_of_doctor(run_radtme, tmp_path):
    """Not one more for each check that looks into it."""
    (tmp_path / "spool").mkdir(mode=0)
    run = run_radtme("doctor", "--json", prefix=without_override())
    faults = [one["check"] for one in json.loads(run.stdout) if one["level"] == "fault"]
    assert faults[0] == "folders"
    assert set(faults) <= {"folders", "signature", "redis"}


def without_override():
    """Return what starts a command without root's right to read everything."""
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []


def test_a_ledger_that_does_not_answer_is_said_and_what_to_do(run_radtme, tmp_path):
    """In two lines, by each command that needs it."""
    Spool(tmp_path / "spool").prepare()
    done = run_radtme("status", "1.2.3", RADTME_LEDGER_URL="postgresql://radtme@127.0.0.1:1/radtme")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the ledger's database does not answer")
    assert "radtme doctor" in done.stderr


def test_a_full_disk_is_said_and_what_to_do(capsys, monkeypatch):
    """It is the machine's fault and the operator's to mend; the file's name stays out, which may be a patient's."""
    monkeypatch.delenv("RADTME_DEBUG", raising=False)
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cohort/a patient/table.csv")
    one_line_without_traceback(OSError, error, None)
    told = capsys.readouterr().err
    assert told.startswith("error: No space left on device")
    assert "free space on the disk" in told
    assert "patient" not in told


@pytest.mark.parametrize(
    "command",
    [
        ("cohort", "simulate", "--output"),
        ("cohort", "extract", ".", "--output"),
        ("cohort", "recipe", "mama-mia", ".", "--output"),
        ("demo", "--output"),
        ("sink", "--output"),
        ("up", "--logs"),
    ],
    ids=lambda command: command[0],
)
def test_a_folder_that_cannot_be_made_is_said_before_the_work(command, tmp_path):
    """A file in its way, or a file system that takes no new folders: a usage error that names the folder."""
    (tmp_path / "file").touch()
    for folder, why in ((tmp_path / "file" / "out", "is a file"), (Path("/proc/out"), "takes no new folders")):
        done = CliRunner().invoke(radtme, [*command, str(folder)])
        assert done.exit_code == 2
        assert str(folder) in done.output
        assert why in done.output


def test_a_port_that_is_taken_is_named():
    """By the error of each HTTP server of ours."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use") as failed:
            HttpServer("127.0.0.1", port, "test", lambda path, headers: Response(b""))
    told = named_fault(failed.value)
    assert told is not None
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in told.format_message()


def test_config_check_and_show(run_radtme, tmp_path):
    """check: 0 or 2 with a line number; show: values with their origin."""
    assert run_radtme("config", "check").returncode == 0
    shown = run_radtme("config", "show", RADTME_LISTENER_PORT="4711").stdout
    assert "port: 4711" in shown
    assert "# environment RADTME_LISTENER_PORT" in shown
    (tmp_path / "radtme.yaml").write_text("data: .\nlistner: {}\n")
    wrong = run_radtme("config", "check")
    assert wrong.returncode == 2
    assert "radtme.yaml:2: listner: unknown key; did you mean 'listener'?" in wrong.stderr


def test_the_list_of_commands_is_grouped_and_fits_into_80_columns():
    """One line for each command, under the title of its group."""
    lines = CliRunner().invoke(radtme, ["--help"], terminal_width=80).output.splitlines()
    for title, commands in GROUPS.items():
        start = lines.index(f"{title}:")
        shown = lines[start + 1 : start + 1 + len(commands)]
        assert [line.split()[0] for line in shown] == list(commands)
        assert [line.split(maxsplit=1)[1] for line in shown] == [words for _, words in commands.values()]
    assert max(map(len, lines)) <= 80


def test_each_example_stands_on_a_line_of_its_own():
    """Examples are copied: none is wrapped, also not of a subcommand."""
    for words, examples in ((["echo"], 3), (["retry"], 3), (["quarantine", "drop"], 1)):
        shown = CliRunner().invoke(radtme, [*words, "--help"], terminal_width=80).output
        after = shown.partition("Examples:\n")[2].splitlines()
        assert len([line for line in after if line.startswith("    radtme ")]) == examples, shown


def all_commands(command=radtme, path=()):
    """Yield the path of each command and group."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name), (*path, name))


@pytest.mark.parametrize("path", list(all_commands()), ids=" ".join)
def test_help_cuts_no_sentence_at_80_columns(path):
    """Summaries, options and examples are whole, and no line is longer than a narrow terminal."""
    shown = CliRunner().invoke(radtme, [*path, "--help"], terminal_width=80).output
    usage, _, rest = shown.partition("\n")
    assert "..." not in rest
    assert max(map(len, [usage, *rest.splitlines()])) <= 80


def test_a_cut_sentence_would_be_noticed():
    """What click shows by itself of a long first sentence."""

    @click.group
    def group() -> None:
        pass

    @group.command
    def one() -> None:
        """Do something that takes so many words to describe that no terminal of 80 columns shows them in one line."""

    assert "..." in CliRunner().invoke(group, ["--help"], terminal_width=80).output
    show_whole_summaries(group)
    shown = CliRunner().invoke(group, ["--help"], terminal_width=80).output
    assert "in one line." in " ".join(shown.split())


def test_former_names_of_options_are_taken_and_not_shown(tmp_path):
    """A script for an earlier version keeps working, with a warning that names the present option."""
    shown = CliRunner().invoke(radtme, ["demo", "--help"]).output
    assert "--output" in shown
    assert "--keep" not in shown
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    for former in (["--keep", str(tmp_path / "full")], [f"--keep={tmp_path / 'full'}"]):
        done = CliRunner().invoke(radtme, ["demo", *former])
        assert "warning: --keep is called --output now" in done.stderr
        assert "No such option" not in done.stderr


def test_one_thing_has_one_name_in_every_command():
    """Parallelism, a time limit, an output folder and the configuration file."""
    names = {option for _, command in every_command() for each in command.params for option in each.opts}
    assert not names & {"--jobs", "--keep", "--folder", "--limit", "--processes", "--out", "--time-limit", "--to"}
    assert {"--concurrency", "--timeout", "--output", "--config", "--target"} <= names


def test_no_command_takes_its_output_folder_as_an_argument(tmp_path):
    """--output names it everywhere; an argument, as in earlier versions, is accepted with a warning."""
    shown = CliRunner().invoke(radtme, ["cohort", "simulate", "--help"]).output
    assert shown.startswith("Usage: radtme cohort simulate [OPTIONS]\n")
    (tmp_path / "file").write_text("")
    former = CliRunner().invoke(radtme, ["cohort", "simulate", str(tmp_path / "cohort"), "--patients", "1"])
    assert "'--patients': expected a whole number (at least 10), found 1" in former.output
    for words in ([], ["one", "--output", "another"]):
        done = CliRunner().invoke(radtme, ["signature", "build-research", *words])
        assert done.exit_code == ExitCode.USAGE
        assert "--output FOLDER" in done.output
    few = ["--cases", "2", "--held-out", "0"]
    done = CliRunner().invoke(radtme, ["signature", "build-research", str(tmp_path / "bundles"), *few])
    assert "warning: the output folder is given with --output now" in done.output
    assert "5 hot patients" in done.output


def every_command(command=radtme, path=()):
    """Yield each command without subcommands, with its path."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from every_command(command.get_command(context, name), (*path, name))
    else:
        yield path, command


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell):
    """The script names the variable that makes radtme answer; the answer names commands with their summaries."""
    script = CliRunner().invoke(radtme, ["completion", shell]).output
    assert "_RADTME_COMPLETE" in script
    names = [item.value for item in radtme.shell_complete(click.Context(radtme), "st")]
    assert names == ["status-page", "status"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stat"], "error: no such command 'stat'; did you mean 'status'?\n       radtme --help explains it\n"),
        (["--fast"], "error: no such option '--fast'\n       radtme --help explains it\n"),
        (["quarantine", "show"], "error: missing argument 'NAME'\n       radtme quarantine show --help explains it\n"),
        (["send", ".", "--timeot", "3"], "error: no such option '--timeot'; did you mean '--target' or '--timeout'?"),
        (["send", ".", "--timeout", "nan"], "error: invalid value for '--timeout': expected a number (more than 0), f"),
        (["send", ".", "--timeout", "inf"], "found inf\n"),
        (["send", ".", "--timeout", "0"], "found 0\n"),
        (["work", "--concurrency", "1.5"], "expected a whole number (at least 1), found 1.5\n"),
        (["signature", "build-research", "--output", "b", "--cases", "-5"], "(at least 1), found -5\n"),
        (["signature", "build-research", "--output", "b", "--seed", "-1"], "(at least 0), found -1\n"),
        (["cohort", "simulate", "--sites", "5"], "expected a whole number (1 to 4), found 5\n"),
        (["demo", "--input", __file__], f"'--input': expected a folder, found the file '{__file__}'\n"),
        (["rescore", "/"], "error: invalid value for 'REPORT': expected a file, found the folder '/'\n"),
        (["check", "/nowhere"], "error: invalid value for 'FILE_OR_FOLDER': '/nowhere' does not exist\n"),
    ],
)
def test_wrong_arguments_are_said_in_the_style_of_all_errors(words, told):
    """One line and the command that explains more; no usage line, no notation such as x>0."""
    done = CliRunner().invoke(radtme, words)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert told in done.stderr


@pytest.mark.parametrize("words", ["radtme status", "radtme --help"])
def test_a_reader_that_has_seen_enough_is_no_failure(words, tmp_path, put_job):
    """As with `radtme status | head -1`: exit code 0 and no message, whatever prints the output."""
    for number in range(200):
        put_job(f"1.2.{number}", JobState.DONE)
    script = f"{words} | true; echo ${{PIPESTATUS[0]}}"
    ran = in_shell(script, tmp_path)
    assert (ran.stdout, ran.stderr) == ("0\n", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_the_null_device(closed, tmp_path, put_job):
    """The ledger, which is opened next, must not get its number: what is printed would be written into it."""
    put_job("1.2.9", JobState.DONE)
    ran = in_shell(f"radtme status {closed}; echo $?; radtme spool check", tmp_path)
    lines = ran.stdout.splitlines()
    assert lines[-2:] == ["0", "spool: no damage found"]
    assert ("1 done" in ran.stdout) is (">&-" not in closed.replace("2>&-", ""))
    assert ran.stderr == ""


def in_shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in a folder, whose subfolders are its data."""
    (folder / "radtme.yaml").write_text("data: .")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", list(all_commands()), ids=" ".join)
def test_help_says_ranges_in_words(path):
    """Not as `x>0`."""
    assert not re.search(r"x[<>]|[<>]=?x", CliRunner().invoke(radtme, [*path, "--help"]).output)
