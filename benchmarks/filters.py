"""The four LoG filters of a case, against the first release's: whole-image profile, a 20 mm tumour and br06.

CPU seconds of one thread, medians of rounds in which both filter the same volume, alternately; the largest difference
of a filtered voxel is compared in the same run.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from aims import Row, cpu_seconds
from generated_study import br06, write_study
from numpy.typing import NDArray

from model_store.signatures.profile import HAN2024
from workers.features.interpolation import interpolation
from workers.features.laplacian_of_gaussian import MARGIN_SIGMAS, laplacians_of_gaussian
from workers.features.measurement import measure
from workers.features.resampling import Ranges, Source, contract
from workers.features.ring import geometric_ring
from workers.images.voxels import box_of

AIM = 3.0
TOLERANCE = 1e-6
"""Of the range of filtered values."""


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure both cases."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = write_study(Path(folder))
        yield _compared("20 mm tumour", *_region(list(files.images), files.seg), rounds)
    real = br06()
    yield _compared("br06", *_region(list(real.images), real.seg), rounds)


def _region(images: list[Path], seg: Path) -> tuple[Source, Ranges]:
    """Return what the filters of a case read, and the box of tumour and ring on the resampled grid."""
    surroundings = measure(images, seg, HAN2024).surroundings
    assert surroundings is not None
    resampled = surroundings.resampled
    ring = geometric_ring(resampled.tumour, HAN2024.ring_inner_mm, HAN2024.ring_outer_mm, HAN2024.spacing_mm)
    z, y, x = (
        (start + part.start, start + part.stop)
        for (start, _), part in zip(resampled.ranges, box_of(resampled.tumour | ring), strict=True)
    )
    return resampled.source, (z, y, x)


def _compared(name: str, source: Source, ranges: Ranges, rounds: int) -> Row:
    sigmas = HAN2024.log_sigmas_mm
    former, ours = [], []
    for _ in range(rounds):
        former.append(cpu_seconds(partial(_as_first_released, source, ranges, sigmas)))
        ours.append(cpu_seconds(lambda: list(laplacians_of_gaussian(source, ranges, sigmas))))
    pairs = zip(_as_first_released(source, ranges, sigmas), laplacians_of_gaussian(source, ranges, sigmas), strict=True)
    if max(float(np.abs(one - other).max() / np.ptp(one)) for one, other in pairs) > TOLERANCE:
        sys.exit(f"LoG filters, {name}: the filtered voxels differ by more than {TOLERANCE:g} of their range")
    return Row(f"LoG filters, {name}", 1000 * statistics.median(former), 1000 * statistics.median(ours), "ms", AIM)


def _as_first_released(source: Source, ranges: Ranges, sigmas_mm: tuple[float, ...]) -> list[NDArray[np.float64]]:
    """Filter with each sigma by itself, z first: the impulse responses of whole axes, every voxel of the block."""
    found = []
    for sigma_mm in sigmas_mm:
        both, columns = [], []
        for axis, (start, stop) in zip(source.axes, ranges, strict=True):
            margin = int(np.ceil(MARGIN_SIGMAS * sigma_mm / axis.spacing_mm))
            low, high = max(0, start - margin), min(axis.size, stop + margin)
            near = interpolation(axis, low, high)
            responses = (_response(axis.size, sigma_mm / axis.spacing_mm, order) for order in (0, 2))
            both.append([one[start:stop, low:high] @ near.matrix for one in responses])
            columns.append(near.columns)
        (smooth_z, curve_z), (smooth_y, curve_y), (smooth_x, curve_x) = both
        values = contract(np.concatenate([smooth_z, curve_z]), source.z_scores((columns[0], columns[1], columns[2])), 0)
        smooth, curve = values[: len(smooth_z)], values[len(smooth_z) :]
        flat = contract(curve_y, smooth, 1) + contract(smooth_y, curve, 1)
        found.append(contract(curve_x, contract(smooth_y, smooth, 1), 2) + contract(smooth_x, flat, 2))
    return found


def _response(size: int, sigma_voxels: float, order: int) -> NDArray[np.float64]:
    recursive = sitk.RecursiveGaussianImageFilter()
    recursive.SetSigma(sigma_voxels)
    recursive.SetDirection(0)
    recursive.SetOrder(order)
    recursive.SetNormalizeAcrossScale(True)
    return np.asarray(sitk.GetArrayFromImage(recursive.Execute(sitk.GetImageFromArray(np.eye(size)))).T)
