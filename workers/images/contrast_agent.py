"""Evidence in headers about the contrast agent (PS3.3 sections C.7.6.4 and C.7.6.16.2.12, and scanners' habits)."""

import re
from collections.abc import Iterator

from pydicom import Dataset

from workers.images.attributes import text
from workers.images.frames import Frame

NO_AGENT = re.compile(r"no|none|without|native?|ohne", re.IGNORECASE)
"""Values of Contrast/Bolus Agent that mean that no agent was given. They prove nothing: br06 has NONE, and enhances."""
BEFORE = re.compile(
    r"(?<![a-z])(?:(?:pre|before)(?![ _-]*(?:op|biops|chemo|nac|treat|therap))"
    r"|(?:ohne|w/?o|without)(?![ _-]*(?:fat|fett|fs|sat)))"
    r"[ _-]*(?:contrast|gad(?:o\w*)?|gd|km|injection)?(?![a-z])"
    r"|(?<![a-z])nativ",
    re.IGNORECASE,
)
AFTER = re.compile(r"(?<![a-z])(?:post|after|dyn\w*|dce|mit)(?![a-z])|\+ ?(?:c|gd|km)(?![a-z])", re.IGNORECASE)
"""Overrides `BEFORE`: a series of all phases may be called ``pre and post``."""


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
    described = text(header, "SeriesDescription")
    if is_alone and (found := BEFORE.search(described)) and not AFTER.search(described):
        return f"series description with '{found[0].strip()}'"
    return ""


def names_an_agent(frame: Frame) -> bool:
    """Return whether the header states that a contrast agent was given."""
    header = frame.instance.dataset
    agent = text(header, "ContrastBolusAgent")
    given = any(text(usage, "ContrastBolusAgentAdministered") == "YES" for usage in _usages(frame))
    return given or bool(header.get("ContrastBolusAgentSequence")) or bool(agent and not NO_AGENT.fullmatch(agent))


def _usages(frame: Frame) -> Iterator[Dataset]:
    """Yield the items of Contrast/Bolus Usage Sequence for the frame, and those shared by all frames of its object."""
    header = frame.instance.dataset
    groups = list(header.get("SharedFunctionalGroupsSequence") or ())
    if frame.number is not None:
        groups.append(header.PerFrameFunctionalGroupsSequence[frame.number - 1])
    for group in groups:
        yield from group.get("ContrastBolusUsageSequence") or ()
