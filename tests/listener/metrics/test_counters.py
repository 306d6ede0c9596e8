"""Counters of the listener, and label values that come over the wire."""

import os
from pathlib import Path

from listener.ledger.set_aside_outlines import SetAside
from listener.metrics.counters import OTHER, LabelLimit, ListenerMetrics
from listener.spool.recent_studies import note_recent
from support.listening import listening


def test_the_first_values_are_shown_and_all_further_ones_share_a_label() -> None:
    """A peer that invents a calling AE title per association cannot fill Prometheus."""
    label = LabelLimit(most=3)
    assert [label(f"AE{number}") for number in range(5)] == ["AE0", "AE1", "AE2", OTHER, OTHER]
    assert label("AE1") == "AE1"


def test_outlines_that_make_no_case_are_counted_from_zero() -> None:
    """A counter that first appears with its first event shows no increase: every reason is there from the start."""
    metrics = ListenerMetrics()
    name = "radtme_outlines_set_aside_total"
    values = {reason: metrics.registry.get_sample_value(name, {"reason": reason.value}) for reason in SetAside}
    assert values == dict.fromkeys(SetAside, 0.0)
    metrics.outline_set_aside(SetAside.OWN_RESULT)
    assert metrics.registry.get_sample_value(name, {"reason": SetAside.OWN_RESULT.value}) == 1.0


def test_the_last_arrival_is_known_after_a_restart(tmp_path: Path) -> None:
    """The time is that of the newest object in the spool, so that a listener that receives nothing raises its alert."""
    name = "radtme_last_object_received_timestamp_seconds"
    set_up = "radtme_spool_set_up_timestamp_seconds"
    with listening(tmp_path) as listener:
        assert listener.metrics.registry.get_sample_value(name) == 0.0
        first_start = listener.metrics.registry.get_sample_value(set_up)
    assert first_start == (tmp_path / "version").stat().st_mtime
    for number, moment in (("1", 1_700_000_000), ("2", 1_600_000_000)):
        series = tmp_path / "studies" / "1.2.3" / number
        series.mkdir(parents=True)
        note_recent(str(tmp_path), "1.2.3")
        os.utime(series, (moment, moment))
    with listening(tmp_path) as listener:
        assert listener.metrics.registry.get_sample_value(name) == 1_700_000_000.0
        assert listener.metrics.registry.get_sample_value(set_up) == first_start
