"""UIDs: what real devices write is taken, and what could leave its folder is not."""

import pytest

from listener.dicom.uids import InvalidUid, checked_uid, is_uid


@pytest.mark.parametrize("uid", ["1.2.3", "1.02.3", "1.2.000.5", "0.0", "01.2", "1." + "2" * 62])
def test_dotted_numbers_are_taken(uid: str) -> None:
    """Leading zeros too, which PS3.5 section 9.1 forbids and devices write."""
    assert checked_uid(uid) == uid


@pytest.mark.parametrize(
    ("uid", "fault"),
    [
        ("", "is empty"),
        ("1." + "2" * 63, "has 65 characters, 64 at most"),
        ("1.2.x", "has an invalid character at position 5"),
        ("1.2/3", "has an invalid character at position 4"),
        ("1.2.\u0663", "has an invalid character at position 5"),
        ("..", "has an empty component"),
        ("1..2", "has an empty component"),
        (".1.2", "has an empty component"),
        ("1.2.", "has an empty component"),
        ("12", "is a single number"),
    ],
)
def test_a_refusal_names_the_attribute_and_its_fault(uid: str, fault: str) -> None:
    """Short enough for an Error Comment (64 characters), and without the value, which may be a name."""
    with pytest.raises(InvalidUid) as refused:
        checked_uid(uid, "AffectedSOPInstanceUID")
    assert str(refused.value) == f"AffectedSOPInstanceUID {fault}"
    assert len(str(refused.value)) <= 64
    assert not is_uid(uid)
