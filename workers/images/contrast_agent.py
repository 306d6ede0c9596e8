"""Evidence in headers about the contrast agent (PS3.3 sections C.7.6.4 and C.7.6.16.2.12, and scanners' habits)."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from workers.images.attributes import decoded, text
from workers.images.frames import Frame
from workers.images.technique import image_types

NO_AGENT = re.compile(r"no|none|without|native?|ohne", re.IGNORECASE)
"""Values of Contrast/Bolus Agent that mean that no agent was given. They prove nothing: br06 has NONE, and enhances."""
_AGENT = r"(?:contrast\w*|kontrast\w*|gad(?:o\w*)?|gd|km|mdc|injection|inyecci[óo]n|contraste|contrasto)"
BEFORE = re.compile(
    r"(?<![a-z])(?:(?:pre|before)(?![ _-]*(?:op|biops|chemo|men|n(?:ac|eo)|scan|surg|treat|therap))"
    r"|(?:ohne|w/?o|without)(?![ _-]*(?:fat|fett|fs|sat)))"
    rf"[ _-]*{_AGENT}?(?![a-z])"
    rf"|(?<![a-z])(?:prä|prae|vor|avant|sans|sin|sem|senza|zonder|utan|uden|bez)[ _-]*{_AGENT}(?![a-z])"
    r"|(?<![a-z])nativ|unenhanced|non[ _-]?contrast|平扫|造影前|до контраст|без контраст",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"(?<![a-z])(?:post|after|dyn\w*|dce|mit|nach|apr[èe]s|despu[ée]s|dopo)(?![a-z])|\+ ?(?:c|gd|km)(?![a-z])",
    re.IGNORECASE,
)
"""Overrides `BEFORE`: a series of all phases may be called ``pre and post``."""
DYNAMIC_BEFORE = re.compile(
    r"(?<![a-z])(?:dyn[a-z]*|dce)[ _-]+pre(?:[ _-]*(?:fs|fatsat|contrast|km|gd))?\W*$", re.IGNORECASE
)
"""The series before contrast of a dynamic examination, such as ``t1 dyn pre fs``, which `AFTER` does not override."""


def said_before_contrast(frame: Frame, *, is_alone: bool) -> str:
    """Return the evidence that a frame was acquired before contrast; empty where there is none.

    ``is_alone``: the series holds one phase only, so that its Series Description applies to that phase.
    """
    header = frame.instance.dataset
    for usage in _usages(frame):
        if text(usage, "ContrastBolusAgentPhase") == "PRE_CONTRAST":
            return "Contrast/Bolus Agent Phase PRE_CONTRAST"
        if text(usage, "ContrastBolusAgentAdministered") == "NO":
            return "Contrast/Bolus Agent Administered NO"
    if any("PRE_CONTRAST" in image_type[2:] for image_type in image_types(header, frame.number)):
        return "image type PRE_CONTRAST"
    described = decoded(header, "SeriesDescription")
    found = DYNAMIC_BEFORE.search(described) or (None if AFTER.search(described) else BEFORE.search(described))
    if is_alone and found:
        return f"series description with '{found[0].strip()}'"
    return ""


def names_an_agent(frame: Frame) -> bool:
    """Return whether the header states that a contrast agent was given, or that the image is after contrast."""
    header = frame.instance.dataset
    agent = text(header, "ContrastBolusAgent")
    given = any(text(usage, "ContrastBolusAgentAdministered") == "YES" for usage in _usages(frame))
    given = given or any("POST_CONTRAST" in one[2:] for one in image_types(header, frame.number))
    return given or bool(header.get("ContrastBolusAgentSequence")) or bool(agent and not NO_AGENT.fullmatch(agent))


def _usages(frame: Frame) -> Iterator[Dataset]:
    """Yield the items of Contrast/Bolus Usage Sequence for the frame, and those shared by all frames of its object."""
    header = frame.instance.dataset
    groups = list(header.get("SharedFunctionalGroupsSequence") or ())
    if frame.number is not None:
        groups.append(header.PerFrameFunctionalGroupsSequence[frame.number - 1])
    for group in groups:
        yield from group.get("ContrastBolusUsageSequence") or ()
