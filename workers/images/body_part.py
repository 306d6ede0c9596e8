"""Evidence in headers that images do not show the breast."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from listener.dicom.body_part_words import BREAST, find_other_body_part
from workers.images.attributes import decoded, text
from workers.images.functional_groups import functional_groups

DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName", "RequestedProcedureDescription")
WORD = re.compile(r"\w+")
_QUALITY = r"(?<![a-z])(?:acr|qa|qc)(?![a-z])"
_ROUTINE = r"(?<![a-z])(?:tests?|daily|weekly|monthly|annual)(?![a-z])"
_BETWEEN = r"[ /:-]{1,3}(?:mri? )?"
TEST_OBJECT = re.compile(
    rf"(?<![a-z])phantoms?(?![a-z])|{_QUALITY}{_BETWEEN}{_ROUTINE}|{_ROUTINE}{_BETWEEN}{_QUALITY}|"
    rf"^\s*{_QUALITY}(?:\W+{_QUALITY})*\s*$",
    re.IGNORECASE,
)
"""Words of a description of a scan for quality assurance. ACR, QA and QC alone may be BI-RADS, Qatar and Québec."""
# fmt: off
OTHER_BODY_PARTS = frozenset({
    "ABDOMEN", "ANKLE", "BLADDER", "BRAIN", "CSPINE", "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEAD", "HEART", "HIP",
    "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "NECK", "ORBIT", "PANCREAS", "PELVIS", "PHANTOM", "PITUITARY",
    "PROSTATE", "SHOULDER", "SKULL", "SPINE", "TSPINE", "UTERUS", "WRIST",
})
# fmt: on
"""Values of Body Part Examined. CHEST and THORAX are not among them: breast examinations use them as well."""


def other_body_part(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images show another body part than the breast; empty where there is none."""
    descriptions = [decoded(header, keyword).replace("_", " ") for keyword in DESCRIPTIONS]
    described = " ".join(descriptions)
    region = " ".join(_anatomic_regions(header, frame_number))
    if BREAST.search(f"{described} {region}"):
        return ""
    body_part = re.sub(r"[^A-Z]", "", text(header, "BodyPartExamined").upper())
    if body_part in OTHER_BODY_PARTS:
        return f"body part {body_part}"
    if OTHER_BODY_PARTS & set(re.findall(r"[A-Z]+", region.upper())):
        return f"anatomic region {region}"
    if body_part == "BREAST":
        return ""
    if found := find_other_body_part(described):
        return f"described as {_word_at(found.start(), found.string).lower()}"
    tests = [found[0] for one in descriptions if (found := TEST_OBJECT.search(one))]
    return f"described as {tests[0].strip().lower()}" if tests else ""


def _word_at(start: int, described: str) -> str:
    """Return the whole word around a position; a pattern with the word's ends takes hours for a word of 64 kB."""
    return next(word[0] for word in WORD.finditer(described) if word.end() > start)


def _anatomic_regions(header: Dataset, frame_number: int | None) -> Iterator[str]:
    """Yield the meanings of Anatomic Region, for the image and for its frame."""
    anatomies = [
        one for groups in functional_groups(header, frame_number) for one in groups.get("FrameAnatomySequence") or ()
    ]
    for holder in (header, *anatomies):
        for item in holder.get("AnatomicRegionSequence") or ():
            yield text(item, "CodeMeaning")
