"""C-MOVE requests for missing images, to a PACS that rejects the association."""

from pathlib import Path

from structlog.testing import capture_logs

from listener.pairing.retrieve import retrieve
from listener.settings import RetrieveSource
from support.rejecting import NEEDS_STORESCP, TRIES, rejecting_storescp


@NEEDS_STORESCP
def test_a_rejection_is_logged_with_its_reason(tmp_path: Path) -> None:
    """The log names the reason each time, so that an administrator knows that the PACS must be configured."""
    with rejecting_storescp(tmp_path) as port, capture_logs() as logs:
        source = RetrieveSource("DCMTK", "127.0.0.1", port)
        answers = [retrieve(source, "RADTME", "1.2.3", {"1.2.3.1": ("1.2.3.1.1",)}) for _ in range(TRIES)]
    assert not any(answers)
    assert [(log["event"], log["source"]) for log in logs] == [("retrieve_failed", "DCMTK")] * TRIES
    assert all("Rejected Permanent" in log["reason"] for log in logs), [log["reason"] for log in logs]
