"""Evidence in headers that images do not show the breast."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from listener.dicom.body_part_words import examined_as_a_breast, names_breast, other_body_part_described
from workers.images.attributes import decoded, text
from workers.images.functional_groups import functional_groups, value_of

DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName", "RequestedProcedureDescription")
_QUALITY = r"(?<![a-z])(?:acr|qa|qc)(?![a-z])"
_ROUTINE = r"(?<![a-z])(?:tests?|daily|weekly|monthly|annual)(?![a-z])"
_BETWEEN = r"[ /:-]{1,3}(?:mri? )?"
TEST_OBJECT = re.compile(
    rf"(?<![a-z])phantoms?(?![a-z])|{_QUALITY}{_BETWEEN}{_ROUTINE}|{_ROUTINE}{_BETWEEN}{_QUALITY}|"
    rf"^\s*{_QUALITY}(?:\W+{_QUALITY})*\s*$",
    re.IGNORECASE,
)
"""Words of a description of a scan for quality assurance. ACR, QA and QC alone may be BI-RADS, Qatar and Québec."""
HUMAN = re.compile(r"(?<!non.)\b(?:human|homo sapiens|mensch|mens|humain|humano|umano)\b", re.IGNORECASE)
HUMAN_CODES = frozenset({"337915000", "30996001", "L-85003"})
"""Names and codes (SNOMED CT; SRT) of the species that signatures are trained on."""
# fmt: off
OTHER_BODY_PARTS = frozenset({
    "ABDOMEN", "ABDOMENPELVIS", "ADRENAL", "ANKLE", "AORTA", "ARM", "BILEDUCT", "BLADDER", "BONE", "BRAIN", "CALF",
    "CAROTID", "CEREBELLUM", "CERVIX", "CIRCLEOFWILLIS", "CLAVICLE", "COCCYX", "COLON", "CSPINE", "CTSPINE",
    "DUODENUM", "ELBOW", "ESOPHAGUS", "EXTREMITY", "EYE", "FACE", "FEMUR", "FETUS", "FINGER", "FOOT", "FOREARM",
    "FOREFOOT", "GALLBLADDER", "HAND", "HEAD", "HEADNECK", "HEART", "HIP", "HUMERUS", "IAC", "JAW", "KIDNEY", "KNEE",
    "LARYNX", "LEG", "LIVER", "LOWEREXTREMITY", "LSPINE", "LSSPINE", "LUNG", "MANDIBLE", "MAXILLA", "MEDIASTINUM",
    "NECK", "NOSE", "ORBIT", "OVARY", "PANCREAS", "PAROTID", "PATELLA", "PELVIS", "PENIS", "PHANTOM", "PITUITARY",
    "PROSTATE", "RECTUM", "SACRUM", "SCALP", "SCAPULA", "SCROTUM", "SHOULDER", "SIJOINT", "SINUS", "SKULL",
    "SMALLBOWEL", "SPINE", "SPLEEN", "STERNUM", "STOMACH", "TESTIS", "THIGH", "THUMB", "THYMUS", "THYROID", "TIBIA",
    "TIBIAFIBULA", "TLSPINE", "TMJ", "TMJOINT", "TOE", "TONGUE", "TSPINE", "ULNA", "UPPEREXTREMITY", "UTERUS",
    "WHOLEBODY", "WRIST",
})
# fmt: on
"""Values of Body Part Examined. CHEST and THORAX are not among them: breast examinations use them as well."""


def other_body_part(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images show another body part than the breast; empty where there is none."""
    if text(header, "QualityControlImage") == "YES":
        return "quality control image"
    if (species := _species(header)) and not HUMAN.search(species):
        return f"species {species}"
    descriptions = [decoded(header, keyword).replace("_", " ") for keyword in DESCRIPTIONS]
    region = " ".join(_anatomic_regions(header, frame_number))
    if any(map(names_breast, (*descriptions, region))):
        return ""
    body_part = re.sub(r"[^A-Z]", "", text(header, "BodyPartExamined").upper())
    if body_part in OTHER_BODY_PARTS:
        return f"body part {body_part}"
    if OTHER_BODY_PARTS & set(re.findall(r"[A-Z]+", region.upper())):
        return f"anatomic region {region}"
    if body_part == "BREAST":
        return ""
    coil, position = value_of(header, "ReceiveCoilName", frame_number), text(header, "PatientPosition")
    is_chest_another = not examined_as_a_breast(coil, position)
    if word := other_body_part_described(descriptions, is_chest_another=is_chest_another):
        return f"described as {word}"
    tests = [found[0] for one in descriptions if (found := TEST_OBJECT.search(one))]
    return f"described as {tests[0].strip().lower()}" if tests else ""


def _species(header: Dataset) -> str:
    """Return the meaning or description of the patient's species; empty where it is not stated, or a code for man."""
    items = header.get("PatientSpeciesCodeSequence") or ()
    if any(text(item, "CodeValue") in HUMAN_CODES for item in items):
        return ""
    meanings = (decoded(item, "CodeMeaning").strip() for item in items)
    return next(filter(None, meanings), "") or decoded(header, "PatientSpeciesDescription").strip()


def _anatomic_regions(header: Dataset, frame_number: int | None) -> Iterator[str]:
    """Yield the meanings of Anatomic Region, for the image and for its frame."""
    anatomies = [
        one for groups in functional_groups(header, frame_number) for one in groups.get("FrameAnatomySequence") or ()
    ]
    for holder in (header, *anatomies):
        for item in holder.get("AnatomicRegionSequence") or ():
            yield text(item, "CodeMeaning")
