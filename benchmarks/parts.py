"""Single parts of a case, each in this process: headers, prediction, start of a worker, whole cases.

Whole cases and their stages are compared with the first release, which runs in turn. Its seconds for headers,
prediction and start were measured on another day. They are scaled by what a yardstick takes now, in turn with each
part: pydicom's reader on 160 headers, which took 0.138 s of CPU then. It is none of our code, which changes.
"""

import gc
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
from first_release import FirstRelease, first_release
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
HEADERS = {3: (0.8, 0.1), 6: (1.8, 0.2), 10: (2.9, 0.3)}
"""Seconds before, and to reach, by the number of phases of 160 images."""
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
from listener.runtime.loading import without_collections
with without_collections():
    import workers.jobs.app
    from workers.jobs.preloading import load_libraries
    load_libraries()
print(time.process_time())
"""
"""What `radtme work` loads before it takes work."""


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure each part."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    gc.set_threshold(50_000, 20, 100)  # as in a worker
    with tempfile.TemporaryDirectory(prefix="radtme-parts-") as name:
        files = write_study(Path(name))
        beside = Yardstick(files, rounds)
        for phases, (before, to_reach) in HEADERS.items():
            many = [files.images] * phases
            run = partial(cpu_seconds, lambda series=many: [read_image_headers(one) for one in series])
            yield beside(f"headers of {phases} phases x 160 images", before, run, before / to_reach)
        yield beside("prediction of 100 cases", 0.67, _prediction(), 6.7 / 0.26)
        yield beside("start of a worker: CPU of all imports", 4.4, lambda: float(_python(START)), 4.4 / 1.5)
    yield from _cases(rounds)


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
            seconds = cpu_seconds(partial(ours, files, signature, folder, timer))
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
    return Row("delivery in Implicit VR: encoding, against pynetdicom", anew, ours_, "s", before / to_reach)


def _python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]
