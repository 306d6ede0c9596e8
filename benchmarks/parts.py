"""Single parts of a case, each in this process: headers, prediction, start of a worker, whole cases.

They are compared with the first release, which runs in turn. Its seconds for the prediction were measured on another
day. They are scaled by what a yardstick takes now, in turn with it: pydicom's reader on 160 headers, which took 0.138 s
of CPU then. It is none of our code, which changes.
"""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import SimpleITK as sitk
from aims import Row, cpu_seconds
from first_release import FirstRelease, first_release, unpack
from generated_study import StudyFiles, br06, write_study
from pydicom import dcmread
from pynetdicom.dsutils import encode
from study import CpuSeconds, ours

from model_store.signatures.bundle import load_bundle
from model_store.signatures.canary import from_npz
from model_store.signatures.profile import HAN2024
from model_store.signatures.registry import shipped_bundle
from model_store.signatures.signature import Signature
from workers.images.headers import read_image_headers
from workers.results.result_roles import ResultRole
from workers.stages import Stage
from workers.targets.implicit_vr import in_implicit_vr

YARDSTICK_SECONDS = 0.138
HEADERS = {3: (8.0, 0.1), 6: (9.0, 0.2), 10: (9.7, 0.3)}
"""How many times less than the first release, or how many seconds, by the number of phases of 160 images."""
START_AIM = (2.93, 1.5)
"""The same, of the start of a worker."""
CASES = {20.0: 4.0, 40.0: 6.0, 60.0: 9.0}
"""How many times less than the first release a case has to take from ready to written, by the diameter in mm."""
BR06_AIM, STAGE_AIM = 10.0, 3.0
BR06_STAGES = (Stage.READ, Stage.RING, Stage.SEGMENTATION, Stage.REPORTS, Stage.WRITE)
"""Headers, ring, SEG, both reports, encoding. Each has to take a third of what it took."""
IMPLICIT_VR = (3.1, 0.05)
"""Seconds before, and to reach, of a delivery to a target that takes Implicit VR alone."""
START = """
import os, time
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
from listener.runtime.loading import NOT_USED, without_collections, without_packages
with without_collections(), without_packages(*NOT_USED):
    import workers.jobs.app
    from workers.jobs.preloading import load_libraries
    load_libraries()
print(time.process_time())
"""
"""What `radtme work` loads before it takes work."""
FORMER_START = "import time, workers.app; print(time.process_time())"
FORMER_HEADERS = """
import sys, time
from pathlib import Path
from workers.headers import read_image_headers
images = [Path(one) for one in sys.argv[2:]]
read_image_headers(images)
start = time.process_time()
found = [read_image_headers(images) for _ in range(int(sys.argv[1]))]
print(time.process_time() - start)
"""


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure each part."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory(prefix="radtme-parts-") as name:
        files, code = write_study(Path(name)), Path(name) / "first"
        unpack(code)
        for phases, (aim, limit) in HEADERS.items():
            many = [files.images] * phases
            yield _beside_first(
                f"headers of {phases} phases x 160 images",
                partial(_python, FORMER_HEADERS, str(phases), *map(str, files.images), code=code),
                partial(_as_worker, lambda series=many: [read_image_headers(one) for one in series]),
                aim,
                limit,
                rounds,
            )
        start = partial(_python, FORMER_START, code=code), partial(_python, START)
        yield _beside_first("start of a worker: CPU of all imports", *start, *START_AIM, rounds)
        yield Yardstick(files, rounds)("prediction of 100 cases", 0.67, _prediction(), 6.7 / 0.26)
    yield from _cases(rounds)


def _beside_first(
    name: str, before: Callable[[], float], now: Callable[[], float], aim: float, limit: float, rounds: int
) -> Row:
    """Return the row of a part; both return its CPU seconds, and run in turn. The first round is not counted."""
    pairs = [(before(), now()) for _ in range(rounds + 1)][1:]
    then, this = (median(column) for column in zip(*pairs, strict=True))
    return Row(name, then, this, "s", aim, limit=limit)


class Yardstick:
    """Measures parts, each alternately with the yardstick."""

    def __init__(self, files: StudyFiles, rounds: int) -> None:
        self._files = files
        self._rounds = rounds

    def __call__(self, name: str, before: float, run: Callable[[], float], aim: float) -> Row:
        """Return the row of a part; ``run`` returns its CPU seconds, ``before`` are those of the first release."""
        run()
        pairs = [(cpu_seconds(self._read_as_before), run()) for _ in range(self._rounds)]
        yardstick, now = (median(column) for column in zip(*pairs, strict=True))
        return Row(name, before * yardstick / YARDSTICK_SECONDS, now, "s", aim)

    def _read_as_before(self) -> None:
        for path in self._files.images:
            dcmread(path, stop_before_pixels=True)


def _prediction() -> Callable[[], float]:
    bundle = shipped_bundle()
    forest, probes = load_bundle(bundle).estimator, from_npz((bundle / "canary.npz").read_bytes()).inputs
    return partial(cpu_seconds, lambda: [forest.predict_proba(probes[:1]) for _ in range(100)])


def _cases(rounds: int) -> Iterator[Row]:
    signature = load_bundle(shipped_bundle())
    former = replace(signature, description=replace(signature.description, profile=HAN2024))
    with (
        tempfile.TemporaryDirectory(prefix="radtme-first-") as folder,
        first_release(Path(folder)) as first,
    ):
        for diameter, aim in CASES.items():
            with tempfile.TemporaryDirectory(prefix="radtme-case-") as name:
                files = write_study(Path(name), tumour_diameter_mm=diameter)
                yield from _in_turn(f"{diameter:.0f} mm", first, files, {"": signature}, Path(name), rounds, aim)
        files = br06()
        with tempfile.TemporaryDirectory(prefix="radtme-case-") as name:
            signatures = {"": signature, ", profile of the first release": former}
            yield from _in_turn("br06", first, files, signatures, Path(name), rounds, BR06_AIM, BR06_STAGES)
            yield _implicit_vr([Path(name) / f"{role}.dcm" for role in ResultRole])


def _in_turn(
    case: str,
    first: FirstRelease,
    files: StudyFiles,
    signatures: Mapping[str, Signature],
    folder: Path,
    rounds: int,
    aim: float,
    stages: Sequence[Stage] = (),
) -> Iterator[Row]:
    """Yield the rows of a case, of the first release and of each signature in turn; the first round is not counted."""
    before: list[Mapping[str, float]] = []
    now: dict[str, list[Mapping[str, float]]] = {words: [] for words in signatures}
    for _ in range(rounds + 1):
        before.append(first.run(files))
        for words, signature in signatures.items():
            timer = CpuSeconds()
            seconds = _as_worker(partial(ours, files, signature, folder, timer))
            now[words].append({"all": seconds, **timer.seconds})
    for words, runs in now.items():
        for stage in ("all", *(one.value for one in stages)):
            then, this = (median(one[stage] for one in column[1:]) for column in (before, runs))
            what = f"ready to written, {case}" if stage == "all" else f"{Stage(stage).shown}, {case}"
            yield Row(f"{what}{words}", then, this, "s", aim if stage == "all" else STAGE_AIM)


def _implicit_vr(objects: Sequence[Path]) -> Row:
    """Compare the objects of a case, read and encoded for a target, with what pynetdicom does by itself."""

    def converted() -> None:
        for path in objects:
            encode(in_implicit_vr(dcmread(path)), is_implicit_vr=True, is_little_endian=True)

    def encoded_anew() -> None:
        for path in objects:
            encode(dcmread(path), is_implicit_vr=True, is_little_endian=True)

    before, to_reach = IMPLICIT_VR
    anew, ours_ = cpu_seconds(encoded_anew), median(cpu_seconds(converted) for _ in range(5))
    return Row(
        "delivery in Implicit VR: encoding, against pynetdicom", anew, ours_, "s", before / to_reach, limit=to_reach
    )


def _as_worker(run: Callable[[], object]) -> float:
    """Return the CPU seconds of one call; looks for reference cycles are as in `radtme work`: few, not in libraries."""
    usual = gc.get_threshold()
    gc.collect()  # or a look that the measurements before have made due, 0.12 s, would count for this one
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        return cpu_seconds(run)
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _python(program: str, *arguments: str, code: Path | None = None) -> float:
    """Return the seconds that a program prints, in a process of its own; ``code`` is what it imports before ours."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(code)} if code else {})
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=code)
    return float(done.stdout.strip().splitlines()[-1])
