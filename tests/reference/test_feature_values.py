"""Feature values that others published: pyradiomics' baseline and the IBSI digital phantom."""

import csv
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from workers.features.engine.choice import Engine
from workers.features.engine.feature_engine import Discretisation
from workers.features.extraction import intensity_features, shape_features
from workers.features.resampling import box_of


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


IBSI_TAGS = {
    "shape": {
        "MeshVolume": "morph_volume",
        "VoxelVolume": "morph_vol_approx",
        "SurfaceArea": "morph_area_mesh",
        "SurfaceVolumeRatio": "morph_av",
        "Sphericity": "morph_sphericity",
        "Maximum3DDiameter": "morph_diam",
        "Elongation": "morph_pca_elongation",
        "Flatness": "morph_pca_flatness",
    },
    "firstorder": {
        "Mean": "stat_mean",
        "Variance": "stat_var",
        "Skewness": "stat_skew",
        "Median": "stat_median",
        "Minimum": "stat_min",
        "10Percentile": "stat_p10",
        "90Percentile": "stat_p90",
        "Maximum": "stat_max",
        "InterquartileRange": "stat_iqr",
        "Range": "stat_range",
        "MeanAbsoluteDeviation": "stat_mad",
        "RobustMeanAbsoluteDeviation": "stat_rmad",
        "Energy": "stat_energy",
        "RootMeanSquared": "stat_rms",
        "Entropy": "ih_entropy",
        "Uniformity": "ih_uniformity",
    },
    "glcm": {
        "MaximumProbability": "cm_joint_max_3D_avg",
        "JointAverage": "cm_joint_avg_3D_avg",
        "SumSquares": "cm_joint_var_3D_avg",
        "JointEntropy": "cm_joint_entr_3D_avg",
        "DifferenceAverage": "cm_diff_avg_3D_avg",
        "DifferenceVariance": "cm_diff_var_3D_avg",
        "DifferenceEntropy": "cm_diff_entr_3D_avg",
        "SumAverage": "cm_sum_avg_3D_avg",
        "SumEntropy": "cm_sum_entr_3D_avg",
        "JointEnergy": "cm_energy_3D_avg",
        "Contrast": "cm_contrast_3D_avg",
        "Id": "cm_inv_diff_3D_avg",
        "Idn": "cm_inv_diff_norm_3D_avg",
        "Idm": "cm_inv_diff_mom_3D_avg",
        "Idmn": "cm_inv_diff_mom_norm_3D_avg",
        "InverseVariance": "cm_inv_var_3D_avg",
        "Correlation": "cm_corr_3D_avg",
        "Autocorrelation": "cm_auto_corr_3D_avg",
        "ClusterTendency": "cm_clust_tend_3D_avg",
        "ClusterShade": "cm_clust_shade_3D_avg",
        "ClusterProminence": "cm_clust_prom_3D_avg",
        "Imc1": "cm_info_corr1_3D_avg",
        "Imc2": "cm_info_corr2_3D_avg",
    },
    "glrlm": {
        "ShortRunEmphasis": "rlm_sre_3D_avg",
        "LongRunEmphasis": "rlm_lre_3D_avg",
        "LowGrayLevelRunEmphasis": "rlm_lgre_3D_avg",
        "HighGrayLevelRunEmphasis": "rlm_hgre_3D_avg",
        "ShortRunLowGrayLevelEmphasis": "rlm_srlge_3D_avg",
        "ShortRunHighGrayLevelEmphasis": "rlm_srhge_3D_avg",
        "LongRunLowGrayLevelEmphasis": "rlm_lrlge_3D_avg",
        "LongRunHighGrayLevelEmphasis": "rlm_lrhge_3D_avg",
        "GrayLevelNonUniformity": "rlm_glnu_3D_avg",
        "GrayLevelNonUniformityNormalized": "rlm_glnu_norm_3D_avg",
        "RunLengthNonUniformity": "rlm_rlnu_3D_avg",
        "RunLengthNonUniformityNormalized": "rlm_rlnu_norm_3D_avg",
        "RunPercentage": "rlm_r_perc_3D_avg",
        "GrayLevelVariance": "rlm_gl_var_3D_avg",
        "RunVariance": "rlm_rl_var_3D_avg",
        "RunEntropy": "rlm_rl_entr_3D_avg",
    },
    "glszm": {
        "SmallAreaEmphasis": "szm_sze_3D",
        "LargeAreaEmphasis": "szm_lze_3D",
        "LowGrayLevelZoneEmphasis": "szm_lgze_3D",
        "HighGrayLevelZoneEmphasis": "szm_hgze_3D",
        "SmallAreaLowGrayLevelEmphasis": "szm_szlge_3D",
        "SmallAreaHighGrayLevelEmphasis": "szm_szhge_3D",
        "LargeAreaLowGrayLevelEmphasis": "szm_lzlge_3D",
        "LargeAreaHighGrayLevelEmphasis": "szm_lzhge_3D",
        "GrayLevelNonUniformity": "szm_glnu_3D",
        "GrayLevelNonUniformityNormalized": "szm_glnu_norm_3D",
        "SizeZoneNonUniformity": "szm_zsnu_3D",
        "SizeZoneNonUniformityNormalized": "szm_zsnu_norm_3D",
        "ZonePercentage": "szm_z_perc_3D",
        "GrayLevelVariance": "szm_gl_var_3D",
        "ZoneVariance": "szm_zs_var_3D",
        "ZoneEntropy": "szm_zs_entr_3D",
    },
    "ngtdm": {
        "Coarseness": "ngt_coarseness_3D",
        "Contrast": "ngt_contrast_3D",
        "Busyness": "ngt_busyness_3D",
        "Complexity": "ngt_complexity_3D",
        "Strength": "ngt_strength_3D",
    },
    "gldm": {
        "SmallDependenceEmphasis": "ngl_lde_3D",
        "LargeDependenceEmphasis": "ngl_hde_3D",
        "LowGrayLevelEmphasis": "ngl_lgce_3D",
        "HighGrayLevelEmphasis": "ngl_hgce_3D",
        "SmallDependenceLowGrayLevelEmphasis": "ngl_ldlge_3D",
        "SmallDependenceHighGrayLevelEmphasis": "ngl_ldhge_3D",
        "LargeDependenceLowGrayLevelEmphasis": "ngl_hdlge_3D",
        "LargeDependenceHighGrayLevelEmphasis": "ngl_hdhge_3D",
        "GrayLevelNonUniformity": "ngl_glnu_3D",
        "DependenceNonUniformity": "ngl_dcnu_3D",
        "DependenceNonUniformityNormalized": "ngl_dcnu_norm_3D",
        "GrayLevelVariance": "ngl_gl_var_3D",
        "DependenceVariance": "ngl_dc_var_3D",
        "DependenceEntropy": "ngl_dc_entr_3D",
    },
}


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
    with (shared_data / "ibsi" / "reference_values" / "ibsi_1_dig_phantom.csv").open() as file:
        row = next(row for row in csv.DictReader(file, delimiter=";") if row["tag"] == tag)
    printed = Decimal(row["reference value"])
    last_digit = max(int(printed.as_tuple().exponent), printed.adjusted() - 2)  # three digits are printed
    tolerance = max(float(row["tolerance"]), 0.5 * 10.0**last_digit)
    assert ibsi_phantom_features[feature] == pytest.approx(float(printed), abs=tolerance * (1 + 1e-9))


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
