"""A study's own profile: by fields or from a parameter file of pyradiomics; what cannot be done is refused by name."""

import re
from pathlib import Path

import pytest

from model_store.cohort.plan import ExtractPlan
from model_store.errors import StudyError
from model_store.signatures.kinetics import Kinetics
from model_store.signatures.own_profile import read_own_profile
from model_store.signatures.profile import HAN2024, NEAR_TISSUE, FilterBank, Normalisation
from model_store.training.plan import TrainPlan

PARAMETERS = """
setting:
  binWidth: 20
  normalize: true
  normalizeScale: 100
  resampledPixelSpacing: [1, 1, 1]
  interpolator: sitkBSpline
  label: 1
imageType:
  Original: {}
  LoG: {sigma: [1.0, 2.0, 3.0, 4.5]}
featureClass: {shape: null, firstorder: [], glcm: null, glrlm: null, glszm: null, gldm: null, ngtdm: null}
"""


def written(folder: Path, text: str, name: str = "My Profile.yaml") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text)
    return path


def test_fields_replace_those_of_a_profile(tmp_path: Path) -> None:
    """The name says which file it was, and by its hash with which values."""
    found = read_own_profile(written(tmp_path, "bin_width: 20\nlog_sigmas_mm: [1, 2, 3, 4]\n"))
    assert (found.bin_width, found.log_sigmas_mm) == (20.0, (1.0, 2.0, 3.0, 4.0))
    assert found.normalisation is NEAR_TISSUE.normalisation
    assert re.fullmatch(r"my-profile-[0-9a-f]{8}", found.name)
    other = read_own_profile(written(tmp_path, "bin_width: 21\nlog_sigmas_mm: [1, 2, 3, 4]\n"))
    assert other.name != found.name
    same = read_own_profile(written(tmp_path, "{log_sigmas_mm: [1.0, 2, 3, 4], bin_width: 20}"))
    assert same == found
    based = read_own_profile(written(tmp_path, "{based_on: han2024-wavelet2d-whole-image, wavelet: db2}"))
    assert (based.filters, based.wavelet) == (FilterBank.WAVELET_2D, "db2")


def test_kinetics_name_their_phases(tmp_path: Path) -> None:
    """Early and late, counted from the phase before contrast; ``yes`` means the second and the last."""
    assert read_own_profile(written(tmp_path, "kinetics: yes")).kinetics == Kinetics(2, None)
    assert read_own_profile(written(tmp_path, "kinetics: {early: 3, late: last}")).kinetics == Kinetics(3, None)
    assert read_own_profile(written(tmp_path, "kinetics: {late: 6}")).kinetics == Kinetics(2, 6)
    for wrong in ("{early: 1}", "{early: 4, late: 4}", "{first: 2}", "{early: second}", "no", "3"):
        with pytest.raises(StudyError, match="kinetics"):
            read_own_profile(written(tmp_path, f"kinetics: {wrong}"))


def test_a_parameter_file_of_pyradiomics_is_taken_as_it_is(tmp_path: Path) -> None:
    """With z-scores of the whole image, as pyradiomics normalises."""
    found = read_own_profile(written(tmp_path, PARAMETERS))
    assert (found.bin_width, found.intensity_scale, found.spacing_mm) == (20.0, 100.0, 1.0)
    assert found.log_sigmas_mm == (1.0, 2.0, 3.0, 4.5)
    assert found.normalisation is HAN2024.normalisation is Normalisation.WHOLE_IMAGE
    wavelet = PARAMETERS.replace("LoG: {sigma: [1.0, 2.0, 3.0, 4.5]}", "Wavelet: {wavelet: db2, force2D: true}")
    found = read_own_profile(written(tmp_path, wavelet))
    assert (found.filters, found.wavelet) == (FilterBank.WAVELET_2D, "db2")


def test_what_a_parameter_file_leaves_out_has_the_default_of_pyradiomics(tmp_path: Path) -> None:
    """Scale 1 (normalizeScale) and bins of 25 (binWidth) (pyradiomics 3.0.1, "Customizing the Extraction")."""
    text = PARAMETERS.replace("  normalizeScale: 100\n", "").replace("  binWidth: 20\n", "")
    found = read_own_profile(written(tmp_path, text))
    assert (found.intensity_scale, found.bin_width) == (1.0, 25.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bin_widht: 20", "bin_widht: no field of a profile"),
        ("based_on: han2025", "based_on: expected one of"),
        ("bin_width: -1", "bin_width expected a value above 0"),
        ("bin_width: wide", "bin_width"),
        ("log_sigmas_mm: [1, 2, 3]", "expected 4 different log_sigmas_mm"),
        ("log_sigmas_mm: [1, 2, 3, 6]", "reach_mm: expected at least 36"),
        ("{based_on: han2024-wavelet2d-near-tissue, wavelet: nonesuch}", "no discrete wavelet"),
        ("{based_on: han2024-wavelet2d-near-tissue, wavelet: db20}", "40 taps"),
        ("- a list", "expected fields of a profile"),
        ("a: [", "cannot be read as YAML"),
        (PARAMETERS.replace("normalize: true", "normalize: false"), "setting normalize: expected true"),
        (PARAMETERS.replace("binWidth: 20", "binCount: 32"), "setting binCount: only None can be done"),
        (PARAMETERS.replace("label: 1", "kernelRadius: 2"), "setting kernelRadius: cannot be done"),
        (PARAMETERS.replace("[1, 1, 1]", "[1, 1, 2]"), "only cubic voxels"),
        (PARAMETERS.replace("  resampledPixelSpacing: [1, 1, 1]\n", ""), "images are always resampled"),
        (PARAMETERS.replace("[1, 1, 1]", "1"), "of another kind than expected"),
        (PARAMETERS.replace("binWidth: 20", "binWidth: [20]"), "of another kind than expected"),
        (PARAMETERS.replace("glcm: null", "glcm: [Contrast]"), "featureClass: expected all features"),
        (PARAMETERS.replace("Original: {}", "Square: {}"), "imageType: expected Original and one of"),
        (PARAMETERS.replace("LoG: {sigma: [1.0, 2.0, 3.0, 4.5]}", "Wavelet: {}"), "expected force2D: true"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """With the file and what was expected, never silently measured otherwise."""
    with pytest.raises(StudyError, match=re.escape(said)) as refused:
        read_own_profile(written(tmp_path, text))
    assert "My Profile.yaml" in str(refused.value)


def test_extraction_and_training_mean_the_same_profile(tmp_path: Path) -> None:
    """Both name the file; a file that is gone is said."""
    path = written(tmp_path, "bin_width: 20")
    plans = ExtractPlan(folder=tmp_path, own_profile=path), TrainPlan(own_profile=path)
    assert plans[0].feature_profile == plans[1].feature_profile == read_own_profile(path)
    assert TrainPlan().feature_profile == NEAR_TISSUE
    with pytest.raises(StudyError, match="cannot be read"):
        _ = TrainPlan(own_profile=tmp_path / "gone.yaml").feature_profile
