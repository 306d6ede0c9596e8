"""The role of a segment by the words of its label, in the languages of hospitals (``segment_words.csv``).

A label that holds no known word is not taken for a tumour: words for scars, cysts and organs are without number. Those
that programs write by default ("Segment 1"), sides and numbers say nothing, and contradict nothing.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from unicodedata import normalize

from workers.outline.segment_rules import SegmentRole

NON_MASS = re.compile(r"non[- ]?mass", re.IGNORECASE)
"""A BI-RADS lesion type, whose name begins with a negation."""
ROLE_OF_WORDS = {
    "negation": SegmentRole.IGNORED,
    "surroundings": SegmentRole.IGNORED,
    "contradicting": SegmentRole.IGNORED,
    "benign": SegmentRole.OTHER_TISSUE,
    "other_tissue": SegmentRole.OTHER_TISSUE,
    "tumour": SegmentRole.TUMOUR,
    "breast": SegmentRole.IGNORED,
}
"""Roles by the first column of ``segment_words.csv``; the first whose words occur applies."""
BESIDE = (
    r"\d[\d.,]{0,4} ?[cm]m (?:from|to|off|von|zur?|de|du|dal|van|от)|"
    r"(?:near|next to|beside|close to|adjacent to|neben|nahe)|"
    r"(?:no|without|w/o|ohne|keine?|sans|sin|senza|sem|geen|zonder|bez|без)|"
    r"(?:with|incl[a-z.]{0,7}|containing|mit|inkl[a-z.]{0,9}|avec|con|com)"
)
"""Words before a tissue that is not what was outlined: "tumor 3 cm from the nipple", "carcinoma without necrosis"."""
NODES = r"(?:\b(?:lns?|lk|nodes?|nodal)[ -]{0,2}neg\w*|\bpositive (?:lns?|nodes?)\b|\bc?n0\b)"
"""The nodal state of a carcinoma."""
DIGITS = re.compile(r"[\W\d_]+")
"""What separates the words of a label."""


def role_of_words(texts: Iterable[str]) -> tuple[SegmentRole | None, str]:
    """Return the role that words of label, description and code meanings give, and the word; None where none does."""
    found = NON_MASS.sub("lesion", " / ".join(normalize("NFC", text) for text in texts if text))
    role, word = _role(found)
    if role in (None, SegmentRole.TUMOUR):
        return role, word
    alone, tumour = _role(_beside().sub(" ", found))
    return (alone, tumour) if alone is SegmentRole.TUMOUR else (role, word)


def is_neutral(text: str) -> bool:
    """Return whether a text holds nothing but what programs write by default, sides, numbers and single letters."""
    words = [word for word in DIGITS.split(normalize("NFC", text)) if len(word) > 1]
    return all(_neutral().fullmatch(word) for word in words)


def _role(text: str) -> tuple[SegmentRole | None, str]:
    for words, role in _words():
        if found := words.search(text):
            return role, found[0]
    return None, ""


@cache
def _words() -> tuple[tuple[re.Pattern[str], SegmentRole], ...]:
    return tuple((_compiled(_table()[kind]), role) for kind, role in ROLE_OF_WORDS.items())


@cache
def _neutral() -> re.Pattern[str]:
    return _compiled(_table()["neutral"])


@cache
def _beside() -> re.Pattern[str]:
    """Return the pattern of a phrase that names a tissue beside a tumour, or one that is not there."""
    tissue = "|".join((_table()["contradicting"], _table()["other_tissue"]))
    phrase = rf"(?<!\w)(?:{BESIDE})(?: \w+){{0,2}}?[ -]*(?:{tissue})\w*"
    inside = rf"(?<!\w)(?:with)?in (?:an? )?(?:{_table()['benign']}|cyst)\w*"
    return _compiled(f"{phrase}|{inside}|{NODES}")


@cache
def _table() -> Mapping[str, str]:
    """Return the alternatives of each role as one pattern."""
    text = resources.files("workers.outline").joinpath("segment_words.csv").read_text(encoding="utf-8")
    patterns: dict[str, list[str]] = {}
    for row in csv.DictReader(text.splitlines()):
        patterns.setdefault(row["role"], []).append(row["words"])
    return {role: "|".join(words) for role, words in patterns.items()}


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
