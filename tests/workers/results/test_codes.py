"""Coded concepts."""

from pydicom.sr.coding import Code

from workers.errors import Reason
from workers.results import codes
from workers.results.not_scored_reasons import REASONS


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
