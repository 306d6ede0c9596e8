"""The two regions that are measured."""

from enum import StrEnum


class Region(StrEnum):
    """A region of a case. The value prefixes its columns in a feature table."""

    TUMOUR = "tumour"
    RING = "ring"
