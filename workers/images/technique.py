"""Evidence in headers that images cannot be a phase of a contrast series of the breast.

Missing attributes are accepted; only a statement to the contrary counts (PS3.3 sections C.7.6.16.2.8, C.8.3.1,
C.8.13.2, C.8.13.3 and C.8.13.5, and scanners' habits).
"""

import re
from collections.abc import Iterator

from pydicom import Dataset

from listener.dicom.data_set import UNREADABLE_BYTES
from model_store.signatures.acceptance import Criterion
from workers.acceptance import Objection
from workers.images.attributes import text

DIFFUSION = frozenset({"ADC", "DIFFUSION", "EADC", "FA", "TRACEW"})
SUBTRACTED = frozenset({"SUB", "SUBTRACT", "SUBTRACTED", "SUBTRACTION"})
RESHAPED = frozenset({"MAXIMUM", "MINIMUM", "MINIP", "MIP", "MNIP", "PROJECTION"})
CALCULATED = SUBTRACTED | {"ADDITION", "DIVISION", "MAP", "MEAN", "MULTIPLICATION", "PROCESSED", "STD"}
PERFUSION_MAPS = frozenset({"KEP", "KTRANS", "MTT", "RCBF", "RCBV", "RELCBF", "RELCBV", "TTP", "T1", "VE", "VP"})
DESCRIBED = re.compile(r"(?<![a-z0-9])(sub|subs|subtract(?:ed|ion)?|mip|adc)(?![a-z-])", re.IGNORECASE)
"""Words of a series description that identify other techniques, for images whose Image Type is too short."""
DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
BREAST = re.compile(r"breast|mamm|brust|\bsein|\bseno|乳", re.IGNORECASE)
"""Scanners keep the body part of the previous patient, so a description that names the breast takes precedence."""
LONGEST_ECHO_MS = 15.0
"""ms. T1-weighted contrast series of the breast have echo times below 5 ms; T2*-weighted series and EPI above 20 ms."""
OTHER_CONTRASTS = frozenset({"DIFFUSION", "FLUID_ATTENUATED", "FLOW_ENCODED", "PROTON_DENSITY", "T2", "T2_STAR"})
"""Values of Acquisition Contrast (0008,9209)."""
PHASE_IMAGES = frozenset({"P", "PHASE", "PHASE MAP", "VELOCITY"})
"""Values of Image Type, from the third on, of images of the signal's phase; all others are magnitude images."""
FAT_IMAGES = frozenset({"F", "FAT"})
"""Values of Image Type of the Dixon method: contrast agent does not reach fat."""
OTHER_DESCRIPTIONS = re.compile(
    r"(?<![a-z0-9])(dwi|stir|flair|haste|localizer|localiser|scout|t2(?:w|\*)?)(?![a-z0-9])", re.IGNORECASE
)
FITTING_DESCRIPTIONS = re.compile(r"t1|dyn|dce|contrast|gad|vibe|thrive|vibrant|flash|spgr", re.IGNORECASE)
# fmt: off
OTHER_BODY_PARTS = frozenset({
    "ABDOMEN", "ANKLE", "BLADDER", "BRAIN", "CSPINE", "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEAD", "HEART", "HIP",
    "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "NECK", "ORBIT", "PANCREAS", "PELVIS", "PITUITARY", "PROSTATE",
    "SHOULDER", "SKULL", "SPINE", "TSPINE", "UTERUS", "WRIST",
})
# fmt: on
"""Values of Body Part Examined. CHEST and THORAX are not among them: breast examinations use them as well."""
OTHER_ORGANS = re.compile(
    r"(?<![a-z])(brain|cerebr\w*|prostat\w*|liver|hepat\w*|abdom\w*|pelvi\w*|knee|spine|cardiac|kidney|renal|rect(?:um|al))"
    r"(?![a-z])",
    re.IGNORECASE,
)
"""Words of series descriptions that name other parts of the body."""


def technique_objections(header: Dataset, frame_number: int | None = None) -> Iterator[Objection]:
    """Yield the objections in an image's header to its being a phase of a contrast series of the breast.

    Here and below, ``frame_number`` is the number of a frame in a multi-frame image, from 1.
    """
    name = f"series {text(header, 'SeriesInstanceUID')}"
    if found := other_technique(header, frame_number):
        yield Objection(
            Criterion.TECHNIQUE,
            f"{name}: it is not a phase of a contrast series of the breast ({found}): outline the tumour on "
            "the phase after contrast of the dynamic series",
        )
    if found := other_body_part(header, frame_number):
        yield Objection(
            Criterion.BODY_PART,
            f"{name}: it does not show the breast ({found}): check which study the outline was sent with",
        )
    if found := derivation(header, frame_number):
        yield Objection(
            Criterion.DERIVATION,
            f"{name}: its images were computed from others ({found}): copy the outline to the phase after contrast "
            "that they were computed from, and send it again",
        )


