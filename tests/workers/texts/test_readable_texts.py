"""Texts whose bytes are not in the character set that their header declares: right letters, or none."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from workers.texts.readable_texts import readable

JAPANESE, CHINESE, GERMAN = "\u5c71\u7530^\u592a\u90ce", "\u738b^\u5c0f\u4e1c", "M\u00fcller^J\u00f6rg"
IR_87, IR_58, IR_149 = ["", "ISO 2022 IR 87"], ["", "ISO 2022 IR 58"], ["", "ISO 2022 IR 149"]


def header(terms: str | list[str], raw: bytes) -> Dataset:
    """Return a header as it is read from bytes, with this Specific Character Set and Patient's Name."""
    padded = raw + b" " * (len(raw) % 2)
    dataset = Dataset()
    dataset.SpecificCharacterSet, dataset.PatientID, dataset.PatientName = terms, "1", "X" * len(padded)
    buffer = BytesIO()
    dataset.save_as(buffer, implicit_vr=False, little_endian=True)
    return dcmread(BytesIO(buffer.getvalue().replace(b"X" * len(padded), padded)), force=True)


@pytest.mark.parametrize(
    ("terms", "raw"),
    [
        (IR_87, JAPANESE.encode("shift_jis")),
        (IR_87, JAPANESE.encode("euc_jp")),
        (IR_58, CHINESE.encode("gbk")),
        (["ISO 2022 IR 6", "ISO 2022 IR 58"], CHINESE.encode("gbk")),
        ("ISO_IR 192", CHINESE.encode("gbk")),
        ("ISO_IR 192", GERMAN.encode("latin-1")),
        ("ISO_IR 100", GERMAN.encode("utf-8")),
        ("ISO_IR 100", CHINESE.encode("utf-8")),
        ("ISO_IR 6", GERMAN.encode("latin-1")),
        ("ISO_IR 999", GERMAN.encode("latin-1")),
    ],
)
@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bytes_that_the_declared_set_cannot_hold_are_left_out(
    terms: str | list[str], raw: bytes, read_before: bool
) -> None:
    """ISO 2022 without its escape sequences, UTF-8 in Latin-1, terms that do not exist."""
    given = header(terms, raw)
    if read_before:
        assert str(given.PatientName)
    found, left_out = readable(given)
    assert left_out == ("PatientName",)
    assert "PatientName" not in found
    assert found.PatientID == "1"


@pytest.mark.parametrize(
    ("terms", "raw", "name"),
    [
        (
            IR_87,
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            f"Yamada^Tarou={JAPANESE}",
        ),
        (
            IR_149,
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=\u6d2a^\u5409\u6d1e",
        ),
        (IR_58, b"Wang^XiaoDong=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab", f"Wang^XiaoDong={CHINESE}"),
        ("ISO_IR 100", GERMAN.encode("latin-1"), GERMAN),
        ("ISO_IR 192", CHINESE.encode("utf-8"), CHINESE),
        ("GB18030", CHINESE.encode("gb18030"), CHINESE),
        ("ISO_IR 999", b"Smith^John", "Smith^John"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_declared_rightly_stays(terms: str | list[str], raw: bytes, name: str) -> None:
    """The examples of PS3.5 annexes H to K, and ASCII under a term that does not exist."""
    found, left_out = readable(header(terms, raw))
    assert left_out == ()
    assert str(found.PatientName) == name
