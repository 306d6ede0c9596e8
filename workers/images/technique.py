"""What images say of how they were made: whether they can be a phase of a breast's contrast series at all.

Missing evidence is no offence; only what a header says against it counts (PS3.3 sections C.8.3.1, C.8.13.2 and
C.8.13.3, and what scanners write there).
"""

import re
from collections.abc import Iterator

from pydicom import Dataset

from workers.errors import Reason, RejectedInput
from workers.images.attributes import text

DIFFUSION = frozenset({"ADC", "DIFFUSION", "EADC", "FA", "TRACEW"})
SUBTRACTED = frozenset({"SUB", "SUBTRACT", "SUBTRACTED", "SUBTRACTION"})
RESHAPED = frozenset({"MAXIMUM", "MINIMUM", "MINIP", "MIP", "MNIP", "PROJECTION"})
CALCULATED = SUBTRACTED | {"ADDITION", "DIVISION", "MAP", "MEAN", "MULTIPLICATION", "PROCESSED", "STD"}
PERFUSION_MAPS = frozenset({"KEP", "KTRANS", "MTT", "RCBF", "RCBV", "RELCBF", "RELCBV", "TTP", "T1", "VE", "VP"})
DESCRIBED = re.compile(r"(?<![a-z0-9])(sub|subs|subtract(?:ed|ion)?|mip|adc)(?![a-z-])", re.IGNORECASE)
"""What a series description says of images whose Image Type is too short to say it."""
DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
BREAST = re.compile(r"breast|mamm|brust|\bsein|\bseno|乳", re.IGNORECASE)
"""Scanners keep the body part of the last patient; a description that says breast outweighs it."""
LONGEST_ECHO_MS = 15.0
"""T1-weighted contrast series of the breast have echo times below 5 ms; T2*-weighted ones and EPI above 20."""
# fmt: off
OTHER_BODY_PARTS = frozenset({
    "ABDOMEN", "ANKLE", "BLADDER", "BRAIN", "CSPINE", "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEAD", "HEART", "HIP",
    "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "NECK", "ORBIT", "PANCREAS", "PELVIS", "PITUITARY", "PROSTATE",
    "SHOULDER", "SKULL", "SPINE", "TSPINE", "UTERUS", "WRIST",
})
# fmt: on
"""Of Body Part Examined. CHEST and THORAX are not among them: breasts are examined under these."""


def check_technique(header: Dataset) -> None:
    """See that nothing in an image's header contradicts a phase of a breast's contrast series.

    Raises
    ------
    RejectedInput
        DERIVED_IMAGES for images that were computed from others, OTHER_TECHNIQUE for other techniques and body parts.
    """
    name = f"series {text(header, 'SeriesInstanceUID')}"
    if found := other_technique(header):
        raise RejectedInput(
            Reason.OTHER_TECHNIQUE,
            f"{name}: it is no phase of a breast's contrast series ({found}): outline the tumour on the phase after "
            "contrast of the dynamic series",
        )
    if found := derivation(header):
        raise RejectedInput(
            Reason.DERIVED_IMAGES,
            f"{name}: its images were computed from others ({found}): copy the outline to the phase after contrast "
            "that they were made from, and send it again",
        )


def other_technique(header: Dataset) -> str:
    """Return what says that images are of another technique or body part; empty where nothing does."""
    sequences = set(_value(header, "ScanningSequence").split("\\"))
    echo_ms = _echo_time_ms(header)
    body_part = re.sub(r"[^A-Z]", "", _value(header, "BodyPartExamined").upper())
    if found := DIFFUSION & _words(header):
        return f"diffusion: {', '.join(sorted(found))}"
    if _value(header, "DiffusionBValue"):
        return "diffusion: it has a b-value"
    if "EP" in sequences or _value(header, "EchoPlanarPulseSequence") == "YES":
        return "echo planar"
    if "SE" in sequences or _value(header, "EchoPulseSequence") == "SPIN":
        return "spin echo"
    if echo_ms > LONGEST_ECHO_MS:
        return f"echo time {echo_ms:g} ms"
    described = " ".join(_value(header, keyword) for keyword in DESCRIPTIONS)
    if body_part in OTHER_BODY_PARTS and not BREAST.search(described):
        return f"body part {body_part}"
    return ""


def derivation(header: Dataset) -> str:
    """Return what says that images were computed from others; empty where nothing does."""
    described = DESCRIBED.search(_value(header, "SeriesDescription"))
    for image_type in image_types(header):
        shown = f"image type {', '.join(image_type)}"
        words = _words_of(image_type)
        if words & RESHAPED or (described and described[1].upper() == "MIP"):
            return f"projection, {shown}"
        if words & SUBTRACTED or (described and described[1].upper() != "ADC"):
            return f"subtraction, {shown}"
        is_secondary = image_type[:2] == ("DERIVED", "SECONDARY")
        if words & CALCULATED or is_secondary or (image_type[:1] == ("DERIVED",) and words & PERFUSION_MAPS):
            return shown
    return ""


def image_types(header: Dataset) -> Iterator[tuple[str, ...]]:
    """Yield Image Type, and the Frame Type that all frames share."""
    yield tuple(part.strip().upper() for part in text(header, "ImageType").split("\\"))
    for shared in header.get("SharedFunctionalGroupsSequence") or ():
        for item in shared.get("MRImageFrameTypeSequence") or ():
            yield tuple(part.strip().upper() for part in text(item, "FrameType").split("\\"))


def _words(header: Dataset) -> frozenset[str]:
    return frozenset(word for image_type in image_types(header) for word in _words_of(image_type))


def _words_of(image_type: tuple[str, ...]) -> frozenset[str]:
    """Return the words behind the second value: the first two say only that images are derived, or secondary."""
    return frozenset(word for value in image_type[2:] for word in re.split(r"[^A-Z0-9]+", value) if word)


def _echo_time_ms(header: Dataset) -> float:
    try:
        return float(_value(header, "EchoTime") or _value(header, "EffectiveEchoTime") or 0)
    except ValueError:
        return 0.0


def _value(header: Dataset, keyword: str) -> str:
    """Return an attribute of an image, or of what all frames of a multi-frame image share."""
    if found := text(header, keyword):
        return found
    for shared in header.get("SharedFunctionalGroupsSequence") or ():
        for element in shared:
            for item in element.value if element.VR == "SQ" else ():
                if found := text(item, keyword):
                    return found
    return ""
