"""The closed set of reasons, and the page that explains it."""

import re
from pathlib import Path

from workers.errors import FailureReason, Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "not-scored.md"


def test_every_reason_is_explained_and_nothing_else() -> None:
    """The page of reasons explains each reason that a report can have."""
    explained = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert explained == [*Reason, *FailureReason]
