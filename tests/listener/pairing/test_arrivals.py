"""More of a study may come as long as an association that brought some of it is open."""

from pathlib import Path

import pytest

from listener.pairing.arrivals import Arrivals

STUDY, OTHER = "1.2.3", "1.2.4"


@pytest.fixture
def arrivals(tmp_path: Path) -> Arrivals:
    """Return the arrivals of a listener that has associated with one sender, whose folder is there."""
    arrivals = Arrivals(tmp_path)
    arrivals.begin("ours")
    (tmp_path / "ours").mkdir()
    return arrivals


def test_an_association_may_bring_more_of_what_it_has_brought(arrivals: Arrivals, tmp_path: Path) -> None:
    """Until it ends, and of other studies never: an archive keeps its associations open for hours."""
    assert not arrivals.may_bring(STUDY)
    arrivals.brought("ours", STUDY)
    assert (arrivals.may_bring(STUDY), arrivals.may_bring(OTHER)) == (True, False)
    (tmp_path / "ours").rmdir()
    arrivals.end("ours")
    assert not arrivals.may_bring(STUDY)


def test_an_association_of_another_listener_may_bring_any_study(arrivals: Arrivals, tmp_path: Path) -> None:
    """Its folder says that it is open, and not what comes: the settle time decides."""
    (tmp_path / "theirs").mkdir()
    assert arrivals.may_bring(STUDY)


def test_where_the_folder_cannot_be_read_more_may_come(tmp_path: Path) -> None:
    """Where nothing is known, the job waits."""
    assert Arrivals(tmp_path / "absent").may_bring(STUDY)


def test_an_end_is_announced(tmp_path: Path) -> None:
    """The pairing looks at once, and not when its next look is due."""
    seen: list[bool] = []
    arrivals = Arrivals(tmp_path, lambda: seen.append(arrivals.may_bring(STUDY)))
    arrivals.begin("ours")
    arrivals.brought("ours", STUDY)
    arrivals.end("ours")
    assert seen == [False]
