"""Explicit VR to Implicit VR by bytes, against pydicom's encoder."""

import random
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from support.result_cases import make_case
from workers.jobs.result_objects import build_results
from workers.results.encoding import encoded_file
from workers.results.result_roles import ResultRole
from workers.targets.implicit_vr import NotConverted, implicit_vr, in_implicit_vr


@pytest.fixture(scope="module")
def results() -> dict[ResultRole, bytes]:
    """The result objects of a case, as files."""
    case = make_case()
    return {
        role: encoded_file(one) for role, one in build_results(case.result, case.seg_header, case.measurement).items()
    }


def by_pydicom(dataset: Dataset) -> bytes | None:
    """Return it in Implicit VR, each element decoded and encoded anew."""
    return encode(dataset, is_implicit_vr=True, is_little_endian=True)


@pytest.mark.parametrize("role", ResultRole)
def test_each_result_has_the_bytes_that_pydicom_writes(results: dict[ResultRole, bytes], role: ResultRole) -> None:
    """Nested sequences, pixels and all."""
    converted = in_implicit_vr(dcmread(BytesIO(results[role])))
    assert converted.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert by_pydicom(converted) == by_pydicom(dcmread(BytesIO(results[role])))


def test_the_original_stays_as_it_is(results: dict[ResultRole, bytes]) -> None:
    """The same object may go to another target in Explicit VR."""
    dataset = dcmread(BytesIO(results[ResultRole.SUMMARY_REPORT]))
    in_implicit_vr(dataset)
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert encoded_file(dataset) == results[ResultRole.SUMMARY_REPORT]


def test_dcmtk_reads_the_same_contents(results: dict[ResultRole, bytes], tmp_path: Path) -> None:
    """Another toolkit prints both alike but for the transfer syntax."""
    dataset = dcmread(BytesIO(results[ResultRole.FEATURE_REPORT]))
    dataset.save_as(tmp_path / "explicit.dcm")
    in_implicit_vr(dataset).save_as(tmp_path / "implicit.dcm")
    printed = [
        subprocess.run(["dsrdump", tmp_path / name], capture_output=True, text=True, check=True).stdout
        for name in ("explicit.dcm", "implicit.dcm")
    ]
    assert printed[0] == printed[1]
    assert "NUM" in printed[0]


def random_dataset(rng: random.Random, depth: int = 0) -> Dataset:
    """Return a data set of all kinds of lengths, with sequences within sequences, empty ones among them."""
    dataset = Dataset()
    dataset.add_new(0x00080005, "CS", "ISO_IR 192")
    dataset.add_new(0x00100010, "PN", "Ä^" + "b" * rng.randrange(9))
    dataset.add_new(0x00280010, "US", rng.randrange(1 << 16))
    dataset.add_new(0x00720026, "AT", 0x00280010)
    dataset.add_new(0x00091001, "UN", bytes(2 * rng.randrange(5)))
    dataset.add_new(0x0040A160, "UT", "ü" * rng.randrange(70_000 if depth == 0 else 3))
    dataset.add_new(0x00287FE0, "UR", "urn:x")
    if depth < 4:
        for tag in (0x0040A730, 0x0040A043):
            items = [random_dataset(rng, depth + 1) for _ in range(rng.randrange(3))]
            dataset.add_new(tag, "SQ", items)
    if depth == 0:
        dataset.add_new(0x7FE00010, "OW", bytes(2 * rng.randrange(1000)))
    return dataset


@pytest.mark.parametrize("seed", range(20))
def test_any_data_set_has_the_bytes_that_pydicom_writes(seed: int) -> None:
    """Random nesting and lengths, odd ones padded."""
    dataset = random_dataset(random.Random(seed))
    explicit = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    assert explicit is not None
    assert implicit_vr(explicit) == by_pydicom(dataset)


def test_a_cut_data_set_is_refused_wherever_it_is_cut() -> None:
    """It is sent as pynetdicom encodes it, and never cut in silence."""
    explicit = encode(random_dataset(random.Random(1), depth=2), is_implicit_vr=False, is_little_endian=True)
    assert explicit is not None
    complete = 0
    for length in range(1, len(explicit)):
        try:
            implicit_vr(explicit[:length])
            complete += 1
        except NotConverted:
            pass
    assert complete == len(dcmread(BytesIO(explicit), force=True)) - 1  # where it ends with an element


@pytest.mark.parametrize("header", [b"\x09\0\x01\x10UN", b"\x40\0\x30\xa7SQ"], ids=["UN", "SQ"])
def test_an_undefined_length_is_refused(header: bytes) -> None:
    """Items of unknown VR are in Implicit VR already; our own objects have neither."""
    with pytest.raises(NotConverted):
        implicit_vr(header + b"\0\0\xff\xff\xff\xff" + b"\xfe\xff\xdd\xe0\0\0\0\0")


def test_another_transfer_syntax_is_refused() -> None:
    """Its bytes are not those of Explicit VR Little Endian."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(NotConverted, match="Explicit VR"):
        in_implicit_vr(dataset)
