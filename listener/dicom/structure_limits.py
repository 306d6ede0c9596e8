"""How deep, wide and long a data set may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StructureLimits:
    """Limits far above any valid object."""

    max_sequence_depth: int = 32
    """Nested sequences. A segmentation has about 5 levels; each level costs the reader several levels of calls."""
    max_sequence_items: int = 400_000
    """In all sequences together: 20,000 frames with their functional groups. Each costs about a kilobyte when read."""
    max_header_bytes: int = 64 * 1024**2
    """Bytes before Pixel Data: these are read into memory, pixel data are not."""
