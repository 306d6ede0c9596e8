"""Coded concepts."""

from io import BytesIO

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.sr.coding import Code
from pydicom.uid import UID

from support.result_cases import FEATURE_NAMES, make_case
from workers.errors import Reason
from workers.jobs.result_objects import build_results
from workers.results import codes
from workers.results.result_roles import ResultRole
from workers.texts.not_scored_reasons import REASONS


def all_codes() -> list[Code]:
    """Return every concept of the module."""
    named = [value for value in vars(codes).values() if isinstance(value, Code)]
    return [*named, *REASONS.values()]


def test_every_reason_has_a_code() -> None:
    """Every case that is not scored says why as a coded finding."""
    assert set(REASONS) == set(Reason)
    assert len({code.value for code in REASONS.values()}) == len(Reason)


def test_codes_fit_their_value_representations() -> None:
    """Code Value is SH (16 characters), Code Meaning LO (64)."""
    for code in all_codes():
        assert len(code.value) <= 16, code
        assert len(code.meaning) <= 64, code


def test_public_meanings_are_those_of_the_standard() -> None:
    """Checked against pydicom's copy of PS3.16, so that no public code is made up."""
    from pydicom.sr._concepts_dict import concepts

    for code in all_codes():
        if code.scheme_designator in ("DCM", "SCT"):
            known = {value for by_value in concepts[code.scheme_designator].values() for value in by_value}
            assert code.value in known, code


def test_every_result_identifies_its_coding_schemes_by_uid() -> None:
    """Coding Scheme UID (PS3.3 C.12.1.1.2): a designator such as 99RADTME alone is not unique in the world."""
    case = make_case(features=FEATURE_NAMES[:5])
    for role, instance in build_results(case.result, case.seg_header, case.measurement).items():
        buffer = BytesIO()
        dcmwrite(buffer, instance, enforce_file_format=True)
        read = dcmread(BytesIO(buffer.getvalue()))
        schemes = {str(item.CodingSchemeDesignator): item for item in read.CodingSchemeIdentificationSequence}
        assert UID(schemes["IBSI"].CodingSchemeUID).name == "Image Biomarker Standardisation Initiative", role
        assert UID(schemes["99RADTME"].CodingSchemeUID).is_valid, role
        assert len({item.CodingSchemeUID for item in schemes.values()}) == len(schemes), role
        assert _private_designators(read) <= set(schemes), role
    assert set(build_results(case.result, case.seg_header, case.measurement)) == set(ResultRole)


def _private_designators(instance: Dataset) -> set[str]:
    """Return the designators in use that are not among those that DICOM itself defines without a registration."""
    found = {str(one.value) for one in instance.iterall() if one.keyword == "CodingSchemeDesignator"}
    return found - {"DCM", "SCT", "UCUM", "UMLS", "RFC5646", "LN"}
