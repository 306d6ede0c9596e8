"""How much memory a job may take, held by the kernel: an allocation beyond it fails, and the process lives on."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")
ALLOCATION_FAILED = ("bad_alloc", "Failed to allocate", "Cannot allocate memory", "Unable to allocate")
"""How ITK, GDCM and other C++ libraries say it in a RuntimeError."""


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
    """Tell whether an allocation that failed is behind an error."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error) for words in ALLOCATION_FAILED):
            return True
        error = error.__cause__ or error.__context__
    return False


TRANSIENT_ERRNOS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
    }
)


def is_of_the_machine(error: BaseException) -> bool:
    """Tell whether an error passes without anyone touching the job: a full disk, a permission that was lost, ..."""
    return isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS
