"""Associations that this program requests, with a peer that rejects them."""

from pathlib import Path

import pytest

from listener.scu.association import (
    AssociationRejected,
    application_entity,
    request_association,
    verification_contexts,
)
from support.rejecting import NEEDS_STORESCP, TRIES, rejecting_storescp


@NEEDS_STORESCP
def test_each_rejection_is_raised_with_its_reason(tmp_path: Path) -> None:
    """Also where the peer closes the connection right after its A-ASSOCIATE-RJ."""
    with rejecting_storescp(tmp_path) as port:
        for _ in range(TRIES):
            with pytest.raises(AssociationRejected, match=r"Rejected Permanent, Service User, No reason") as caught:
                request_association(
                    application_entity("RADTME", 10), "127.0.0.1", port, "DCMTK", verification_contexts()
                )
            assert caught.value.is_permanent
            assert caught.value.source_and_reason == (1, 1)
