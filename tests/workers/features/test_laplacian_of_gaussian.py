"""The Laplacian of Gaussian against ITK's filter on the whole image."""

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from workers.features.interpolation import Axis, interpolation
from workers.features.laplacian_of_gaussian import Kernel, laplacians_of_gaussian
from workers.features.recursive_gaussian import Derivative, gaussian_matrix
from workers.features.resampling import Intensities, Ranges, Source

SIGMAS_MM = (1.5, 2.0, 3.0, 5.0)


def on_the_whole_image(source: Source, sigma_mm: float) -> NDArray[np.float64]:
    """Return the filtered image (z, y, x) by pyradiomics' own steps: ITK resamples, then filters everything."""
    image = sitk.GetImageFromArray(source.z_scores((slice(None),) * 3))
    spacing = [axis.source_spacing_mm for axis in reversed(source.axes)]
    image.SetSpacing(spacing)
    size = [axis.size for axis in reversed(source.axes)]
    origin = [0.5 - step / 2 for step in spacing]
    resampled = sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkBSpline, origin, (1.0,) * 3, image.GetDirection(), 0.0
    )
    recursive = sitk.LaplacianRecursiveGaussianImageFilter()
    recursive.SetSigma(sigma_mm)
    recursive.SetNormalizeAcrossScale(True)
    return np.asarray(sitk.GetArrayFromImage(recursive.Execute(resampled)), dtype=np.float64)


