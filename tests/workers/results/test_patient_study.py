"""Patient, study, date and references of results."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from workers.results.patient_study import (
    TYPE_2,
    UNKNOWN_DATE,
    ContentDateTime,
    content_date_time,
    patient_and_study,
)


def read_back(dataset: Dataset) -> Dataset:
    """Return the data set as it comes from a file, nothing decoded yet."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, "1.2.3"
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("ISO_IR 192", "Ελλη^Νίκη"),
        ("ISO_IR 144", "Иванова^Дина"),
    ],
)
def test_names_pass_whatever_their_character_set(charset: str | list[str], name: str) -> None:
    """Results are written in UTF-8; names and nested texts stay what they were."""
    source = Dataset()
    source.SpecificCharacterSet = charset
    source.PatientName = name
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator = "1", "99X"
    procedure.CodeMeaning = name.split("=")[-1].replace("^", " ")
    source.ProcedureCodeSequence = [procedure]
    result = patient_and_study([read_back(source)])
    result.SpecificCharacterSet = "ISO_IR 192"
    written = read_back(result)
    assert str(written.PatientName) == name
    assert written.ProcedureCodeSequence[0].CodeMeaning == procedure.CodeMeaning


def test_what_type_2_requires_is_there_empty() -> None:
    """De-identified data often lack it, and viewers need it."""
    result = patient_and_study([Dataset()])
    assert all(keyword in result and not result[keyword].value for keyword in TYPE_2)


def test_the_images_come_before_the_outline() -> None:
    """The archive knows the images; what they lack is taken from the outline."""
    image, outline = Dataset(), Dataset()
    image.PatientID = outline.PatientID = "P1 "
    image.PatientName, outline.PatientName = "Doe^Jane", "Doe^J"
    outline.AccessionNumber = "A1"
    result = patient_and_study([image, outline])
    assert (str(result.PatientName), result.AccessionNumber) == ("Doe^Jane", "A1")


def test_an_outline_of_another_patient_adds_nothing() -> None:
    """Attributes of two people in one report would make a third one: it is filed under the images' patient alone."""
    image, outline = Dataset(), Dataset()
    image.PatientID, outline.PatientID = "image", "outline"
    image.StudyInstanceUID = outline.StudyInstanceUID = "1.2"
    outline.PatientName, outline.PatientBirthDate, outline.PatientSex = "Other^Person", "19700101", "F"
    outline.AccessionNumber, outline.PatientAge, outline.AdmissionID = "A1", "054Y", "ward"
    result = patient_and_study([image, outline])
    assert result.PatientID == "image"
    assert not any(result[keyword].value for keyword in TYPE_2 if keyword != "PatientID")
    assert "PatientAge" not in result
    assert "AdmissionID" not in result


def test_the_same_id_of_two_issuers_is_two_patients() -> None:
    """A Patient ID is unique for its issuer only (PS3.3 C.7.1.1)."""
    image, outline = Dataset(), Dataset()
    image.PatientID = outline.PatientID = "4711"
    image.IssuerOfPatientID, outline.IssuerOfPatientID = "North", "South"
    outline.PatientName = "Other^Person"
    assert not patient_and_study([image, outline]).PatientName


def test_an_outline_is_filed_under_its_own_patient_where_no_image_came() -> None:
    """There is no other one."""
    outline = Dataset()
    outline.PatientID, outline.PatientName = "outline", "Doe^Jane"
    assert str(patient_and_study([outline]).PatientName) == "Doe^Jane"


def test_values_that_break_the_rules_are_left_out() -> None:
    """A source that writes its patient's age wrongly is still reported on, without it."""
    source = Dataset()
    source.add_new("PatientAge", "AS", "")
    raw = read_back(source)
    raw["PatientAge"].value = "71"
    assert "PatientAge" not in patient_and_study([raw])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ContentDate": "20240301", "ContentTime": "101500.25", "StudyDate": "20200101"}, ("20240301", "101500.25")),
        ({"ContentDate": "20240301"}, ("20240301", "000000")),
        ({"ContentDate": "", "SeriesDate": "20230101", "SeriesTime": "010203"}, ("20230101", "010203")),
        ({"StudyDate": "20220101", "StudyTime": ""}, ("20220101", "000000")),
        ({}, (UNKNOWN_DATE, "000000")),
    ],
)
def test_the_date_is_that_of_the_outline(attributes: dict[str, str], expected: tuple[str, str]) -> None:
    """No clock: the same inputs give the same date tomorrow."""
    outline = Dataset()
    for keyword, value in attributes.items():
        setattr(outline, keyword, value)
    assert content_date_time(outline, []) == ContentDateTime(*expected)
