"""How much a case may ask for. Each limit is checked before memory is taken for what a header claims."""

from dataclasses import dataclass

from listener.dicom.limits import StructureLimits


@dataclass(frozen=True)
class Limits:
    """What no breast examination comes near; a header that asks for more is damaged or hostile."""

    max_images: int = 20_000
    """Files of a case: the headers of all of them are held in memory."""
    max_frames: int = 20_000
    """Of one object: each frame's place and time are held."""
    max_voxels: int = 500_000_000
    """Of one object or one phase: frames x rows x columns."""
    max_segments: int = 1_000
    """Of a segmentation."""
    max_inflated_bytes: int = 1024**3
    """What a deflated object may inflate to."""
    max_header_bytes: int = StructureLimits.max_header_bytes
    """Of one object, before its pixels."""
    max_headers_bytes: int = 512 * 1024**2
    """Of all objects of a case together."""
    max_sequence_depth: int = StructureLimits.max_sequence_depth
    max_sequence_items: int = StructureLimits.max_sequence_items
    """In one object."""

    @property
    def structure(self) -> StructureLimits:
        """Return those that hold for the header of one object."""
        return StructureLimits(self.max_sequence_depth, self.max_sequence_items, self.max_header_bytes)


LIMITS = Limits()
"""The defaults."""
