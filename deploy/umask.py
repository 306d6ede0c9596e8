"""Who may read what our processes write: the owner and the group. Results and received images are patients' data."""

import os

OWNER_AND_GROUP = 0o027


def keep_from_others() -> None:
    """Let no file that this process and its children make from now on be readable for everyone on the machine."""
    os.umask(OWNER_AND_GROUP)
