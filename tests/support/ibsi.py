"""The consensus values of IBSI 1, and which of them our features are."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

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


def consensus(path: Path) -> dict[str, Any]:
    """Return the consensus values of a file by tag, each equal to what lies within its tolerance.

    Where the tolerance is 0, a value agrees as far as the reference is printed.
    """
    with path.open() as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["reference value"]]
    return {row["tag"]: _within(Decimal(row["reference value"]), float(row["tolerance"])) for row in rows}


def _within(printed: Decimal, tolerance: float) -> Any:
    last_digit = max(int(printed.as_tuple().exponent), printed.adjusted() - 2)  # three digits are printed
    return pytest.approx(float(printed), abs=max(tolerance, 0.5 * 10.0**last_digit) * (1 + 1e-9))