def other_technique(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images are of another technique; empty where there is none."""

    def value(keyword: str) -> str:
        return value_of(header, keyword, frame_number)

    sequences = set(value("ScanningSequence").split("\\"))
    echo_ms = _number(value("EchoTime") or value("EffectiveEchoTime"))
    types = list(image_types(header, frame_number))
    if found := DIFFUSION & {word for image_type in types for word in _words_of(image_type)}:
        return f"diffusion: {', '.join(sorted(found))}"
    if _number(value("DiffusionBValue")):
        return "diffusion: it has a b-value"
    if "EP" in sequences or value("EchoPlanarPulseSequence") == "YES":
        return "echo planar"
    if "SE" in sequences or value("EchoPulseSequence") == "SPIN":
        return "spin echo"
    if (contrast := value("AcquisitionContrast")) in OTHER_CONTRASTS:
        return f"acquisition contrast {contrast}"
    if echo_ms > LONGEST_ECHO_MS:
        return f"echo time {echo_ms:g} ms"
    values = {value for image_type in types for value in image_type[2:]}
    if PHASE_IMAGES & values or value("ComplexImageComponent") == "PHASE":
        return "phase image"
    if FAT_IMAGES & values:
        return "fat image"
    return _other_description(header, is_gradient_echo="GR" in sequences)


def _other_description(header: Dataset, *, is_gradient_echo: bool) -> str:
    """Return the word of a series description that names another technique, where no attribute states the technique."""
    described = text(header, "SeriesDescription")
    found = OTHER_DESCRIPTIONS.search(described)
    if found is None or is_gradient_echo or FITTING_DESCRIPTIONS.search(described):
        return ""
    return f"series description with '{found[1]}'"


def other_body_part(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images show another body part than the breast; empty where there is none."""
    described = " ".join(text(header, keyword) for keyword in DESCRIPTIONS)
    region = " ".join(_anatomic_regions(header, frame_number))
    if BREAST.search(f"{described} {region}"):
        return ""
    body_part = re.sub(r"[^A-Z]", "", text(header, "BodyPartExamined").upper())
    if body_part in OTHER_BODY_PARTS:
        return f"body part {body_part}"
    if OTHER_BODY_PARTS & set(re.findall(r"[A-Z]+", region.upper())):
        return f"anatomic region {region}"
    organ = OTHER_ORGANS.search(described) if body_part != "BREAST" else None
    return f"described as {organ[1].lower()}" if organ else ""


def _anatomic_regions(header: Dataset, frame_number: int | None) -> Iterator[str]:
    """Yield the meanings of Anatomic Region, for the image and for its frame."""
    anatomies = [
        one for groups in _functional_groups(header, frame_number) for one in groups.get("FrameAnatomySequence") or ()
    ]
    for holder in (header, *anatomies):
        for item in holder.get("AnatomicRegionSequence") or ():
            yield text(item, "CodeMeaning")


def derivation(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images were computed from others; empty where there is none."""
    described = DESCRIBED.search(text(header, "SeriesDescription"))
    for image_type in image_types(header, frame_number):
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


def names_a_computation(header: Dataset, frame_number: int | None = None) -> bool:
    """Return whether a header says what images were computed: a subtraction, a projection, a map, no phase by itself.

    Images of which only the first values of Image Type say that they are derived may be a phase that was filtered.
    """
    described = DESCRIBED.search(text(header, "SeriesDescription"))
    is_described = described is not None and described[1].upper() != "ADC"
    words = frozenset(word for one in image_types(header, frame_number) for word in _words_of(one))
    return bool(derivation(header, frame_number)) and (is_described or bool(words & (RESHAPED | CALCULATED)))


def image_types(header: Dataset, frame_number: int | None = None) -> Iterator[tuple[str, ...]]:
    """Yield the image's Image Type, and Frame Type of the frame or shared by all frames."""
    yield tuple(part.strip().upper() for part in text(header, "ImageType").split("\\"))
    for groups in _functional_groups(header, frame_number):
        for item in groups.get("MRImageFrameTypeSequence") or ():
            yield tuple(part.strip().upper() for part in text(item, "FrameType").split("\\"))


def value_of(header: Dataset, keyword: str, frame_number: int | None) -> str:
    """Return an attribute of an image as text, wherever a multi-frame image holds it; empty where it is absent.

    An attribute that differs between frames, such as the echo time, is in the functional groups of each frame.
    """
    if found := text(header, keyword):
        return found
    for groups in _functional_groups(header, frame_number):
        for element in groups:
            for item in element.value if element.VR == "SQ" else ():
                if keyword in item and (found := _converted(item, keyword)):
                    return found
    return ""


def _functional_groups(header: Dataset, frame_number: int | None) -> Iterator[Dataset]:
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
    if frame_number is not None and frame_number <= len(per_frame):
        yield per_frame[frame_number - 1]
    yield from header.get("SharedFunctionalGroupsSequence") or ()


def _converted(item: Dataset, keyword: str) -> str:
    """Return an element of any value representation as text, including binary ones (VR FD)."""
    try:
        value = item[keyword].value
    except UNREADABLE_BYTES:
        return ""
    if value is None or isinstance(value, str) or not hasattr(value, "__iter__"):
        return "" if value is None else str(value).strip()
    return "\\".join(map(str, value))


def _words_of(image_type: tuple[str, ...]) -> frozenset[str]:
    """Return the values from the third on: the first two only say whether images are derived or secondary."""
    return frozenset(word for value in image_type[2:] for word in re.split(r"[^A-Z0-9]+", value) if word)


def _number(found: str) -> float:
    try:
        return float(found or 0)
    except ValueError:
        return 0.0
