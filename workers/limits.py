"""Size limits of a case. Each is checked before memory is allocated for what a header claims."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from listener.dicom.limits import StructureLimits
from listener.settings import Count


@dataclass(frozen=True)
class Limits:
    """Limits far above any breast examination; a header that claims more is damaged or hostile."""

    max_images: Count = 20_000
    """Files of a case: the headers of all of them are held in memory."""
    max_frames: Count = 20_000
    """Of one object: each frame's place and time are held."""
    max_voxels: Count = 500_000_000
    """Of one object or one phase: frames x rows x columns."""
    max_segments: Count = 1_000
    """Of a segmentation."""
    max_inflated_bytes: Annotated[int, Ge(1024)] = 1024**3
    """What a deflated object may inflate to."""
    max_header_bytes: Annotated[int, Ge(1024)] = StructureLimits.max_header_bytes
    """Of one object, before its pixels."""
    max_headers_bytes: Annotated[int, Ge(1024)] = 512 * 1024**2
    """Of all objects of a case together."""
    max_sequence_depth: Annotated[int, Ge(8)] = StructureLimits.max_sequence_depth
    max_sequence_items: Annotated[int, Ge(1000)] = StructureLimits.max_sequence_items
    """In one object."""

    @property
    def structure(self) -> StructureLimits:
        """Return the limits for the header of one object."""
        return StructureLimits(self.max_sequence_depth, self.max_sequence_items, self.max_header_bytes)


LIMITS = Limits()
"""The default limits."""
