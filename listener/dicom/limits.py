"""How deep, wide and long a data set may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StructureLimits:
    """What no honest object comes near."""

    max_sequence_depth: int = 32
    """Sequences in sequences. A segmentation has 5 or so; each level costs the reader several levels of calls."""
    max_sequence_items: int = 400_000
    """In all sequences together: 20,000 frames with their functional groups. Each costs about a kilobyte when read."""
    max_header_bytes: int = 64 * 1024**2
    """Bytes before Pixel Data: they are read into memory, and pixels are not."""
