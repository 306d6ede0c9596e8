"""The b-value of diffusion-weighted images in vendors' own attributes, which dcm2niix reads as well."""

import math
import re

from pydicom import Dataset

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.images.attributes import text

PRIVATE_B_VALUES = (
    (0x0019, "SIEMENS MR HEADER", 0x0C),
    (0x0043, "GEMS_PARM_01", 0x39),
    (0x2001, "Philips Imaging DD 001", 0x03),
    (0x0065, "Image Private Header", 0x09),
)
"""Group, private creator and element of Siemens, GE, Philips and United Imaging."""
GE_OFFSET = 100_000
"""GE stores a multiple of this beside the b-value; the largest b-values are a tenth of it."""
NAMED = re.compile(r"_b(\d+)", re.IGNORECASE)
"""In Siemens' Sequence Name, such as ``*ep_b800t``."""


def private_b_value(header: Dataset) -> float:
    """Return the b-value in s/mm2 that vendors' own attributes state; 0 where there is none, or no diffusion."""
    if named := NAMED.search(text(header, "SequenceName")):
        return float(named[1])
    return max(_private(header, *place) for place in PRIVATE_B_VALUES)


def _private(header: Dataset, group: int, creator: str, element: int) -> float:
    try:
        value = header.private_block(group, creator)[element].value
    except (KeyError, *UNREADABLE_BYTES):
        return 0.0
    if not isinstance(value, str | bytes) and hasattr(value, "__getitem__"):
        value = value[0] if len(value) else ""
    return _number(value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)) % GE_OFFSET


def _number(found: str) -> float:
    """Return a positive number; 0 where there is none."""
    try:
        value = float(found.split("\\")[0].strip(" \0") or 0)
    except ValueError:
        return 0.0
    return value if 0 < value < math.inf else 0.0
