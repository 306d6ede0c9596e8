"""The limits of a case: sizes that its headers may declare, and memory.

Each of `Limits` is checked before memory is taken for what a header claims. The memory is limited by the kernel: an
allocation beyond it fails, and the process continues.
"""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from listener.dicom.structure_limits import StructureLimits
from listener.settings import Count

STATUS = Path("/proc/self/status")
ALLOCATION_FAILED = ("bad_alloc", "Failed to allocate", "Cannot allocate memory", "Unable to allocate")
"""Text of the RuntimeError of ITK, GDCM and other C++ libraries for lack of memory."""


@dataclass(frozen=True)
class Limits:
    """Limits far above any breast examination; a header that claims more is damaged or hostile."""

    max_images: Count = 20_000
    """Files of a case: the headers of all of them are held in memory."""
    max_frames: Count = 20_000
    """Of one object: position and time of each frame are kept in memory."""
    max_voxels: Count = 500_000_000
    """Of one object or one phase: frames x rows x columns."""
    max_segments: Count = 1_000
    """Of a segmentation."""
    max_inflated_bytes: Annotated[int, Ge(1024)] = 1024**3
    """Size of a deflated object after inflating."""
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


@contextmanager
def memory_limited(max_bytes: int) -> Iterator[None]:
    """Let the block take ``max_bytes`` of memory beyond what the process has now.

    RLIMIT_DATA counts private writable memory whoever asks for it, Python, NumPy or a C++ library, and, unlike
    RLIMIT_AS, neither mapped files nor the address space that threads and libraries reserve.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = data_bytes() + max_bytes
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def data_bytes() -> int:
    """Return the private writable memory of this process."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an allocation that failed is behind an error."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error) for words in ALLOCATION_FAILED):
            return True
        error = error.__cause__ or error.__context__
    return False
