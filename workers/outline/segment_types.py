"""The meaning of a segment: the tumour, tissue that is excluded from the ring, or something else.

A site's own rules come first, then the type's code (Segmented Property Type), because writers disagree on the category:
a mass is filed as morphologically abnormal structure, as tissue and as anatomical structure. The table
``segment_codes.csv`` lists the codes with their source. Many viewers give every segment the same unspecific code, and
only label or code meaning identify it (`segment_words`).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

from pydicom import Dataset
from pydicom.sr.coding import Code

from workers.outline.segment_rules import SegmentRole, SegmentRules
from workers.outline.segment_words import is_neutral, role_of_words

UNSPECIFIC = "unspecific"
STANDARD_SCHEMES = frozenset(
    {"DCM", "FMA", "ICD10", "ICDO3", "I10", "LN", "NCIt", "RADLEX", "SCT", "SNM3", "SRT", "UMLS"}
)
"""A code of these schemes that the table does not list means something else; codes of other schemes are no evidence."""


class Evidence(StrEnum):
    """The evidence for a segment's role."""

    RULE = "rule"
    CODE = "code"
    WORDS = "words"
    NONE = "none"


@dataclass(frozen=True)
class SegmentMeaning:
    """The role of a segment, and the evidence for it."""

    number: int
    role: SegmentRole | None
    """None where nothing identifies it and nothing contradicts a tumour."""
    evidence: Evidence
    shown: str
    """Label and codes, and the word that is against a tumour; for messages."""
    is_unnamed: bool = False
    """Whether `role` is None because nothing was written about it: not even a word that no table lists."""


def meaning_of(segment: Dataset, rules: SegmentRules) -> SegmentMeaning:
    """Return the meaning of an item of the Segment Sequence."""
    number, label = int(segment.SegmentNumber), _text(segment.get("SegmentLabel"))
    types = _codes(segment, "SegmentedPropertyTypeCodeSequence")
    names = tuple(f"{code.scheme_designator} {code.value}" for code in types)
    shown = f"segment {number} '{label[:40]}' ({', '.join(map(_shown, types)) or 'no type code'})"
    if (ruled := rules.role_of(names, label, number)) is not None:
        return SegmentMeaning(number, ruled, Evidence.RULE, shown)
    coded = {role for code in types if (role := _role_of_code(code))}
    for role in (SegmentRole.TUMOUR, SegmentRole.OTHER_TISSUE, SegmentRole.IGNORED):
        if role in coded:
            return SegmentMeaning(number, role, Evidence.CODE, shown)
    meanings = [code.meaning for code in types if not _role_of_code(code)]
    texts = [text.replace("_", " ") for text in (label, _text(segment.get("SegmentDescription")), *meanings)]
    worded, word = role_of_words(texts)
    if worded is None and any(code.scheme_designator in STANDARD_SCHEMES and not _role_of_code(code) for code in types):
        worded = SegmentRole.IGNORED  # a standard code that does not mean a tumour: an organ, or a kind of tissue
    if worded is None:
        unnamed = all(map(is_neutral, (label, *meanings)))
        return SegmentMeaning(number, None, Evidence.NONE, shown if unnamed else f"{shown}: no known word", unnamed)
    against = f": '{word.lower()}'" if word and worded is not SegmentRole.TUMOUR else ""
    return SegmentMeaning(number, worded, Evidence.WORDS, f"{shown}{against}")


def _role_of_code(code: Code) -> SegmentRole | str | None:
    """Return the role of a code, `UNSPECIFIC`, or None where the table does not list it.

    Comparing pydicom's codes makes legacy SNOMED RT values (SRT) equal to their SNOMED CT equivalents.
    """
    exact, patterns = _table()
    for known, role in exact:
        if code == known:
            return role
    for scheme, pattern, role in patterns:
        if code.scheme_designator == scheme and fnmatchcase(code.value, pattern):
            return role
    return None


@cache
def _table() -> tuple[list[tuple[Code, SegmentRole | str]], list[tuple[str, str, SegmentRole | str]]]:
    exact: list[tuple[Code, SegmentRole | str]] = []
    patterns: list[tuple[str, str, SegmentRole | str]] = []
    for row in _rows("segment_codes.csv"):
        role = row["role"] if row["role"] == UNSPECIFIC else SegmentRole(row["role"])
        if re.search(r"[*?\[]", row["value"]):
            patterns.append((row["scheme"], row["value"], role))
        else:
            exact.append((Code(row["value"], row["scheme"], row["meaning"]), role))
    return exact, patterns


def _rows(table: str) -> Iterator[dict[str, str]]:
    text = resources.files("workers.outline").joinpath(table).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _codes(segment: Dataset, keyword: str) -> list[Code]:
    return [
        Code(
            _text(item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue")),
            _text(item.get("CodingSchemeDesignator")).replace("99SDM", "SRT"),
            _text(item.get("CodeMeaning")),
        )
        for item in segment.get(keyword) or ()
    ]


def _shown(code: Code) -> str:
    return f"type {code.scheme_designator} {code.value} {code.meaning[:40]}"


def _text(value: object) -> str:
    return " ".join(str(value or "").split())
