"""One study from files to results: each library's documented way against ours, in CPU seconds of one run.

160 slices of 448 x 448 and a tumour of 20 mm; one thread. The documented way is what a reader of each library's own
documentation would write: SimpleITK's series reader, whole-image normalisation and resampling, pyradiomics'
extractor on the whole image with the same settings, once for each region. The ring of the documented way is ours,
because no library has one; its time is counted on both sides. The documented results are a SEG over all slices and one
report; ours are SEG, key image and two reports, each synced to disk. Exits with 1 where the aim is missed.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/study.py [--profile han2024] [--repeat 3]
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics import featureextractor

sys.path.insert(0, str(Path(__file__).resolve().parent))

from aims import HEADER, Row, print_rows
from documented_results import write_report, write_segmentation
from generated_study import StudyFiles, write_study

from listener.spool.atomic_files import write_bytes
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, FeatureProfile
from model_store.signatures.registry import shipped_bundle
from model_store.signatures.signature import Signature
from workers.features.filters import image_types, settings_of
from workers.features.measurement import Measurement
from workers.features.regions import Region
from workers.features.ring import geometric_ring
from workers.jobs.case import CaseInputs, examine, headers_for_report, read_header
from workers.jobs.result_objects import build_results
from workers.results.encoding import encoded_file
from workers.stages import Stage

Values = dict[Region, dict[str, float]]
MIN_RATIO = 15


class CpuSeconds:
    """Adds up the CPU seconds of each stage, of all threads of this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: Stage) -> Iterator[None]:
        """Time one stage."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[stage.value] = self.seconds.get(stage.value, 0.0) + time.process_time() - start

    @property
    def total(self) -> float:
        """All stages."""
        return sum(self.seconds.values())


def as_documented(files: StudyFiles, signature: Signature, folder: Path, timer: CpuSeconds) -> Values:
    """Measure tumour and ring, score them and write the results with what the documentation of each library shows."""
    profile = signature.profile
    with timer(Stage.READ):
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(files.images[0].parent)))
        image = reader.Execute()
    with timer(Stage.ROI):
        mask = _mask_on(image, hd.seg.segread(files.seg))
    with timer(Stage.PREPROCESS):
        normalised = sitk.Normalize(sitk.Cast(image, sitk.sitkFloat64)) * profile.intensity_scale
        resampled = _to_1_mm(normalised, sitk.sitkBSpline, profile.spacing_mm)
        tumour = _to_1_mm(mask, sitk.sitkNearestNeighbor, profile.spacing_mm)
    with timer(Stage.RING):
        ring = _ring_of(tumour, profile)
    with timer(Stage.FEATURES):
        extractor = featureextractor.RadiomicsFeatureExtractor(**settings_of(profile))
        extractor.disableAllImageTypes()
        for name, settings in image_types(profile).items():
            extractor.enableImageTypeByName(name, customArgs=settings)
        results = {Region.TUMOUR: extractor.execute(resampled, tumour), Region.RING: extractor.execute(resampled, ring)}
    values = {
        region: {name: float(value) for name, value in found.items() if not name.startswith("diagnostics")}
        for region, found in results.items()
    }
    with timer(Stage.SCORE):
        signature.estimator.predict_proba(np.zeros((1, len(signature.columns))))
    with timer(Stage.SEGMENTATION):
        on_source = {
            Region.TUMOUR: mask,
            Region.RING: sitk.Resample(ring, image, sitk.Transform(), sitk.sitkNearestNeighbor),
        }
        masks = {region: sitk.GetArrayFromImage(found) > 0 for region, found in on_source.items()}
        segmentation = write_segmentation(files.images, masks, folder / "documented_seg.dcm")
    with timer(Stage.REPORTS):
        write_report(segmentation, files.images, values, folder / "documented_sr.dcm")
    return values


def _mask_on(image: sitk.Image, segmentation: hd.seg.Segmentation) -> sitk.Image:
    volume = segmentation.get_volume(combine_segments=False)
    mask = sitk.GetImageFromArray(np.ascontiguousarray(volume.array[..., 0]))
    mask.SetOrigin(volume.position)
    mask.SetSpacing(volume.spacing[::-1])
    mask.SetDirection(volume.direction[:, ::-1].ravel().tolist())
    return sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def _to_1_mm(image: sitk.Image, interpolator: int, spacing_mm: float) -> sitk.Image:
    size = [int(np.floor(n * s / spacing_mm + 0.5)) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    first = [(spacing_mm - step) / 2 for step in image.GetSpacing()]
    origin = np.array(image.GetOrigin()) + np.array(image.GetDirection()).reshape(3, 3) @ first
    spacing = (spacing_mm,) * 3
    return sitk.Resample(
        image, size, sitk.Transform(), interpolator, origin.tolist(), spacing, image.GetDirection(), 0.0
    )


def _ring_of(tumour: sitk.Image, profile: FeatureProfile) -> sitk.Image:
    array = sitk.GetArrayFromImage(tumour) > 0
    where = tuple(slice(hit.min() - 6, hit.max() + 7) for hit in np.nonzero(array))
    ring: NDArray[np.uint8] = np.zeros(array.shape, dtype=np.uint8)
    ring[where] = geometric_ring(array[where], profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm)
    image = sitk.GetImageFromArray(ring)
    image.CopyInformation(tumour)
    return image


def ours(
    files: StudyFiles, signature: Signature, folder: Path, timer: CpuSeconds, segment_number: int | None = None
) -> Measurement:
    """Do what a worker does between "ready" and "objects written": SEG, key image and both reports."""
    inputs = CaseInputs(files.seg, files.images, not_complete=None, segment_number=segment_number)
    case = examine(inputs, signature, timer)
    if case.measurement is None:
        raise SystemExit(f"the study was refused: {case.result.rejection}")
    headers = headers_for_report(inputs, case.measurement)
    objects = build_results(case.result, read_header(files.seg), case.measurement, headers, timer=timer)
    with timer(Stage.WRITE):
        for role, dataset in objects.items():
            write_bytes(folder / f"{role}.dcm", encoded_file(dataset))
    return case.measurement


def best_of(run: Callable[[CpuSeconds], object], repeat: int) -> CpuSeconds:
    """Run several times and return the cheapest: other programs only ever add time."""
    timers = []
    for _ in range(repeat):
        timer = CpuSeconds()
        run(timer)
        timers.append(timer)
    return min(timers, key=lambda timer: timer.total)


def print_table(documented: CpuSeconds, own: CpuSeconds) -> None:
    """Print CPU seconds by stage, and how many times less ours are."""
    print(f"{'stage':<12} {'documented':>11} {'ours':>8} {'ratio':>7}")
    for stage in Stage:
        theirs, mine = documented.seconds.get(stage.value), own.seconds.get(stage.value)
        if theirs is not None or mine is not None:
            shown = [f"{value:.3f}" if value is not None else "-" for value in (theirs, mine)]
            ratio = f"{theirs / mine:.1f}" if theirs and mine else ""
            print(f"{stage.value:<12} {shown[0]:>11} {shown[1]:>8} {ratio:>7}")
    print(f"{'all':<12} {documented.total:>11.3f} {own.total:>8.3f} {documented.total / own.total:>7.1f}")


def largest_difference(documented: Values, measurement: Measurement) -> tuple[float, str]:
    """Return the largest relative difference of a feature, and its name; a grey value counts relative to the range."""
    differences = []
    for region in measurement.regions:
        theirs = documented[region.region]
        for name, value in region.features.items():
            image, _, feature = name.split("_")
            is_grey_value = feature in ("Mean", "Median", "Minimum", "Maximum", "10Percentile", "90Percentile")
            scale = theirs[f"{image}_firstorder_Range"] if is_grey_value else abs(theirs[name])
            differences.append((abs(value - theirs[name]) / max(scale, 1e-12), f"{region.region}_{name}"))
    return max(differences)


@dataclass(frozen=True)
class Compared:
    """A study, measured in both ways."""

    profile: str
    documented: CpuSeconds
    own: CpuSeconds
    difference: float
    """The largest relative one of a feature."""
    feature: str
    """Which one that is."""

    @property
    def row(self) -> Row:
        """The totals beside the aim."""
        name = "one study, against each library's documented way"
        return Row(name, self.documented.total, self.own.total, "s", MIN_RATIO)


def compared(profile: FeatureProfile, repeat: int) -> Compared:
    """Write a study, and measure it in both ways; of ``repeat`` runs of ours, the cheapest counts."""
    shipped = load_bundle(shipped_bundle())
    signature = replace(shipped, description=replace(shipped.description, profile=profile))
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory(prefix="radtme-bench-") as name:
        folder = Path(name)
        files = write_study(folder)
        theirs = CpuSeconds()
        values = as_documented(files, signature, folder, theirs)
        own = best_of(lambda timer: ours(files, signature, folder, timer), repeat)
        difference, feature = largest_difference(values, ours(files, signature, folder, CpuSeconds()))
    return Compared(profile.name, theirs, own, difference, feature)


def rows(rounds: int = 3) -> Iterator[Row]:
    """Measure a study with the default profile, our way ``rounds`` times."""
    yield compared(DEFAULT_PROFILE, rounds).row


def main() -> int:
    """Run both ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=sorted(PROFILES), default=DEFAULT_PROFILE.name)
    parser.add_argument("--repeat", type=int, default=3, help="runs of our way; the cheapest counts (default: 3)")
    arguments = parser.parse_args()
    found = compared(PROFILES[arguments.profile], arguments.repeat)
    print(f"{found.profile}: 160 slices of 448 x 448, tumour of 20 mm, CPU seconds")
    print_table(found.documented, found.own)
    print(f"largest relative difference of a feature: {found.difference:.1e} ({found.feature})\n\n{HEADER}")
    return 0 if print_rows([found.row]) else 1


if __name__ == "__main__":
    sys.exit(main())
