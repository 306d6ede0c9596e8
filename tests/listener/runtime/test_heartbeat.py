"""The signs of life of the parts: they show what runs, also after a crash."""

import json
import os
import subprocess
import sys
from pathlib import Path

from listener.runtime.heartbeat import SILENT_SECONDS, Heartbeat, Part, read_parts
from support.processes import wait_until


def test_a_part_is_seen_while_it_runs_and_not_after_its_end(tmp_path: Path) -> None:
    """With what it does, where and in which version."""
    heartbeat = Heartbeat(tmp_path / "parts", [Part.COMPUTE, Part.DELIVERY])
    assert read_parts(tmp_path / "parts") == ()
    heartbeat.start()
    (part,) = read_parts(tmp_path / "parts")
    assert part.parts == (Part.COMPUTE, Part.DELIVERY)
    assert (part.pid, part.is_alive) == (os.getpid(), True)
    heartbeat.stop()
    assert read_parts(tmp_path / "parts") == ()


def test_a_killed_part_is_known_at_once_and_replaced_by_its_successor(tmp_path: Path) -> None:
    """Its file stays behind; its process does not."""
    program = "import sys; from pathlib import Path; from listener.runtime.heartbeat import Heartbeat, Part; "
    program += "Heartbeat(Path(sys.argv[1]), [Part.LISTENER]).start(); import os; os._exit(9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    (killed,) = read_parts(tmp_path)
    assert not killed.is_alive
    heartbeat = Heartbeat(tmp_path, [Part.LISTENER])
    heartbeat.start()
    (successor,) = read_parts(tmp_path)
    heartbeat.stop()
    assert successor.pid == os.getpid()


def test_a_successor_with_the_same_number_is_another_process(tmp_path: Path) -> None:
    """Process 1 of a container that was restarted: its predecessor's file does not stand for it."""
    heartbeat = Heartbeat(tmp_path, [Part.LISTENER])
    heartbeat.start()
    (path,) = tmp_path.glob("*.json")
    own = json.loads(path.read_text())
    heartbeat.stop()
    path.write_text(json.dumps({**own, "started": own["started"] - 100, "version": "0.0.9"}))
    (former,) = read_parts(tmp_path)
    assert former.seconds_silent < SILENT_SECONDS
    assert not former.is_alive
    successor = Heartbeat(tmp_path, [Part.LISTENER])
    successor.start()
    (part,) = read_parts(tmp_path)
    successor.stop()
    assert (part.is_alive, part.version) == (True, own["version"])


def test_a_file_of_an_earlier_version_is_a_part(tmp_path: Path) -> None:
    """It does not state when its process started."""
    heartbeat = Heartbeat(tmp_path, [Part.LISTENER])
    heartbeat.start()
    (path,) = tmp_path.glob("*.json")
    own = json.loads(path.read_text())
    del own["started"]
    path.write_text(json.dumps(own))
    (part,) = read_parts(tmp_path)
    heartbeat.stop()
    assert part.is_alive


def test_a_part_that_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    """Its process exists, but its file grows old."""
    heartbeat = Heartbeat(tmp_path, [Part.LISTENER])
    heartbeat.start()
    (path,) = tmp_path.glob("*.json")
    long_ago = path.stat().st_mtime - SILENT_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    (part,) = read_parts(tmp_path)
    heartbeat.stop()
    assert not part.is_alive
    assert part.seconds_silent > SILENT_SECONDS


def test_a_damaged_file_is_no_part(tmp_path: Path) -> None:
    """What a crash left half written must not stop a command that reads the others."""
    (tmp_path / "listener-host-1.json").write_text("{")
    (tmp_path / "listener-host-2.json").write_text('{"parts": ["kitchen"]}')
    assert read_parts(tmp_path) == ()


ON_A_FULL_DISK = """
import os, resource, sys
from pathlib import Path
from listener.runtime.heartbeat import Heartbeat, Part
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
counts = []
for number in range(5):
    heartbeat = Heartbeat(Path(sys.argv[1]), [Part.LISTENER])
    heartbeat.start()
    heartbeat.stop()
    counts.append(len(os.listdir("/proc/self/fd")))
print(*counts, file=sys.stderr)
"""


def test_a_sign_of_life_that_cannot_be_written_leaves_no_file_open(tmp_path: Path) -> None:
    """It is tried again every few seconds for as long as the disk is full."""
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    *warnings, counts = (done.stdout + done.stderr).splitlines()
    assert ["heartbeat_failed" in line for line in warnings] == [True] * 5
    assert len(set(counts.split())) == 1


WITHOUT_DESCRIPTORS = """
import os, resource, sys
from contextlib import suppress
from pathlib import Path
from listener.runtime import heartbeat
heartbeat.BEAT_SECONDS = 0.02
shown = heartbeat.Heartbeat(Path(sys.argv[1]), [heartbeat.Part.LISTENER])
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
shown.start()
taken = []
for line in sys.stdin:
    with suppress(OSError):
        while line == "take\\n":
            taken.append(os.open(os.devnull, os.O_RDONLY))
    while line == "give\\n" and taken:
        os.close(taken.pop())
"""


def test_a_part_that_can_open_no_more_files_says_so(tmp_path: Path) -> None:
    """It cannot open the file in which it would say so either; when others were closed, it takes it back."""

    def wait_for(few: int | None) -> None:
        wait_until(lambda: [part.few_descriptors for part in read_parts(tmp_path)] == [few], 30, f"few: {few}")

    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        wait_for(None)
        for word, few in (("take", 0), ("give", None)):
            print(word, file=process.stdin, flush=True)
            wait_for(few)
        process.stdin.close()
