"""Feature values that others published: pyradiomics' baseline and the IBSI digital phantom."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from support.ibsi import IBSI_TAGS, consensus
from workers.features.engine.choice import Engine
from workers.features.engine.feature_engine import Discretisation
from workers.features.extraction import intensity_features, shape_features
from workers.images.voxels import box_of


def all_features(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    bin_width: float,
    engine: Engine,
) -> dict[str, float]:
    """Measure the original image with our own code, crop included."""
    box = box_of(mask)
    return shape_features(mask[box], spacing_mm, engine) | intensity_features(
        image[box], mask[box], spacing_mm, "original", Discretisation(bin_width), engine
    )


SHIFTED = ("Energy", "TotalEnergy", "RootMeanSquared")
"""The only features that pyradiomics' setting `voxelArrayShift` applies to."""


@pytest.mark.parametrize("engine", Engine)
def test_breast1_reproduces_the_baseline_of_pyradiomics(shared_data: Path, engine: Engine) -> None:
    """107 features of a breast image, as pyradiomics publishes them for its own tests, to 1e-9."""
    folder = shared_data / "pyradiomics_data"
    image, label = (sitk.ReadImage(folder / f"breast1_{kind}.nrrd") for kind in ("image", "label"))
    # The settings of the baseline (diagnostics_Configuration_Settings): binWidth 25, voxelArrayShift 2000.
    found, shifted = (
        all_features(array, sitk.GetArrayFromImage(label) == 1, image.GetSpacing(), 25, engine)
        for array in (sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(image) + 2000)
    )
    found |= {name: shifted[name] for name in (f"original_firstorder_{feature}" for feature in SHIFTED)}
    expected = {
        row["featureName"]: float(row["breast1"])
        for path in (folder / "baseline").glob("baseline_*.csv")
        for row in csv.DictReader(path.open())
        if row["featureName"] in found
    }
    assert len(found) == len(expected) == 107
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module", params=Engine)
def ibsi_phantom_features(shared_data: Path, request: pytest.FixtureRequest) -> dict[str, float]:
    """Measure the phantom once: its grey levels 1 to 6 are the bins."""
    folder = shared_data / "ibsi" / "ibsi_1_digital_phantom" / "nifti"
    image = sitk.ReadImage(folder / "image" / "phantom.nii.gz")
    mask = sitk.GetArrayFromImage(sitk.ReadImage(folder / "mask" / "mask.nii.gz")) == 1
    return all_features(sitk.GetArrayFromImage(image), mask, image.GetSpacing(), 1, request.param)


@pytest.mark.parametrize(
    ("feature", "tag"),
    [(f"original_{family}_{name}", tag) for family, tags in IBSI_TAGS.items() for name, tag in tags.items()],
)
def test_the_ibsi_digital_phantom_has_its_consensus_values(
    shared_data: Path, ibsi_phantom_features: dict[str, float], feature: str, tag: str
) -> None:
    """Within the tolerance of the standard, and where that is 0, as far as the value is printed."""
    expected = consensus(shared_data / "ibsi" / "reference_values" / "ibsi_1_dig_phantom.csv")[tag]
    assert ibsi_phantom_features[feature] == expected


def test_kurtosis_counts_from_zero_and_not_from_the_normal_distribution(
    ibsi_phantom_features: dict[str, float],
) -> None:
    """A known difference: IBSI's kurtosis is the excess (-0.355), pyradiomics' is 3 more."""
    assert ibsi_phantom_features["original_firstorder_Kurtosis"] - 3 == pytest.approx(-0.355, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"), [("Major", 11.4, 0.1), ("Minor", 9.31, 0.06), ("Least", 8.54, 0.05)]
)
def test_axis_lengths_divide_by_n_and_not_by_n_minus_1(
    ibsi_phantom_features: dict[str, float], name: str, expected: float, tolerance: float
) -> None:
    """A known difference: pyradiomics' covariance of the 74 voxels is 73/74 of IBSI's."""
    found = ibsi_phantom_features[f"original_shape_{name}AxisLength"]
    assert found * math.sqrt(74 / 73) == pytest.approx(expected, abs=tolerance)
