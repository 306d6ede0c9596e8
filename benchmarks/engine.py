"""The feature engine against pyradiomics: 958 features of a 20 mm tumour and of br06, each with its ring.

CPU seconds of one thread, medians of rounds in which both measure the same arrays, alternately; the images are
resampled and filtered before. The values are compared in the same run. br06 is a real tumour of 36 mL in
../shared/data. Exits with 1 where a ratio is below its aim, br06 is not there, or a value differs.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/engine.py [--rounds 5] [--profile han2024]
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from aims import HEADER, Row, print_rows
from generated_study import br06, write_study

from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, FeatureProfile
from workers.features.engine.choice import Engine
from workers.features.engine.comparison import differences
from workers.features.extraction import intensity_features, shape_features
from workers.features.filters import FilteredImage, filtered_images
from workers.features.measurement import measure
from workers.features.ring import geometric_ring
from workers.images.voxels import box_of

AIMS = {"20 mm tumour": 12.0, "br06": 30.0}
"""How many times faster than pyradiomics the engine has to be."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Filtered images and the masks of tumour and ring, on one grid (z, y, x)."""

    images: tuple[FilteredImage, ...]
    masks: tuple[NDArray[np.bool_], ...]
    spacing_mm: tuple[float, float, float]

    def measured(self, engine: Engine) -> dict[str, float]:
        """Return all features of both regions."""
        return dict(self._features(engine))

    def _features(self, engine: Engine) -> Iterator[tuple[str, float]]:
        for number, mask in enumerate(self.masks):
            box = box_of(mask)
            found = shape_features(mask[box], self.spacing_mm, engine)
            for image in self.images:
                z, y, x = (slice(p.start - by, p.stop - by) for p, by in zip(box, image.start, strict=True))
                part = image.array[z, y, x]
                found |= intensity_features(part, mask[box], self.spacing_mm, image.name, image.discretisation, engine)
            yield from ((f"{number}{name}", value) for name, value in found.items())


def prepared(images: list[Path], seg: Path, profile: FeatureProfile) -> Prepared:
    """Read, resample and filter a case as a worker does; the ring is without exclusions."""
    surroundings = measure(images, seg, profile).surroundings
    assert surroundings is not None
    resampled = surroundings.resampled
    ring = geometric_ring(resampled.tumour, profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm)
    together = box_of(resampled.tumour | ring)
    filtered = tuple(filtered_images(resampled, together, profile))
    return Prepared(filtered, (resampled.tumour, ring), (profile.spacing_mm,) * 3)


def compared(name: str, case: Prepared, rounds: int) -> Row:
    """Return the milliseconds of both engines.

    Raises
    ------
    SystemExit
        Their values differ.
    """
    seconds: dict[Engine, list[float]] = {engine: [] for engine in Engine}
    values: dict[Engine, dict[str, float]] = {}
    for _ in range(rounds):
        for engine in Engine:
            start = time.process_time()
            values[engine] = case.measured(engine)
            seconds[engine].append(time.process_time() - start)
    different = differences(*values.values())
    if different:
        sys.exit(f"{name}: {len(different)} of {len(values[Engine.RADTME])} values differ by more than 1e-6")
    ours, reference = (1000 * statistics.median(seconds[engine]) for engine in Engine)
    return Row(f"{len(values[Engine.RADTME])} features, {name}, against pyradiomics", reference, ours, "ms", AIMS[name])


def rows(rounds: int = 5, profile: FeatureProfile = DEFAULT_PROFILE) -> Iterator[Row]:
    """Measure both cases."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = write_study(Path(folder))
        yield compared("20 mm tumour", prepared(list(files.images), files.seg, profile), rounds)
    real = br06()
    yield compared("br06", prepared(list(real.images), real.seg, profile), rounds)


def main() -> int:
    """Print both rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", choices=sorted(PROFILES), default=DEFAULT_PROFILE.name)
    arguments = parser.parse_args()
    print(HEADER)
    return 0 if print_rows(rows(arguments.rounds, PROFILES[arguments.profile])) else 1


if __name__ == "__main__":
    sys.exit(main())
