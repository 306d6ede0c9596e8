"""A profile of a study's own is measured by both engines alike, and its report holds it whole."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_store.signatures.own_profile import read_own_profile
from support.result_cases import make_case
from workers.features.canary import canary_case, measured
from workers.features.engine.choice import Engine, EngineChoice
from workers.features.extraction import columns, region_features
from workers.features.measurement import measure_volume
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.reports.feature_reader import read_feature_report
from workers.results.result_roles import ResultRole

OWN = {
    "sigmas": "{bin_width: 18, log_sigmas_mm: [1.5, 2, 2.5, 3]}",
    "ibsi": "{filters: ibsi_laplacian_of_gaussian, bin_width: 20, log_sigmas_mm: [1, 2, 3, 4.5]}",
    "wavelet": "{based_on: han2024-wavelet2d-whole-image, bin_width: 30, wavelet: db2}",
    "kinetics": "{bin_width: 20, kinetics: {early: 3, late: last}}",
}


@pytest.mark.parametrize("kind", OWN)
def test_both_engines_measure_it_alike(tmp_path: Path, kind: str) -> None:
    """958 features, as pyradiomics has them with these settings, and others than those of the profile that it is of."""
    path = tmp_path / f"{kind}.yaml"
    path.write_text(OWN[kind])
    profile = read_own_profile(path)
    volume, roi = canary_case()
    measure_volume(volume, roi, profile, engine=EngineChoice(Engine.RADTME, is_checked=True))  # raises if they differ
    found = measured(profile)
    assert set(found) <= set(columns(profile))
    assert len(found) > 900
    entropy = "tumour_original_firstorder_Entropy"
    assert found[entropy] != measured(replace(profile, bin_width=25.0))[entropy]


@pytest.mark.parametrize("kind", ["sigmas", "kinetics"])
def test_a_report_gives_the_profile_back(tmp_path: Path, kind: str) -> None:
    """So that a score can be repeated from it, although no release of radtme knows the profile."""
    path = tmp_path / f"{kind}.yaml"
    path.write_text(OWN[kind])
    profile = read_own_profile(path)
    names = region_features(profile, Region.TUMOUR)
    case = make_case(features=names)
    result = replace(case.result, profile=profile)
    report = read_feature_report(build_results(result, case.seg_header, case.measurement)[ResultRole.FEATURE_REPORT])
    assert report.profile == profile
    assert report.is_intact
    assert set(report.regions[0].features) == set(names)
