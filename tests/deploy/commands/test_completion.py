"""`radtme completion`: a command, a subcommand and an option, completed with the Tab key by real shells."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
SECONDS = 120.0
"""Each completion starts the program once, on a machine that may be busy."""
LOAD = {
    "bash": (["bash", "--noprofile", "--norc", "-i"], 'eval "$(radtme completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -D; eval "$(radtme completion zsh)"'),
}


class Terminal:
    """A shell that believes that a person types."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    def types(self, text: str) -> None:
        """Press keys; what was shown before is forgotten."""
        self.shown = ""
        os.write(self._descriptor, text.encode())

    def shows(self, text: str) -> None:
        """Wait until the screen shows a text."""
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < end, f"{text!r} is not in {self.shown!r}"
            if select.select([self._descriptor], [], [], 0.2)[0]:
                self.shown += os.read(self._descriptor, 4096).decode(errors="replace")


@contextmanager
def terminal(command: list[str], home: Path) -> Iterator[Terminal]:
    """Run a shell in a terminal that finds `radtme`; end it."""
    controller, side = pty.openpty()
    environment = {"PATH": f"{PROGRAMS}{os.pathsep}{os.defpath}", "HOME": str(home), "TERM": "dumb", "PS1": "$ "}
    shell = subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, env=environment, cwd=home, start_new_session=True
    )
    os.close(side)
    try:
        yield Terminal(controller)
    finally:
        shell.kill()
        shell.wait()
        os.close(controller)


@pytest.mark.parametrize("shell", LOAD)
def test_a_shell_completes_commands_and_options(shell: str, tmp_path: Path) -> None:
    """The Tab key completes what is typed, after the script was loaded as the help says."""
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    command, load = LOAD[shell]
    with terminal(command, tmp_path) as person:
        person.types(f"{load}; echo loaded-$((40 + 2))\n")
        person.shows("loaded-42")
        person.types("radtme quar\t")
        person.shows("radtme quarantine ")
        person.types("dr\t")
        person.shows("drop ")
        person.types("--wh\t")
        person.shows("--why ")


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_commands_and_options(tmp_path: Path) -> None:
    """Fish prints what it would complete, with what it means."""
    environment = {"PATH": f"{PROGRAMS}{os.pathsep}{os.defpath}", "HOME": str(tmp_path)}

    def completed(line: str) -> list[list[str]]:
        script = f'radtme completion fish | source; complete --do-complete "{line}"'
        done = subprocess.run(["fish", "-c", script], env=environment, capture_output=True, text=True, check=True)
        return [shown.split("\t") for shown in done.stdout.splitlines()]

    assert completed("radtme quar") == [["quarantine", "Show and remove objects that could not be used"]]
    assert [shown[0] for shown in completed("radtme quarantine dr")] == ["drop"]
    assert completed("radtme quarantine drop --wh") == [["--why", "Recorded in the audit trail."]]
