"""Senders that declare no character set: the right letters in a result, or none, and never wrong ones."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.charset import python_encoding
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from listener.dicom.sender_character_sets import DEFINED_TERMS, SenderCharacterSet, character_set_of
from support.result_cases import FEATURE_NAMES, make_case
from workers.jobs.case import Case
from workers.jobs.readable_case import readable_case
from workers.jobs.result_objects import build_results

CHINESE, JAPANESE, GERMAN = "王^小东", "ﾔﾏﾀﾞ^ﾀﾛｳ", "Müller^Jörg"
GARBLED = (CHINESE.encode("gb18030"), JAPANESE.encode("shift_jis"), GERMAN.encode("latin-1"))


def with_name(header: Dataset, name: bytes, declared: str | None = None) -> Dataset:
    """Return a header as it is read from a file where Patient's Name has these bytes."""
    header.PatientName = "X" * len(name)
    if declared is None and "SpecificCharacterSet" in header:
        del header.SpecificCharacterSet
    if declared is not None:
        header.SpecificCharacterSet = declared
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dcmwrite(buffer, header, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue().replace(b"X" * len(name), name)))


def names_in_results(name: bytes, declared: str | None, character_set: str) -> tuple[set[str], tuple[str, ...]]:
    """Return the patient's name in all results, and the notes of the case."""
    made = make_case(features=FEATURE_NAMES[:4])
    headers = tuple(with_name(header, name, declared) for header in made.headers)
    measurement = replace(made.measurement, volume=replace(made.measurement.volume, headers=headers))
    seg = with_name(made.seg_header, name, declared)
    case, seg, images = readable_case(Case(made.result, measurement), seg, headers, character_set)
    results = build_results(case.result, seg, case.measurement, images)
    found = set()
    for instance in results.values():
        buffer = BytesIO()
        dcmwrite(buffer, instance, enforce_file_format=True)
        found.add(str(dcmread(BytesIO(buffer.getvalue())).PatientName or ""))
    return found, tuple(note.text for note in case.result.notes)


@pytest.mark.parametrize("declared", ["ISO_IR 100", "ISO_IR 101", "ISO_IR 148"])
@pytest.mark.parametrize(
    "name", ["王^小东".encode("gbk"), "欧阳^丽".encode("gb18030"), "홍^길동".encode("euc-kr"), "李".encode("gbk")]
)
def test_a_name_of_two_bytes_a_letter_is_no_latin_text(name: bytes, declared: str) -> None:
    """Devices declare the character set of their maker, and write that of their users."""
    found, notes = names_in_results(name, declared, "")
    assert found == {""}
    assert any("PatientName" in note for note in notes)


@pytest.mark.parametrize("name", ["Åse^Øå", "Ö^É", "Łę^Ży", "Ñáñez^Íñigo", "Ær^Bø"])
def test_a_short_name_of_accented_letters_is_kept(name: str) -> None:
    """One ASCII letter, or an odd number of others, shows that it is Latin text."""
    declared = "ISO_IR 101" if "Ł" in name else "ISO_IR 100"
    found, _ = names_in_results(name.encode("iso8859-2" if "Ł" in name else "latin-1"), declared, "")
    assert found == {name}


@pytest.mark.parametrize(
    ("character_set", "name"), [("GB18030", CHINESE), ("ISO_IR 13", JAPANESE), ("ISO_IR 100", GERMAN)]
)
def test_what_the_site_says_of_a_sender_is_read(character_set: str, name: str) -> None:
    """The name stands in every result with its letters."""
    encoding = {"GB18030": "gb18030", "ISO_IR 13": "shift_jis", "ISO_IR 100": "latin-1"}[character_set]
    found, notes = names_in_results(name.encode(encoding), None, character_set)
    assert found == {name}
    assert not [note for note in notes if "letters" in note]


@pytest.mark.parametrize("name", GARBLED)
def test_without_a_setting_of_the_site_no_character_set_is_guessed(name: bytes) -> None:
    """The name is left out, and a note says what to set; the score is not touched."""
    found, notes = names_in_results(name, None, "")
    assert found == {""}
    assert [note for note in notes if "PatientName" in note and "workers.character_sets" in note]


@pytest.mark.parametrize(("declared", "character_set"), [("ISO_IR 192", ""), (None, "ISO_IR 192")])
def test_a_wrong_character_set_is_no_reason_to_show_wrong_letters(declared: str | None, character_set: str) -> None:
    """Bytes that are not valid UTF-8 are left out, although the object or the site declares UTF-8."""
    found, notes = names_in_results(CHINESE.encode("gb18030"), declared, character_set)
    assert found == {""}
    assert [note for note in notes if "PatientName" in note]


def test_what_a_sender_declares_counts_more_than_the_table() -> None:
    """The table is for objects that say nothing."""
    found, _ = names_in_results(GERMAN.encode("latin-1"), "ISO_IR 100", "GB18030")
    assert found == {GERMAN}


def test_the_first_row_that_fits_counts_and_a_row_names_a_defined_term() -> None:
    """A row without a sender is for all the others."""
    table = (SenderCharacterSet("GB18030", "PACS"), SenderCharacterSet("ISO_IR 100"))
    assert [character_set_of(sender, table) for sender in ("PACS", "MRI", None)] == [
        "GB18030",
        "ISO_IR 100",
        "ISO_IR 100",
    ]
    assert character_set_of("PACS", ()) == ""
    with pytest.raises(ValueError, match="defined term"):
        SenderCharacterSet("KLINGON")


def test_every_defined_term_is_one_that_texts_are_decoded_by() -> None:
    """Those that pydicom has, with what it lacks of the Standard; without the default repertoire and misspelt terms."""
    assert set(python_encoding) - DEFINED_TERMS == {"", "ISO_IR 6", "ISO 2022 GBK", "ISO 2022 58"}
    assert set(python_encoding) >= DEFINED_TERMS
