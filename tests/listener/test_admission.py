"""Limits on connections and associations."""

from dataclasses import replace
from pathlib import Path

import pytest

from listener.admission import MAX_PENDING, MAX_PENDING_PER_PEER, Admission, Rejection, check_titles
from listener.settings import ListenerSettings


def test_associations_are_limited_in_total_and_for_each_peer() -> None:
    """The third association of a peer is refused when two are allowed; another peer still gets its place."""
    admission = Admission(max_associations=3, max_associations_per_peer=2)
    with admission.association("a"), admission.association("a"):
        with admission.association("a") as refused:
            assert refused is Rejection.TOO_MANY_OF_PEER
        with admission.association("b") as accepted:
            assert accepted is None
            with admission.association("c") as refused:
                assert refused is Rejection.TOO_MANY_ASSOCIATIONS
    assert admission.open_associations == 0


def test_a_place_is_free_again_after_an_error() -> None:
    """However an association ends, its place is given back; a refused one gives back nothing that it did not hold."""
    admission = Admission(max_associations=1, max_associations_per_peer=1)
    for _ in range(3):
        with pytest.raises(RuntimeError), admission.association("a"):
            raise RuntimeError
    with admission.association("a") as accepted:
        assert accepted is None


def test_connections_that_have_not_associated_are_capped() -> None:
    """One silent peer cannot take all the places of those that are about to associate, and all together have an end."""
    admission = Admission(16, 8)
    assert [admission.admit_connection("a") for _ in range(MAX_PENDING_PER_PEER + 1)][-2:] == [True, False]
    assert [admission.admit_connection(f"peer-{i}") for i in range(MAX_PENDING)].count(True) == (
        MAX_PENDING - MAX_PENDING_PER_PEER
    )
    admission.connection_done("a")
    assert admission.admit_connection("z")


@pytest.mark.parametrize(
    ("calling", "called", "expected"),
    [
        ("PACS", "RADTME", None),
        ("OTHER", "RADTME", Rejection.CALLING_AE_TITLE),
        ("PACS", "WRONG", Rejection.CALLED_AE_TITLE),
    ],
)
def test_ae_titles_are_checked_where_the_settings_ask_for_it(
    tmp_path: Path, calling: str, called: str, expected: Rejection | None
) -> None:
    """Unknown callers and wrong called titles are refused only by a listener that was told to."""
    open_to_all = ListenerSettings(spool=tmp_path)
    strict = replace(open_to_all, calling_ae_titles=("PACS",), require_called_ae_title=True)
    assert check_titles(strict, calling, called) is expected
    assert check_titles(open_to_all, calling, called) is None
