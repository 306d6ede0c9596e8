"""A feature report read back: the same features, profile and signature."""

from dataclasses import fields, replace

import pytest
from pydicom import Dataset

from model_store.signatures.profile import PROFILES, FeatureProfile
from support.result_cases import FEATURE_NAMES, SIGNATURE, make_case
from workers.jobs.result_objects import build_results
from workers.reports.feature_reader import NotAFeatureReport, read_feature_report
from workers.reports.processing_chain import PARAMETERS, processing_chain, profile_of
from workers.results.feature_codes import DERIVATIONS, feature_concept
from workers.results.result_roles import ResultRole


@pytest.mark.parametrize("name", PROFILES)
def test_the_processing_chain_holds_the_whole_profile(name: str) -> None:
    """Read back, it is the same profile: no field that changes a number is missing."""
    assert set(PARAMETERS) == {one.name for one in fields(FeatureProfile)}
    changed = replace(PROFILES[name], bin_width=12.5, log_sigmas_mm=(1.5, 2.5, 3.5, 4.5), reference_to_mm=17.25)
    for profile in (PROFILES[name], changed):
        assert profile_of(processing_chain(profile)) == profile


@pytest.mark.parametrize("name", PROFILES)
def test_every_code_of_the_chain_has_one_meaning(name: str) -> None:
    """Codes of pydicom are compared by value and scheme alone: two meanings of one value would be mixed up."""
    items = processing_chain(PROFILES[name]).ContentSequence
    names = {str(item.ConceptNameCodeSequence[0].CodeValue) for item in items}
    values = {str(item.ConceptCodeSequence[0].CodeValue) for item in items if item.ValueType == "CODE"}
    assert not names & values
    assert {str(item.ConceptNameCodeSequence[0].CodeMeaning) for item in items} >= {"Thickness of the skin", "Wavelet"}


def test_a_parameter_that_is_missing_is_an_error() -> None:
    """Nothing is filled in with a default."""
    chain = processing_chain(PROFILES["han2024-near-tissue"])
    chain.ContentSequence = [
        one for one in chain.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue != "bin-width"
    ]
    with pytest.raises(IndexError):
        profile_of(chain)


def test_features_come_back_to_the_last_bit() -> None:
    """With score, threshold and signature, and the digest of what was written."""
    case = make_case()
    report = build_results(case.result, case.seg_header, case.measurement)[ResultRole.FEATURE_REPORT]
    found = read_feature_report(report)
    for read, measured in zip(found.regions, case.result.regions, strict=True):
        assert read.region is measured.region
        assert {name: value.hex() for name, value in read.features.items()} == {
            name: value.hex() for name, value in measured.features.items()
        }
        assert read.grey_levels == measured.grey_levels
    assert (found.signature_id, found.signature_digest) == (SIGNATURE.id, SIGNATURE.digest)
    assert (found.hot_probability, found.threshold) == (0.7312, 0.4123)
    assert found.is_intact
    assert not replace(found, features={**found.features, "tumour_original_firstorder_Mean": 0.0}).is_intact


def test_first_order_statistics_carry_their_derivation() -> None:
    """CID 7464 beside the IBSI code, on each image; kurtosis has another definition there."""
    case = make_case()
    report = build_results(case.result, case.seg_header, case.measurement)[ResultRole.FEATURE_REPORT]
    derived = [str(one.value) for one in report.iterall() if one.keyword == "CodeValue"].count("121401")
    assert derived == 2 * 5 * len(DERIVATIONS)
    mean = feature_concept("log-sigma-2-0-mm-3D_firstorder_Mean").derivation
    assert mean is not None
    assert mean.meaning == "Mean"
    assert feature_concept("original_firstorder_Kurtosis").derivation is None
    assert feature_concept("original_glcm_Contrast").derivation is None


def test_another_report_is_refused() -> None:
    """A summary report holds no features, and an empty data set nothing."""
    case = make_case(features=FEATURE_NAMES[:3])
    summary = build_results(case.result, case.seg_header, case.measurement)[ResultRole.SUMMARY_REPORT]
    for report in (summary, Dataset()):
        with pytest.raises(NotAFeatureReport, match="processing chain"):
            read_feature_report(report)
