"""A document in which a reader assesses results: a rejection note, a verified copy, or a report with a coded judgement.

Rejection notes are Key Object Selection documents of IHE Radiology's Imaging Object Change Management (IOCM), titled by
PS3.16 CID 7011. A verified copy is a report with Verification Flag VERIFIED that names ours as its predecessor (PS3.3
section C.17.2). IHE's AI Result Assessment (AIRA) codes are given in the settings: a document of which none is known
says by what codes it might judge.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID

from listener.dicom.data_set import read_header
from listener.dicom.structure_limits import StructureLimits
from listener.dicom.uids import is_uid
from listener.ledger.reader_assessments import Assessment
from listener.settings import AssessmentSettings

DOCUMENT_TAGS = (
    "SOPClassUID",
    "CompletionFlag",
    "VerificationFlag",
    "VerifyingObserverSequence",
    "AuthorObserverSequence",
    "PredecessorDocumentsSequence",
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "ReferencedSOPSequence",
    "ConceptNameCodeSequence",
    "ContentSequence",
)
REJECTION_CODES = ("113001^DCM", "113037^DCM")
"""Rejected for quality reasons, and for patient safety reasons: titles of Key Object Selections, and values in reports.
The other titles of CID 7011, an incorrect worklist entry and the end of retention, say nothing of a result."""
VERIFIED = "VERIFIED"
PERSON_OBSERVER_NAME = "121008^DCM"
SUBJECT_NAMES = ("121029^DCM", "121036^DCM")
"""The patient, and the mother of a fetus (PS3.16 TID 1006 to 1008): no readers."""


@dataclass(frozen=True)
class Judgement:
    """What a document says of the objects that it refers to."""

    code: str
    """`VERIFIED`, the code that says it, or empty where none is known."""
    assessment: Assessment | None
    """None: a verified copy, which accepts or modifies the report that it names, as its content shows; or not known."""
    sop_instance_uids: frozenset[str]
    reader: str
    content: Sequence[Dataset]
    """The content tree."""
    codes: tuple[str, ...] = ()
    """All codes that it says, where none is known."""


def read_judgement(
    path: Path, data_set_offset: int, transfer_syntax: UID, limits: StructureLimits, settings: AssessmentSettings
) -> Judgement | None:
    """Read a received document; None where it cannot judge anything.

    Raises
    ------
    UnreadableDataSet
        If it cannot be read, or exceeds a limit.
    """
    return judgement(read_header(path, data_set_offset, transfer_syntax, DOCUMENT_TAGS, limits), settings)


def judgement(document: Dataset, settings: AssessmentSettings) -> Judgement | None:
    """Return what a document says of the objects that it refers to; None where it is not complete or refers to none."""
    if document.get("CompletionFlag") == "PARTIAL":
        return None
    content = document.get("ContentSequence") or []
    reader = _pseudonym(_reader(document))
    for code, assessment in _coded(document, settings):
        return Judgement(code, assessment, frozenset(_references([document])), reader, content)
    if document.get("VerificationFlag") == VERIFIED:
        copied = frozenset(_references(document.get("PredecessorDocumentsSequence") or []))
        if copied:
            return Judgement(VERIFIED, None, copied, reader, content)
    named = frozenset(_references([document]))
    return Judgement("", None, named, reader, content, tuple(dict.fromkeys(_codes(document)))) if named else None


def _coded(document: Dataset, settings: AssessmentSettings) -> Iterator[tuple[str, Assessment]]:
    """Yield the judgement by codes, if there is one; several that differ mean that the result is kept in part."""
    meanings = dict.fromkeys(REJECTION_CODES, Assessment.REJECTED)
    meanings |= {code: one for one in Assessment for code in getattr(settings, one.value)}
    judged = [(code, meanings[code]) for code in _codes(document) if code in meanings]
    if judged:
        code, assessment = judged[0]
        yield code, assessment if len({one for _, one in judged}) == 1 else Assessment.MODIFIED


def _codes(document: Dataset) -> Iterator[str]:
    """Yield the codes that a document says: its title, and the values of its content items."""
    for code in (
        _code(document, "ConceptNameCodeSequence"),
        *(_code(item, "ConceptCodeSequence") for item in _items(document)),
    ):
        if code:
            yield code


def _items(item: Dataset) -> Iterator[Dataset]:
    """Yield the content items below an item."""
    for child in item.get("ContentSequence") or []:
        yield child
        yield from _items(child)


def _code(item: Dataset, keyword: str) -> str:
    """Return a code as ``VALUE^SCHEME``; empty where there is none."""
    for code in item.get(keyword) or []:
        return f"{code.get('CodeValue') or ''}^{code.get('CodingSchemeDesignator') or ''}"[:64]
    return ""


def _references(items: Sequence[Dataset]) -> Iterator[str]:
    """Yield the SOP Instance UIDs that data sets refer to, at any depth."""
    for item in items:
        for element in item.iterall():
            if element.keyword == "ReferencedSOPInstanceUID" and is_uid(str(element.value or "")):
                yield str(element.value)


def _reader(document: Dataset) -> str:
    """Return who verified or wrote a document: an identification code before a name; empty where nobody is named."""
    for observer in document.get("VerifyingObserverSequence") or []:
        code = _code(observer, "VerifyingObserverIdentificationCodeSequence")
        return code or str(observer.get("VerifyingObserverName") or "")
    persons = [item for item in _items(document) if item.get("ValueType") == "PNAME" and item.get("PersonName")]
    named = [(_code(item, "ConceptNameCodeSequence"), str(item.PersonName)) for item in persons]
    for concept, name in sorted(named, key=lambda one: one[0] != PERSON_OBSERVER_NAME):
        if concept not in SUBJECT_NAMES:
            return name
    for author in document.get("AuthorObserverSequence") or []:
        return _code(author, "PersonIdentificationCodeSequence") or str(author.get("PersonName") or "")
    return ""


def _pseudonym(reader: str) -> str:
    """Return a short digest: the same reader has the same one, and no name is kept."""
    words = " ".join(reader.replace("^", " ").lower().split())
    return hashlib.sha256(f"radtme reader {words}".encode()).hexdigest()[:12] if words else ""
