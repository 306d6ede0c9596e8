"""What a machine refuses for a while: it says nothing about the object that was asked for, or about the job."""

import errno

PASSING = frozenset(
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
    return isinstance(error, OSError) and error.errno in PASSING
