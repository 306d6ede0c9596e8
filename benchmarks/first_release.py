"""The first release, run in turn with ours: its own code, with the libraries of this environment.

It needs the repository's history, which a shallow clone or a source archive lacks.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from aims import CannotBeMeasured
from generated_study import StudyFiles

COMMIT = "9bfcfc8"
ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import json, logging, sys, time
from pathlib import Path
root, folder = sys.argv[1], Path(sys.argv[2])
sys.path[:0] = [root, f"{root}/benchmarks"]
import SimpleITK as sitk
import study
from generated_study import StudyFiles
from model_store.bundle import load_bundle
from model_store.registry import shipped_bundle
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
logging.getLogger("radiomics").setLevel(logging.ERROR)
signature = load_bundle(shipped_bundle())
print(flush=True)
for line in sys.stdin:
    *images, seg = map(Path, json.loads(line))
    timer = study.CpuSeconds()
    start = time.process_time()
    study.ours(StudyFiles(tuple(images), seg), signature, folder, timer)
    print(json.dumps({"all": time.process_time() - start, **timer.seconds}), flush=True)
"""


class FirstRelease:
    """A process of the first release, which scores the cases that it is given, one after the other."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, files: StudyFiles) -> Mapping[str, float]:
        """Return the CPU seconds of a case: by stage, and of ``all``."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([str(path) for path in (*files.images, files.seg)]) + "\n")
        stdin.flush()
        found: Mapping[str, float] = json.loads(stdout.readline())
        return found


def unpack(folder: Path) -> None:
    """Unpack the first release.

    Raises
    ------
    CannotBeMeasured
        The history lacks it.
    """
    archive = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise CannotBeMeasured(f"rows against the first release: the history has no {COMMIT}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")


@contextmanager
def first_release(folder: Path) -> Iterator[FirstRelease]:
    """Start the first release, in ``folder``. Raises as `unpack`."""
    unpack(folder)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield FirstRelease(process)
    finally:
        process.kill()
        process.wait()
