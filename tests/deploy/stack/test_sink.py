"""The sink: whom it takes results from."""

from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from deploy.configuration.sections import SinkSettings
from deploy.stack.sink import Sink


@pytest.mark.parametrize(
    ("calling", "called", "taken"),
    [("RADTME", "SINK", True), ("STRANGER", "SINK", False), ("RADTME", "ELSE", False)],
)
def test_only_who_was_named_gets_an_association(tmp_path: Path, calling: str, called: str, taken: bool) -> None:
    """A self-test's sink may listen on all addresses: it is open to the service that is tested, and to no other."""
    sink = Sink(SinkSettings(True, "SINK", "127.0.0.1", 0, tmp_path / "sink"), ["RADTME"])
    sink.start()
    try:
        entity = AE(calling)
        entity.add_requested_context(Verification)
        association = entity.associate("127.0.0.1", sink.port, ae_title=called)
        assert association.is_established is taken
        assert association.is_rejected is not taken
        if taken:
            association.release()
    finally:
        sink.stop()
