"""The script that installs what the tests need, with stand-ins for Debian's own programs."""

import os
import subprocess
from pathlib import Path

import pytest

import deploy

SCRIPT = Path(deploy.__file__).with_name("debian-packages")
PROGRAMS = {
    "dpkg-query": "exit 1",
    "id": "echo 0",
    "apt-get": 'echo "$1" >>said; [ -e policy-rc.d ] && ./policy-rc.d redis-server start; echo $? >>said; exit $FAILS',
}


def prepare(folder: Path, **programs: str) -> None:
    """Put the script, with its policy file and its lock in ``folder``, and all programs there."""
    for name, text in (PROGRAMS | programs).items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    script = SCRIPT.read_text().replace("/usr/sbin/policy-rc.d", "./policy-rc.d").replace("/run/", "./")
    (folder / "script").write_text(script)


def begin(folder: Path, fails: int = 0) -> "subprocess.Popen[bytes]":
    """Start the script. A shell reads it while it runs: several may share it, none may write it again."""
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "FAILS": str(fails), "TMPDIR": str(folder)}
    return subprocess.Popen(["sh", "script", "redis-server"], cwd=folder, env=environment)


def install(folder: Path, fails: int) -> int:
    """Prepare and run the script; return its exit code."""
    prepare(folder)
    return begin(folder, fails).wait()


@pytest.mark.parametrize("fails", [0, 1])
def test_servers_are_not_started_when_they_are_installed(tmp_path: Path, fails: int):
    """While apt-get runs a policy forbids it (101: forbidden); afterwards it is gone, whatever the outcome."""
    assert install(tmp_path, fails) == fails
    said = (tmp_path / "said").read_text().split()
    assert said == (["update", "101"] if fails else ["update", "101", "install", "101"])
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_policy_of_the_machine_is_left_alone(tmp_path: Path):
    """Somebody has decided already."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    policy.chmod(0o755)
    assert install(tmp_path, 0) == 0
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert (tmp_path / "said").read_text().split() == ["update", "104", "install", "104"]


def test_two_calls_at_once_wait_for_each_other(tmp_path: Path):
    """apt-get fails where another one holds its locks; CI makes several environments at once."""
    prepare(tmp_path, **{"apt-get": "echo begins >>said; sleep 0.2; echo ends >>said"})
    both = [begin(tmp_path), begin(tmp_path)]
    assert [one.wait() for one in both] == [0, 0]
    assert (tmp_path / "said").read_text().split() == ["begins", "ends"] * 4
