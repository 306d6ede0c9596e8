"""Names in every character set of the Standard, from the bytes of a source to every object that is sent."""

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from listener.dicom.data_set import read_patient
from support.character_sets import EXTENDED, NAMES, NameInCharacterSet
from support.result_cases import FEATURE_NAMES, make_case
from workers.fallbacks.documents import as_secondary_capture
from workers.images.headers import read_header
from workers.jobs.result_objects import build_results
from workers.results.patient_study import patient_and_study
from workers.results.result_roles import ResultRole

DEFINED_TERMS = {
    *(f"ISO_IR {number}" for number in (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192, 203)),
    *(f"ISO 2022 IR {number}" for number in (6, 13, 58, 87, 100, 101, 109, 110, 126, 127, 138, 144, 148, 149, 159)),
    *("ISO 2022 IR 166", "ISO 2022 IR 203", "GB18030", "GBK"),
}
"""PS3.3 tables C.12-2 to C.12-5."""


def named(*names: NameInCharacterSet) -> pytest.MarkDecorator:
    """Run a test for each of these names."""
    return pytest.mark.parametrize("one", names, ids=lambda one: one.label)


def stored(header: Dataset, one: NameInCharacterSet, path: Path) -> Path:
    """Write a header whose Patient's Name, Patient ID and a nested code meaning are these bytes."""
    if one.terms:
        header.SpecificCharacterSet = list(one.terms)
    places = {letter: letter * len(one.encoded) for letter in "XYZ"}
    header.PatientName, header.PatientID = places["X"], places["Y"]
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator, procedure.CodeMeaning = "1", "99X", places["Z"]
    header.ProcedureCodeSequence = [procedure]
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dcmwrite(buffer, header, enforce_file_format=True)
    content = buffer.getvalue()
    for place in places.values():
        assert content.count(place.encode()) == 1
        content = content.replace(place.encode(), one.encoded)
    path.write_bytes(content)
    return path


def test_no_defined_term_is_left_out() -> None:
    """Every term of the Standard has a name below."""
    assert {term for one in (*NAMES, *EXTENDED) for term in one.terms} >= DEFINED_TERMS


@named(*NAMES)
def test_the_name_stands_in_every_result(one: NameInCharacterSet, tmp_path: Path) -> None:
    """Patient's Name, Patient ID and nested texts are equal after decoding, in what stands in for a result too."""
    case = make_case(features=FEATURE_NAMES[:4])
    header = read_header(stored(case.headers[0], one, tmp_path / "source.dcm")).dataset
    volume = replace(case.measurement.volume, headers=(header, *case.headers[1:]))
    results = build_results(case.result, case.seg_header, replace(case.measurement, volume=volume))
    assert set(results) == set(ResultRole)
    for role, instance in results.items():
        path = tmp_path / f"{role.value}.dcm"
        dcmwrite(path, instance, enforce_file_format=True)
        written = dcmread(path)
        assert (str(written.PatientName), written.PatientID) == (one.name, one.name)
        assert written.ProcedureCodeSequence[0].CodeMeaning == one.name
    picture = as_secondary_capture(dcmread(path), path)
    assert (str(picture.PatientName), picture.PatientID) == (one.name, one.name)
    if shutil.which("dcmdump"):
        dumped = subprocess.run(["dcmdump", "+P", "0010,0010", path], capture_output=True, check=True).stdout
        assert f"[{one.name}]" in dumped.decode()


@named(*NAMES, *EXTENDED)
def test_every_reader_names_the_same_patient(one: NameInCharacterSet, tmp_path: Path) -> None:
    """The audit trail of the listener, and the worker."""
    path = stored(make_case(features=()).headers[0], one, tmp_path / "source.dcm")
    data_set_begins = 144 + int.from_bytes(path.read_bytes()[140:144], "little")
    assert read_patient(path, data_set_begins, ExplicitVRLittleEndian) == (one.name, one.name)
    copied = patient_and_study([read_header(path).dataset])
    assert (str(copied.PatientName), copied.PatientID) == (one.name, one.name)
