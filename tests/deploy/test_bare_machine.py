"""The script that tries a bare Debian, with stand-ins for the programs that make one and enter it."""

import os
import subprocess
from pathlib import Path

import pytest

import deploy

SCRIPT = Path(deploy.__file__).with_name("bare-machine")
PROGRAMS = {
    "dpkg-query": "echo install ok installed",
    # The folder that it is to fill is the last word but one: ... RELEASE FOLDER "deb MIRROR RELEASE main".
    "mmdebstrap": 'while [ $# -gt 2 ]; do shift; done; mkdir -p "$1/dev/shm" "$1/proc" "$1/run"',
    "chroot": "echo entered; exec sleep 600",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_signal_ends_what_runs_in_the_root_folder_and_removes_it(tmp_path: Path) -> None:
    """The run ends at once, and its gigabytes are removed."""
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    folder = tmp_path / "roots"
    folder.mkdir()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(folder), "MIRROR": "http://127.0.0.1:9/"}
    with subprocess.Popen(
        ["sh", SCRIPT, "bookworm"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as ran:
        assert ran.stdout is not None
        lines = iter(ran.stdout)
        said = []
        while not said or "entered" not in said[-1]:
            said.append(next(lines, "ended\n"))
            assert said[-1] != "ended\n", "".join(said)
        ran.terminate()
        assert ran.wait(timeout=60) == 130
    assert list(folder.iterdir()) == []
