"""Label values that come over the wire."""

from listener.metrics import OTHER, LabelLimit


def test_the_first_values_are_shown_and_all_further_ones_share_a_label() -> None:
    """A peer that invents a calling AE title per association cannot fill Prometheus."""
    label = LabelLimit(most=3)
    assert [label(f"AE{number}") for number in range(5)] == ["AE0", "AE1", "AE2", OTHER, OTHER]
    assert label("AE1") == "AE1"
