"""Words of descriptions and labels, in several languages, that name a breast or another part of the body.

``body_part_words.csv`` lists them. Short words that mean something else in another language count only in a description
that says nothing else ("MRT Hand links"). Words for the chest are kept apart: examinations of a breast have them, too.
"""

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from unicodedata import normalize

_OWNERS = (
    r"herz|lungen?|leber|nieren|prostata|schulter|knie|wirbels(?:ä|ae)ulen|becken(?:boden)?|thorax|hüft|hand|fuß|"
    r"[hbl]ws|chest|hip|spine|hand|foot|thoracic|lung"
)
"""Parts of the body in names of hospitals and their departments."""
_PLACES = (
    r"(?:zentr|[kc]lini[ckq]|chirurg|hospital|cent(?:er|re)|institut|department|station|surg(?:ery|ical)|unit|centrum|"
    r"ambulanz)\w*"
)
NO_BODY_PART = re.compile(
    r"(?:\b(?:head|neck|spine|pelvi[sc]|abdom\w*|knee|cardiac|heart|shoulder|wrist|ankle|foot|hip|extremity|leg|chest|"
    r"thora(?:x|cic)|whole[ -]body|hand|cervical|lumbar)[ /+&-]{0,3}){1,4}(?:coils?|array|matrix|spule)\b|"
    r"\b(?:knie|schulter|becken|leber|herz|wirbels(?:ä|ae)ulen?|thorax|hand|ganzk(?:ö|oe)rper)[ -]?spule|"
    r"\b(?:antenne|antena|bobina)[ -](?:d[ei] )?\w+|"
    r"(?:\b(?:heart|cardiac|brain|neuro|head|neck|spine|eye|ear|lung)\b"
    r"(?: and | ?& ?|[ /-])?){1,4}(?:hospital|cent(?:er|re)|institute)\b|"
    rf"\b(?:{_OWNERS})-?(?: und | ?& ?|[ -])?(?:(?:{_OWNERS})[ -]?)?{_PLACES}|"
    r"\bthora(?:x|cic)[ -]?wa(?:nd|ll)\w*|\bchest[ -]?walls?\b|\bparoi thoracique|\bparete toracica|"
    r"\bparede? tor[áa]cica|"
    r"\bsacr[ée][ -]c(?:œ|oe)ur|\bsacro cuore|\bsagrado coraz[óo]n|\bkopf[ -/]hals[ -]?spule|"
    r"\bherz-? und \w+zentrum|\bherz[ -]?(?:jesu|mari)\w*|\b(?:sacred|immaculate).heart|"
    r"\bbrain(?:lab|tree|erd)|\bhilton head|\b(?:great|little) neck|\b(?:over|above)[ -](?:the )?head|"
    r"\bbassin (?:d.arcachon|de thau|minier|parisien)|\bcervical (?:nodes?|lns?)\b",
    re.IGNORECASE,
)
"""Names of coils, hospitals, places and products that hold the name of a body part."""
OTHER_KINDS = ("other", "chest")
"""Kinds of words in the table for another part of the body than the breast."""
PRONE = frozenset({"HFP", "FFP"})
"""Values of Patient Position: head or feet first."""
WORDS = re.compile(r"\w+")
LONGEST_ALONE = 64
"""Characters (VR LO, PS3.5 section 6.2): a longer description says more than a part of the body."""


def names_breast(text: str) -> bool:
    """Return whether a word of a description, label or code meaning names a breast."""
    return bool(_words("breast").search(normalize("NFC", text)))


def other_body_part_in(texts: Iterable[str]) -> str:
    """Return the first word for another part of the body than the breast in labels or code meanings; else empty."""
    return next(filter(None, map(_word_in, map(_cleaned, texts))), "")


def other_body_part_described(descriptions: Iterable[str], *, is_chest_another: bool = True) -> str:
    """Return the first word for another part of the body than the breast in descriptions; empty where there is none.

    ``is_chest_another``: whether words for the chest count among them (`examined_as_a_breast`).
    """
    kinds = OTHER_KINDS if is_chest_another else ("other",)
    return next(filter(None, (_word_in(_cleaned(one), kinds) or _only_word_of(one) for one in descriptions)), "")


def examined_as_a_breast(receive_coil_name: str, patient_position: str) -> bool:
    """Return whether images of a chest were made as those of a breast are: with a coil for it, or of a prone patient.

    A protocol without a name of its own for the breast is often the one of the chest. Heart and lungs are examined
    supine, with other coils. Receive Coil Name and Patient Position: PS3.3 sections C.8.3.1 and C.7.3.1.1.2.
    """
    return names_breast(receive_coil_name) or patient_position.strip().upper() in PRONE


def _cleaned(text: str) -> str:
    return NO_BODY_PART.sub(" ", normalize("NFC", text).replace("_", " "))


def _word_in(text: str, kinds: tuple[str, ...] = OTHER_KINDS) -> str:
    found = next(filter(None, (_words(kind).search(text) for kind in kinds)), None)
    if not found:
        return ""
    # A pattern with the word's ends takes hours for a word of 64 kB.
    return next(word[0] for word in WORDS.finditer(text) if word.end() > found.start()).lower()


def _only_word_of(text: str) -> str:
    if len(text) > LONGEST_ALONE:
        return ""
    words = WORDS.findall(normalize("NFC", text).replace("_", " "))
    left = [word for word in words if not _words("filler").fullmatch(word)]
    return left[0].lower() if left and all(map(_words("alone").fullmatch, left)) else ""


@cache
def _words(kind: str) -> re.Pattern[str]:
    text = resources.files("listener.dicom").joinpath("body_part_words.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return re.compile("|".join(row["words"] for row in rows if row["kind"] == kind), re.IGNORECASE)