def random_case(seed: int) -> tuple[Source, Ranges]:
    """Return a noisy volume of random size and spacing, with air and a bright part, and a region somewhere in it."""
    rng = np.random.default_rng(seed)
    shape = rng.integers((8, 40, 40), (60, 190, 190))
    spacings = rng.uniform((0.8, 0.5, 0.5), (3.0, 1.4, 1.4))
    array = rng.normal(500, 220, shape)
    array[:, : shape[1] // 5] = 0
    array[:, :, -shape[2] // 4 :] += 2500
    z, y, x = (Axis(int(size), float(step), 1.0) for size, step in zip(shape, spacings, strict=True))
    parts = []
    for axis in (z, y, x):
        start = int(rng.integers(0, axis.size - 3)) * int(rng.integers(0, 2))  # half of them begin at the edge
        parts.append((start, int(rng.integers(start + 1, min(axis.size, start + 60) + 1))))
    return Source(array, (z, y, x), Intensities(400.0, 300.0), 100.0), (parts[0], parts[1], parts[2])


@pytest.mark.parametrize("seed", range(12))
def test_any_region_is_that_of_itk_on_the_whole_image(seed: int) -> None:
    """Within the single precision that ITK computes in, at edges and where the image is bright beyond 12 sigma."""
    source, ranges = random_case(seed)
    crop = tuple(slice(start, stop) for start, stop in ranges)
    filtered = laplacians_of_gaussian(source, ranges, SIGMAS_MM)
    for sigma, ours in zip(SIGMAS_MM, filtered, strict=True):
        whole = on_the_whole_image(source, sigma)
        np.testing.assert_allclose(ours, whole[crop], atol=1e-6 * np.ptp(whole))


@pytest.mark.parametrize("seed", range(2))
def test_any_region_is_that_of_ibsi_on_the_whole_image(seed: int) -> None:
    """Scipy's derivatives of a Gaussian, cut off at 4 sigma, edges mirrored: arXiv:2006.05470."""
    source, ranges = random_case(seed)
    crop = tuple(slice(start, stop) for start, stop in ranges)
    whole = source.apply([interpolation(axis, 0, axis.size) for axis in source.axes])
    for sigma, ours in zip(SIGMAS_MM, laplacians_of_gaussian(source, ranges, SIGMAS_MM, Kernel.IBSI), strict=True):
        at = np.arange(-np.floor(4 * sigma + 0.5), np.floor(4 * sigma + 0.5) + 1)
        smooth = np.exp(-(at**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
        second = (at**2 / sigma**4 - 1 / sigma**2) * smooth
        expected = np.zeros(whole.shape)
        for curved in range(3):
            part = whole
            for axis in range(3):
                part = ndimage.correlate1d(part, second if axis == curved else smooth, axis, mode="reflect")
            expected += part
        np.testing.assert_allclose(ours, expected[crop], atol=1e-9 * np.ptp(expected))


def test_a_sigma_is_the_same_alone_and_beside_others() -> None:
    """The largest of the sigmas decides how far the image is read: from 12 sigma on, that changes less than 1e-6."""
    source, ranges = random_case(1)
    together = laplacians_of_gaussian(source, ranges, SIGMAS_MM)
    for sigma, expected in zip(SIGMAS_MM, together, strict=True):
        (alone,) = laplacians_of_gaussian(source, ranges, [sigma])
        np.testing.assert_allclose(alone, expected, atol=1e-6 * np.ptp(expected))


def test_no_sigma_is_no_image() -> None:
    """A signature may use features of the original image alone."""
    source, ranges = random_case(1)
    assert not list(laplacians_of_gaussian(source, ranges, []))


def itk_along_a_line(lines: NDArray[np.float64], sigma: float, derivative: Derivative) -> NDArray[np.float64]:
    """Filter each row."""
    recursive = sitk.RecursiveGaussianImageFilter()
    recursive.SetSigma(sigma)
    recursive.SetDirection(0)
    recursive.SetOrder(derivative.value)
    recursive.SetNormalizeAcrossScale(True)
    return np.asarray(sitk.GetArrayFromImage(recursive.Execute(sitk.GetImageFromArray(lines))))


@pytest.mark.parametrize("derivative", Derivative)
@pytest.mark.parametrize(("size", "rows"), [(4, (0, 4)), (50, (0, 3)), (50, (20, 30)), (50, (44, 50)), (50, (0, 50))])
def test_the_matrix_is_itk_s_filter(derivative: Derivative, size: int, rows: tuple[int, int]) -> None:
    """Every row and column, also of the outermost voxels, which ITK continues beyond the edges."""
    found = gaussian_matrix(Axis(size, 1.0, 1.0), rows, (0, size), 3.0, derivative)
    expected = itk_along_a_line(np.eye(size), 3.0, derivative).T[slice(*rows)]
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(("derivative", "expected"), [(Derivative.SMOOTHED, 1.0), (Derivative.SECOND, 0.0)])
def test_a_single_voxel_continues_on_both_sides(derivative: Derivative, expected: float) -> None:
    """A constant has itself as mean, and no curvature."""
    found = gaussian_matrix(Axis(1, 1.0, 1.0), (0, 1), (0, 1), 2.0, derivative)
    assert found.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("derivative", Derivative)
def test_a_line_may_continue_beyond_what_is_asked_for(derivative: Derivative) -> None:
    """To the last bit: the responses of long lines stand for those of shorter ones."""
    recursive = sitk.RecursiveGaussianImageFilter()
    recursive.SetSigma(2.7)
    recursive.SetDirection(0)
    recursive.SetOrder(derivative.value)
    recursive.SetNormalizeAcrossScale(True)
    for size in (5, 41, 300):
        axis = Axis(size, 1.0, 1.0)
        found = gaussian_matrix(axis, (0, size), (0, size), 2.7, derivative)
        lines = np.zeros((2, 2 * size + 4))
        lines[0, size] = lines[1, 0] = 1
        inside, at_edge = sitk.GetArrayFromImage(recursive.Execute(sitk.GetImageFromArray(lines))).astype(np.float64)
        inside, away = inside[size:], np.abs(np.arange(size) - 1)
        np.testing.assert_array_equal(found[:, 1], inside[away])
        np.testing.assert_array_equal(found[:, 0], inside[:size] + (at_edge[:size] - inside[:size]))
