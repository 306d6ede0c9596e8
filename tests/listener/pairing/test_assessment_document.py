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
    """What is of interest, or was filed under another order, says nothing of a result that is known."""
    found = judgement(key_objects(title), SITE)
    assert found is not None
    assert (found.code, found.assessment, found.codes) == ("", None, (f"{title.value}^DCM",))


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
    [report("A", CompletionFlag="PARTIAL"), report("A", ReferencedSOPSequence=[]), Dataset()],
    ids=["draft", "without a reference", "empty"],
)
def test_a_document_that_judges_nothing(document: Dataset) -> None:
    """Drafts, and what refers to no object."""
    found = judgement(document, SITE)
    assert found is None or not found.sop_instance_uids


@pytest.mark.parametrize(
    "document",
    [report("B", "C"), report(), report("B", VerificationFlag="VERIFIED")],
    ids=["other codes", "no code", "verified without predecessor"],
)
def test_a_document_without_a_known_code_tells_its_codes(document: Dataset) -> None:
    """A site learns from the log what its viewer writes."""
    found = judgement(document, SITE)
    assert found is not None
    assert (found.code, found.assessment) == ("", None)
    values = [item.ConceptCodeSequence[0].CodeValue for item in document.ContentSequence[0].ContentSequence]
    assert found.codes == ("1^99PACS", *(f"{value}^99PACS" for value in values))


def test_a_report_of_the_form_of_aira_judges() -> None:
    """As a public implementation writes it: the references in the data set itself, an assessor under a name of its own.

    A reason for the rejection from CID 7011 does not contradict it, and says it alone, too.
    """
    person = Dataset()
    person.ValueType, person.ConceptNameCodeSequence = "PNAME", [coded("AIRA-020", "99PACS")]
    person.PersonName = "Meitner^Lise"
    reason = Dataset()
    reason.ValueType, reason.ConceptNameCodeSequence = "CODE", [coded("AIRA-050", "99PACS")]
    reason.ConceptCodeSequence = [coded("113001", "DCM")]
    document = report("R")
    document.ContentSequence = [*document.ContentSequence, person, reason]
    named = judgement(document, SITE)
    assert named is not None
    assert (named.assessment, named.code, len(named.reader)) == (Assessment.REJECTED, "R^99PACS", 12)
    alone = judgement(document, AssessmentSettings())
    assert alone is not None
    assert (alone.assessment, alone.code, alone.reader) == (Assessment.REJECTED, "113001^DCM", named.reader)


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


@pytest.mark.parametrize("concept", ["121029", "121036"])
def test_the_subject_of_a_report_is_not_its_reader(concept: str) -> None:
    """The names of the patient and of the mother of a fetus are content items, too (PS3.16 TID 1007 and 1008)."""
    subject, author = Dataset(), Dataset()
    subject.ValueType, subject.ConceptNameCodeSequence = "PNAME", [coded(concept, "DCM")]
    subject.PersonName, author.PersonName = "Curie^Marie", "Meitner^Lise"
    document = report("A", AuthorObserverSequence=[author])
    written = judgement(document, SITE)
    document.ContentSequence = [subject, *document.ContentSequence]
    found = judgement(document, SITE)
    assert written is not None
    assert found is not None
    assert found.reader == written.reader != ""


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
