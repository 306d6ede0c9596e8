"""Codes of features."""

from collections import Counter
from importlib import resources

import pytest
from pydicom.sr._concepts_dict import concepts
from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm, shape

from support.result_cases import FEATURE_NAMES
from workers.results.feature_codes import feature_concept, feature_table
from workers.results.feature_words import in_words

CLASSES = {
    "firstorder": firstorder.RadiomicsFirstOrder,
    "shape": shape.RadiomicsShape,
    "glcm": glcm.RadiomicsGLCM,
    "gldm": gldm.RadiomicsGLDM,
    "glrlm": glrlm.RadiomicsGLRLM,
    "glszm": glszm.RadiomicsGLSZM,
    "ngtdm": ngtdm.RadiomicsNGTDM,
}


def test_every_feature_of_pyradiomics_is_there() -> None:
    """Exactly the features that pyradiomics has and has not deprecated."""
    expected = {
        (name, feature)
        for name, cls in CLASSES.items()
        for feature, deprecated in cls.getFeatureNames().items()
        if not deprecated
    }
    assert set(feature_table()) == expected
    assert len(expected) == 107


def test_codes_come_from_where_the_table_says() -> None:
    """87 stand in the DICOM standard, 14 in the IBSI manual only, 6 are private."""
    lines = resources.files("workers.results").joinpath("feature_codes.csv").read_text().splitlines()[1:]
    assert Counter(line.rsplit(",", 1)[1] for line in lines) == {"dicom": 87, "ibsi": 14, "private": 6}
    standard = {value for by_value in concepts["IBSI"].values() for value in by_value}
    for line in lines:
        code, source = line.split(",")[3], line.rsplit(",", 1)[1]
        assert (code in standard) == (source == "dicom"), line


def test_no_two_features_share_a_code() -> None:
    """A code alone tells the feature of the original image."""
    codes = [(code.scheme_designator, code.value) for code, _ in feature_table().values()]
    assert len(set(codes)) == 107
    assert all(len(value) <= 16 for _, value in codes)


def test_only_the_original_image_carries_the_bare_code() -> None:
    """A filtered feature names its filter; no two of the 479 are the same pair of name and method."""
    concepts_of_all = [feature_concept(name) for name in FEATURE_NAMES]
    assert len(FEATURE_NAMES) == 479
    assert len({(concept.name, concept.method) for concept in concepts_of_all}) == 479
    for name, concept in zip(FEATURE_NAMES, concepts_of_all, strict=True):
        assert (concept.method is None) == name.startswith("original_")


def test_filters_are_named_readably() -> None:
    """A radiologist can read which filter it was."""
    log = feature_concept("log-sigma-3-0-mm-3D_glcm_Contrast")
    assert log.text == "Contrast of GLCM, LoG 3 mm"
    assert log.method is not None
    assert log.method.meaning == "Laplacian of Gaussian filter, sigma 3.0 mm"
    of_ibsi = feature_concept("ibsi-log-sigma-3-0-mm-3D_glcm_Contrast")
    assert of_ibsi.text == "Contrast of GLCM, IBSI LoG 3 mm"
    assert of_ibsi.method is not None
    assert of_ibsi.method.value != log.method.value
    assert in_words("tumour_ibsi-log-sigma-3-0-mm-3D_glcm_Contrast") == '"Tumour, Contrast of GLCM, IBSI LoG 3 mm"'
    assert feature_concept("wavelet-HL_firstorder_Mean").text == "Mean, wavelet HL"
    assert feature_concept("original_shape_MeshVolume").unit.value == "mm3"


@pytest.mark.parametrize("name", ["original_glcm_Nonsense", "gradient_glcm_Contrast"])
def test_an_unknown_feature_is_an_error(name: str) -> None:
    """A feature without a code is not reported."""
    with pytest.raises(ValueError, match=name):
        feature_concept(name)
