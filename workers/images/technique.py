"""Evidence in headers that images cannot be a phase of a contrast series of the breast.

Missing attributes are accepted; only a statement to the contrary counts (PS3.3 sections C.7.6.16.2.8, C.8.3.1,
C.8.13.2, C.8.13.3 and C.8.13.5, and scanners' habits).
"""

import re
from collections.abc import Iterator

from pydicom import Dataset

from model_store.signatures.acceptance import Criterion
from workers.acceptance import Objection
from workers.images.attributes import decoded, text
from workers.images.body_part import other_body_part
from workers.images.computation_words import described_map, described_projection, described_subtraction
from workers.images.diffusion import private_b_value
from workers.images.functional_groups import functional_groups, value_of
from workers.images.stated_computations import stated_computation
from workers.images.technique_words import described_technique

DIFFUSION = frozenset({"ADC", "DIFFUSION", "EADC", "FA", "TRACEW"})
SUBTRACTED = frozenset({"SUB", "SUBTRACT", "SUBTRACTED", "SUBTRACTION"})
RESHAPED = frozenset({"MAXIMUM", "MAXIP", "MINIMUM", "MINIP", "MIP", "MNIP", "PROJECTION"})
CALCULATED = SUBTRACTED | {"ADDITION", "DIVISION", "MAP", "MEAN", "MULTIPLICATION", "PROCESSED", "STD"}
PERFUSION_MAPS = frozenset({"KEP", "KTRANS", "MTT", "RCBF", "RCBV", "RELCBF", "RELCBV", "TTP", "VE", "VP"})
RELAXATION_MAP = "T1"
"""In the third value, and with NONE after it, this is the weighting of an Enhanced MR image."""
QUANTITIES = frozenset({"FF", "FRACTION", "R2"})
"""Values of Image Type of measured quantities (Philips, Siemens, GE), no signal that contrast agent raises."""
LONGEST_ECHO_MS = 15.0
"""ms. T1-weighted contrast series of the breast have echo times below 5 ms; T2*-weighted series and EPI above 20 ms."""
LONGEST_REPETITION_MS = 800.0
"""ms. T1-weighted contrast series have repetition times below 15 ms in 3D and 400 ms in 2D; an MPRAGE above 1 s."""
OTHER_CONTRASTS = frozenset({"DIFFUSION", "FLUID_ATTENUATED", "FLOW_ENCODED", "PROTON_DENSITY", "T2", "T2_STAR"})
"""Values of Acquisition Contrast (0008,9209)."""
OTHER_FLAVORS = OTHER_CONTRASTS | {
    "ASL",
    "FMRI",
    "LOCALIZER",
    "METABOLITE_MAPS",
    "STIR",
    "TAGGING",
    "TEMPERATURE",
    "TOF",
}
"""Values of Image Type, from the third on, of other techniques (PS3.3 sections C.8.13.3.1.1 and C.8.16.1.3)."""
OTHER_NUCLEUS = re.compile(r"\d*(?:NA|P|C|F|HE|LI|XE)\d*", re.IGNORECASE)
"""Values of Imaged Nucleus and Resonant Nucleus other than hydrogen."""
PHASE_IMAGES = frozenset({"P", "PHASE", "PHASE MAP", "VELOCITY"})
"""Values of Image Type, from the third on, of images of the signal's phase."""
PARTS_OF_COMPLEX_IMAGES = frozenset({"I", "IMAGINARY", "R", "REAL"})
"""The same of images of the signal's real or imaginary part; all others are magnitude images."""
FAT_IMAGES = frozenset({"F", "FAT"})
"""Values of Image Type of the Dixon method: contrast agent does not reach fat."""
DIXON_FAT = re.compile(r"^fat ?:|^(?=.*dixon).*[ _-]f(?:at)?$", re.IGNORECASE)
"""Series descriptions of the same images by GE (``FAT: Ax LAVA Flex``) and Siemens (``t1_vibe_dixon_tra_F``)."""
DIXON_NOT_FAT = re.compile(
    r"(?:(?<![a-z])(?:non?|not|kein|without|w/?o|ohne|sans|sin|senza|sem|zonder|bez|minus|sat|sup[a-z]*|"
    r"w(?:ater)?|wasser|eau|agua|and|und|et)|[+&/,])[ ._+&/,-]*f(?:at)?$",
    re.IGNORECASE,
)
"""Ends of series descriptions of images without fat (``dixon_no_fat``), or of water and fat (``Dixon W+F``)."""


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
    sequences = frozenset(value_of(header, "ScanningSequence", frame_number).split("\\"))
    return (
        _other_sequence(header, frame_number, sequences)
        or _other_kind_of_image(header, frame_number)
        or _other_description(header, is_gradient_echo="GR" in sequences)
    )


