"""Associations with a target that rejects them."""

from pathlib import Path

import pytest

from listener.scu.association import verification_contexts
from support.rejecting import NEEDS_STORESCP, TRIES, rejecting_storescp
from workers.targets.association import AssociationRefused, associated
from workers.targets.target import Target


@NEEDS_STORESCP
def test_a_permanent_rejection_is_never_taken_for_an_unreachable_target(tmp_path: Path) -> None:
    """A delivery to an unreachable target is retried; one that is rejected permanently is not."""
    with rejecting_storescp(tmp_path) as port:
        target = Target("pacs", "DCMTK", "127.0.0.1", port)
        for _ in range(TRIES):
            with (
                pytest.raises(AssociationRefused, match=r"rejected the association: Rejected Permanent"),
                associated(target, "RADTME", verification_contexts(), "C-ECHO"),
            ):
                pass
