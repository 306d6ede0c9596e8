"""pyradiomics as an engine."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.features.engine.choice import Engine
from workers.features.engine.comparison import differences
from workers.features.extraction import shape_features


def test_eigenvalues_that_rounding_makes_complex_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of voxels on a line, two eigenvalues are 0: NumPy may return them as a complex pair, whose root was no value."""
    mask = np.zeros((2, 2, 2), dtype=np.bool_)
    mask[0, 1, 1] = mask[1, 0, 0] = True

    def complex_near_zero(covariance: NDArray[np.float64]) -> NDArray[np.complex128]:
        return np.linalg.eigvalsh(covariance) + np.array([1e-17 + 1e-17j, 1e-17 - 1e-17j, 0.0])

    monkeypatch.setattr(np.linalg, "eigvals", complex_near_zero)
    ours, reference = (shape_features(mask, (0.7, 1.1, 1.9), engine) for engine in Engine)
    assert not differences(ours, reference)
