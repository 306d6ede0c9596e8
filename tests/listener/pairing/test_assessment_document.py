"""Which documents assess results, and how."""

from collections.abc import Callable

import pytest
from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ComprehensiveSRStorage, KeyObjectSelectionDocumentStorage, generate_uid

from listener.ledger.reader_assessments import Assessment
from listener.pairing.assessment_document import judgement
from listener.settings import AssessmentSettings
from support.dicom_objects import image

SITE = AssessmentSettings(accepted=("A^99PACS",), modified=("M^99PACS",), rejected=("R^99PACS",))


def key_objects(title: Code) -> Dataset:
    """Return a Key Object Selection of one image, as highdicom writes it."""
    named = image(1)
    named.StudyID = named.StudyDate = named.StudyTime = named.AccessionNumber = ""
    named.PatientID = named.PatientName = named.PatientBirthDate = named.PatientSex = named.ReferringPhysicianName = ""
    return KeyObjectSelectionDocument(
        [named], KeyObjectSelection(title, [named]), generate_uid(), 1, generate_uid(), 1, "Maker"
    )


def coded(value: str, scheme: str) -> Dataset:
    """Return a code."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, "meaning"
    return code


def report(*values: str, **attributes: object) -> Dataset:
    """Return a report that says these codes of the scheme 99PACS, and refers to an object."""
    document = Dataset()
    document.SOPClassUID = ComprehensiveSRStorage
    document.CompletionFlag, document.VerificationFlag = "COMPLETE", "UNVERIFIED"
    document.ConceptNameCodeSequence = [coded("1", "99PACS")]
    group = Dataset()
    group.ContentSequence = []
    for value in values:
        item = Dataset()
        item.ValueType, item.ConceptNameCodeSequence = "CODE", [coded("9", "99PACS")]
        item.ConceptCodeSequence = [coded(value, "99PACS")]
        group.ContentSequence.append(item)
    document.ContentSequence = [group]
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = "1.2.3"
    document.ReferencedSOPSequence = [reference]
    for keyword, value in attributes.items():
        setattr(document, keyword, value)
    return document


@pytest.mark.parametrize(
    "title", [codes.DCM.RejectedForQualityReasons, codes.DCM.RejectedForPatientSafetyReasons], ids=lambda one: one.value
)
def test_a_rejection_note_rejects_what_it_refers_to(title: Code) -> None:
    """IHE IOCM's rejection notes, whatever the settings name."""
    found = judgement(key_objects(title), AssessmentSettings())
    assert found is not None
    assert (found.assessment, found.code) == (Assessment.REJECTED, f"{title.value}^DCM")
    assert found.sop_instance_uids == {image(1).SOPInstanceUID}


@pytest.mark.parametrize("title", [codes.DCM.OfInterest, codes.DCM.IncorrectModalityWorklistEntry])
def test_other_key_objects_assess_nothing(title: Code) -> None:
    """What is of interest, or was filed under another order, says nothing of a result."""
    assert judgement(key_objects(title), SITE) is None


@pytest.mark.parametrize(
    ("values", "assessment"),
    [
        ("A", Assessment.ACCEPTED),
        ("M", Assessment.MODIFIED),
        ("R", Assessment.REJECTED),
        ("AA", Assessment.ACCEPTED),
        ("AR", Assessment.MODIFIED),
    ],
)
def test_a_report_judges_by_the_codes_of_the_settings(values: str, assessment: Assessment) -> None:
    """Codes at any depth; a document that accepts one finding and rejects another keeps the result in part."""
    found = judgement(report(*values), SITE)
    assert found is not None
    assert found.assessment is assessment
    assert found.sop_instance_uids == {"1.2.3"}


def test_a_key_object_title_of_the_settings_counts() -> None:
    """A site whose viewer accepts by a key object names its title."""
    found = judgement(key_objects(codes.DCM.OfInterest), AssessmentSettings(accepted=("113000^DCM",)))
    assert found is not None
    assert found.assessment is Assessment.ACCEPTED


@pytest.mark.parametrize(
    "document",
    [report("A", CompletionFlag="PARTIAL"), report("B"), report(), report(VerificationFlag="VERIFIED"), Dataset()],
    ids=["draft", "other code", "no code", "verified without predecessor", "empty"],
)
def test_a_document_that_judges_nothing(document: Dataset) -> None:
    """Drafts, other reports, and verified reports that are no copies of ours."""
    assert judgement(document, SITE) is None


def test_the_reader_is_a_pseudonym() -> None:
    """The same reader has the same one, whatever the case of the name; the name itself is not kept."""

    def verified(name: str) -> str:
        observer = Dataset()
        observer.VerifyingObserverName = name
        found = judgement(report("A", VerifyingObserverSequence=[observer]), SITE)
        assert found is not None
        return found.reader

    assert verified("Curie^Marie") == verified("CURIE^MARIE") != verified("Meitner^Lise")
    assert "curie" not in verified("Curie^Marie").lower()
    assert len(verified("Curie^Marie")) == 12


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: setattr(one, "ContentSequence", [Dataset()]),
        lambda one: delattr(one, "ContentSequence"),
        lambda one: setattr(one, "ConceptNameCodeSequence", [Dataset()]),
        lambda one: delattr(one, "CurrentRequestedProcedureEvidenceSequence"),
    ],
)
def test_a_document_with_gaps_raises_nothing(damage: Callable[[Dataset], None]) -> None:
    """A document may lack anything that its class requires."""
    document = key_objects(codes.DCM.RejectedForQualityReasons)
    assert document.SOPClassUID == KeyObjectSelectionDocumentStorage
    damage(document)
    judgement(document, SITE)