def _other_sequence(header: Dataset, frame_number: int | None, sequences: frozenset[str]) -> str:
    """Return what the attributes of the pulse sequence say against a T1-weighted gradient echo."""

    def value(keyword: str) -> str:
        return value_of(header, keyword, frame_number)

    if (modality := value("Modality")) not in ("", "MR"):
        return f"modality {modality}"
    types = image_types(header, frame_number)
    if found := DIFFUSION & {word for image_type in types for word in _words_of(image_type)}:
        return f"diffusion: {', '.join(sorted(found))}"
    if _number(value("DiffusionBValue")) or ("GR" not in sequences and private_b_value(header)):
        return "diffusion: it has a b-value"
    if "EP" in sequences or value("EchoPlanarPulseSequence") == "YES":
        return "echo planar"
    if "SE" in sequences or value("EchoPulseSequence") in ("SPIN", "BOTH"):
        return "spin echo"
    if OTHER_NUCLEUS.fullmatch(nucleus := value("ImagedNucleus") or value("ResonantNucleus")):
        return f"nucleus {nucleus}"
    if (contrast := value("AcquisitionContrast")) in OTHER_CONTRASTS:
        return f"acquisition contrast {contrast}"
    echo_ms = _number(value("EchoTime") or value("EffectiveEchoTime"))
    if echo_ms > LONGEST_ECHO_MS:
        return f"echo time {echo_ms:g} ms"
    repetition_ms = _number(value("RepetitionTime"))
    return f"repetition time {repetition_ms:g} ms" if repetition_ms > LONGEST_REPETITION_MS else ""


def _other_kind_of_image(header: Dataset, frame_number: int | None) -> str:
    """Return whether the images show the signal's phase, or fat."""
    values = {value for image_type in image_types(header, frame_number) for value in image_type[2:]}
    values.add(value_of(header, "ComplexImageComponent", frame_number))
    if PHASE_IMAGES & values:
        return "phase image"
    if PARTS_OF_COMPLEX_IMAGES & values:
        return "real or imaginary part of the signal"
    if flavors := OTHER_FLAVORS & values:
        return f"image type {', '.join(sorted(flavors))}"
    described = text(header, "SeriesDescription")
    is_fat = FAT_IMAGES & values or (DIXON_FAT.search(described) and not DIXON_NOT_FAT.search(described))
    return "fat image" if is_fat else ""


def _other_description(header: Dataset, *, is_gradient_echo: bool) -> str:
    """Return the word that names another technique: of the series description, or else of the protocol's name."""
    series, protocol = decoded(header, "SeriesDescription"), decoded(header, "ProtocolName")
    found = described_technique(series or protocol, is_gradient_echo=is_gradient_echo)
    return f"{'series description' if series else 'protocol name'} with '{found}'" if found else ""


def derivation(header: Dataset, frame_number: int | None = None) -> str:
    """Return the evidence that images were computed from others; empty where there is none."""
    if found := stated_computation(header, frame_number):
        return found
    described = decoded(header, "SeriesDescription")
    for image_type in image_types(header, frame_number):
        shown = f"image type {', '.join(image_type)}"
        words = _words_of(image_type)
        if words & RESHAPED:
            return f"projection, {shown}"
        if words & SUBTRACTED:
            return f"subtraction, {shown}"
        supports = f", {shown}" if image_type[:1] == ("DERIVED",) else ""
        if found := described_projection(described):
            return f"projection, series description with '{found}'{supports}"
        if found := described_subtraction(described):
            return f"subtraction, series description with '{found}'{supports}"
        if found := described_map(described, image_type):
            return f"described as {found}, {shown}"
        is_secondary = image_type[:2] == ("DERIVED", "SECONDARY")
        if (
            words & (CALCULATED | QUANTITIES)
            or is_secondary
            or (image_type[:1] == ("DERIVED",) and _is_map(image_type))
        ):
            return shown
    return ""


def names_a_computation(header: Dataset, frame_number: int | None = None) -> bool:
    """Return whether a header says what images were computed: a subtraction, a projection, a map, no phase by itself.

    Images of which only the first values of Image Type say that they are derived may be a phase that was filtered.
    """
    described = decoded(header, "SeriesDescription")
    types = tuple(image_types(header, frame_number))
    is_described = bool(described_subtraction(described) or described_projection(described)) or any(
        described_map(described, one) for one in types
    )
    words = frozenset(word for one in types for word in _words_of(one))
    is_named = bool(stated_computation(header, frame_number)) or bool(words & (RESHAPED | CALCULATED))
    return bool(derivation(header, frame_number)) and (is_described or is_named)


def _is_map(image_type: tuple[str, ...]) -> bool:
    words = _words_of(image_type)
    return bool(words & PERFUSION_MAPS) or (RELAXATION_MAP in words and image_type[2:] != (RELAXATION_MAP, "NONE"))


def image_types(header: Dataset, frame_number: int | None = None) -> Iterator[tuple[str, ...]]:
    """Yield the image's Image Type, and Frame Type of the frame or shared by all frames."""
    yield tuple(part.strip().upper() for part in text(header, "ImageType").split("\\"))
    for groups in functional_groups(header, frame_number):
        for item in groups.get("MRImageFrameTypeSequence") or ():
            yield tuple(part.strip().upper() for part in text(item, "FrameType").split("\\"))


def _words_of(image_type: tuple[str, ...]) -> frozenset[str]:
    """Return the values from the third on: the first two only say whether images are derived or secondary."""
    values = (re.sub("(MAX|MIN)_IP", r"\1IP", value) for value in image_type[2:])
    return frozenset(word for value in values for word in re.split(r"[^A-Z0-9]+", value) if word)


def _number(found: str) -> float:
    try:
        return float(found or 0)
    except ValueError:
        return 0.0
