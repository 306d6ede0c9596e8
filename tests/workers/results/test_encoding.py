"""Results as bytes: those that pydicom writes."""

import warnings
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from support.result_cases import make_case
from workers.jobs.result_objects import build_results
from workers.results.encoding import UTF_8, encoded, encoded_file


def as_pydicom_writes(dataset: Dataset) -> bytes:
    """Return the data set as pydicom encodes it."""
    content = BytesIO()
    file = DicomFileLike(content)
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, dataset, UTF_8)
    return content.getvalue()


@pytest.mark.parametrize("enhanced", [False, True])
def test_files_are_those_of_pydicom(enhanced: bool) -> None:
    """Of every result object."""
    case = make_case(enhanced=enhanced)
    for role, instance in build_results(case.result, case.seg_header, case.measurement).items():
        expected = BytesIO()
        dcmwrite(expected, instance, enforce_file_format=True)
        assert encoded_file(instance) == expected.getvalue(), role


LETTERS = st.text("aBä大 1.", max_size=9)
ASCII = st.text("aB 1.", max_size=9)
WHOLE = st.integers(0, 65535)
DECIMALS = st.sampled_from(["1.50", "-2", "0.1", "1e-3"]) | st.integers(-999, 999)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("LO", "SH", "UC"), LETTERS | st.lists(LETTERS, min_size=2, max_size=3)),
    **dict.fromkeys(("LT", "ST", "UT"), LETTERS),
    **dict.fromkeys(("AE", "CS"), ASCII | st.lists(ASCII, min_size=2, max_size=3)),
    "DA": st.sampled_from(["20260102", ""]),
    "TM": st.sampled_from(["101112", "1011", "101112.5", ""]),
    "DT": st.sampled_from(["20260102101112", ""]),
    "AS": st.just("034Y"),
    "UR": st.just("http://localhost/a"),
    "UI": st.sampled_from(["1.2.3", "1.2.34", ""]) | st.just(["1.2", "1.3.4"]),
    "PN": st.sampled_from(["Doe^Jane", "Müller^Jürgen=山田^太郎", ""]) | st.just(["A^B", "C^D"]),
    "DS": DECIMALS | st.lists(DECIMALS, min_size=2, max_size=3),
    "IS": st.integers(-999, 999) | st.just("007") | st.lists(st.integers(-9, 9), min_size=2, max_size=3),
    "AT": st.just(Tag("PatientID")) | st.just([Tag("PatientID"), Tag("Rows")]),
    "OB": st.sampled_from([b"", b"\1", b"\1\2"]),
    "OW": st.sampled_from([b"", b"\1\2"]),
    "UN": st.sampled_from([b"", b"\1\2"]),
    **dict.fromkeys(("FD", "FL"), st.just(0.5) | st.lists(st.just(-1.5), min_size=2, max_size=3)),
    **dict.fromkeys(("UL", "US"), WHOLE | st.lists(WHOLE, min_size=2, max_size=3)),
    **dict.fromkeys(("SL", "SS"), st.integers(-9, 9)),
}
NOTHING = st.none()
ELEMENTS = st.sampled_from(sorted(KINDS)).flatmap(lambda vr: st.tuples(st.just(vr), KINDS[vr] | NOTHING))


def data_set(parts: list[Any]) -> Dataset:
    """Return a data set of private elements with these VRs and values; a list of lists is a sequence."""
    made = Dataset()
    for number, part in enumerate(parts):
        tag = Tag(0x0099, 0x1000 + number)
        if isinstance(part, list):
            made.add(DataElement(tag, "SQ", Sequence([data_set(item) for item in part])))
        else:
            made.add(DataElement(tag, *part))
    return made


DATA_SETS = st.recursive(
    st.lists(ELEMENTS, max_size=6), lambda inner: st.lists(ELEMENTS | st.lists(inner, max_size=2), max_size=6)
)


@given(DATA_SETS)
def test_any_data_set_is_that_of_pydicom(parts: list[Any]) -> None:
    """All VRs, one value, several or none, letters of any language, sequences in sequences."""
    assert encoded(data_set(parts)) == as_pydicom_writes(data_set(parts))


def test_what_is_not_plain_is_that_of_pydicom() -> None:
    """Other encodings and character sets, a sequence of undefined length, a text too long for its VR."""
    latin = Dataset()
    latin.SpecificCharacterSet, latin.PatientName = "ISO_IR 100", "Müller"
    undefined = Dataset()
    undefined.SegmentSequence = [Dataset()]
    undefined["SegmentSequence"].is_undefined_length = True
    item = Dataset()
    item.SegmentSequence = [Dataset()]
    item.SegmentSequence[0].is_undefined_length_sequence_item = True
    long = data_set([("LO", "x" * 70000)])
    implicit = read_back(latin, ImplicitVRLittleEndian)
    explicit = read_back(latin, ExplicitVRLittleEndian)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dataset in (latin, undefined, item, long, implicit, explicit):
            assert encoded(dataset) == as_pydicom_writes(dataset)


def test_what_a_source_encoded_is_that_of_pydicom() -> None:
    """A text in the source's character set, which the result does not have, and the length of a group."""
    source = Dataset()
    source.SpecificCharacterSet, source.InstitutionName = "ISO_IR 100", "Köln"
    copied = read_back(source, ExplicitVRLittleEndian)
    copied.SpecificCharacterSet = "ISO_IR 192"
    assert "Köln".encode() in encoded(copied)
    item = data_set([("LO", "x")])
    item.add(DataElement(Tag(0x0099, 0), "UL", 4))
    assert encoded(item) == as_pydicom_writes(item)


def read_back(dataset: Dataset, syntax: str) -> Dataset:
    """Return the data set as it is read from a file in a transfer syntax."""
    content = BytesIO()
    dcmwrite(content, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    content.seek(0)
    return dcmread(content, force=True)
