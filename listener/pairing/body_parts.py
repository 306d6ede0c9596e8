"""Evidence in headers that an outline was not drawn on a breast: routing rules also send livers and prostates.

Body Part Examined (PS3.16 annex L) is often wrong or a default, so a word for the breast anywhere outweighs it, and
only a word for another part of the body is evidence: no word at all is none.
"""

import re
from collections.abc import Iterable

from pydicom.dataset import Dataset

BODY_PART_TAGS = (
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "RequestedProcedureDescription",
)
BREAST = re.compile(
    r"breast|mamma|brust|brüst|mammo|\bsein|seno\b|mama\b|\bborst|bryst|bröst|pierś|piersi|молочн|груд|乳|유방",
    re.IGNORECASE,
)
OTHER = re.compile(
    r"prostat|liver|hepat|brain|cerebr|\bhead\b(?!.first)|skull|\bneck\b|spine|knee|\bhip\b|shoulder|ankle|\bfoot\b(?!.first)|"
    r"wrist|elbow|pelvi|kidney|renal|pancrea|bladder|uter(?:us|ine)|cervix|ovar|rect(?:um|al)|colon|bowel|spleen|"
    r"abdom|glio(?:ma|blast)|\bneuro(?!fib)|brats|"
    r"heart|cardiac|\beye\b|orbit|extremit|\bleg\b|femur|tibia|thyroid|\blung|pituitar|"
    r"gehirn|sch(?:ä|ae)del|leber|niere|becken|schulter|wirbels|\bknie|hüfte|\bherz(?!zent)|"
    r"c[ée]r[ée]br|cr[âa]ne|\bfoie|\brachis|\bgenou|[ée]paule|\bhanche|\bbassin|"
    r"pr[óo]stat|h[íi]gado|f[íi]gado|fegato|cr[áa]neo|cr[âa]nio|columna|coluna|colonna|rodilla|joelho|ginocchio|hombro|ombro|spalla|"
    r"wątrob|mózg|czaszk|kręgos|kolan|miednic|голов|печен|позвон|колен|простат|почк|"
    r"头颅|颅脑|脑|脳|肝|前列腺|骨盆|膝|肩|椎|肾|腎",
    re.IGNORECASE,
)


def other_body_part(headers: Iterable[Dataset]) -> str:
    """Return the word by which these headers name another part of the body than the breast; empty where none does.

    Of an outline every segment has to name one: a breast may be outlined together with heart and liver.
    """
    found = list(headers)
    segments = [segment for header in found for segment in header.get("SegmentSequence") or ()]
    texts = [str(header.get(keyword) or "") for header in found for keyword in BODY_PART_TAGS]
    said = [_of_segment(segment) for segment in segments]
    if any(BREAST.search(text) for text in (*texts, *said)):
        return ""
    words = [match[0].lower() for text in texts if (match := OTHER.search(text.replace("_", " ")))]
    of_segments = [match[0].lower() for text in said if (match := OTHER.search(text.replace("_", " ")))]
    if said and len(of_segments) == len(said):
        words += of_segments
    return words[0] if words else ""


def _of_segment(segment: Dataset) -> str:
    codes = [*(segment.get("AnatomicRegionSequence") or ()), *(segment.get("SegmentedPropertyTypeCodeSequence") or ())]
    return " ".join([str(segment.get("SegmentLabel") or ""), *(str(code.get("CodeMeaning") or "") for code in codes)])
