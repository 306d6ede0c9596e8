"""The contract that says to what a signature may be applied."""

import json
from typing import Any

import pytest

from model_store.json_records import as_json, record_of
from model_store.signatures.acceptance import DEFAULT_ACCEPTANCE, AcceptanceContract, Interval, Parameter

CONTRACT = AcceptanceContract(
    acquisition={Parameter.ECHO_TIME: Interval(0.5, 4.5), Parameter.FIELD_STRENGTH: Interval(1.5, 3.0)},
    min_grey_levels=10,
    max_outside_share=0.2,
    phases=(2, 3),
    max_training_distance=8.5,
)


def test_a_contract_is_read_back_as_it_was_written() -> None:
    """JSON gives back the same contract."""
    assert record_of(AcceptanceContract, json.loads(json.dumps(as_json(CONTRACT)))) == CONTRACT
    assert record_of(AcceptanceContract, json.loads(json.dumps(as_json(DEFAULT_ACCEPTANCE)))) == DEFAULT_ACCEPTANCE


def test_both_ends_of_an_interval_are_accepted() -> None:
    """An echo time of exactly the limit is within it."""
    echo = CONTRACT.acquisition[Parameter.ECHO_TIME]
    assert [echo.holds(value) for value in (0.49, 0.5, 4.5, 4.51)] == [False, True, True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"max_outside_share": 1.5},
        {"max_outside_share": "0.2"},
        {"min_grey_levels": True},
        {"phases": [0]},
        {"phases": ["2"]},
        {"max_training_distance": 0.0},
        {"max_training_distance": "far"},
        {"min_grey_levels": 1},
        {"min_grey_levels": 8.5},
        {"min_grey_levels": 8.0},
        {"phases": [2.5]},
        {"acquisition": {"colour": {"minimum": 0, "maximum": 1}}},
        {"acquisition": {"echo_time_ms": {"minimum": 2, "maximum": 1}}},
        {"acquisition": {"echo_time_ms": {"minimum": 0}}},
        {"acquisition": {"echo_time_ms": {"minimum": 0, "maximum": float("nan")}}},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """A contract with an unknown field or an impossible limit is not read, because it decides what is scored."""
    with pytest.raises(ValueError, match=next(iter(change))):
        record_of(AcceptanceContract, {**as_json(CONTRACT), **change})


def test_a_missing_field_is_refused() -> None:
    """No limit is filled in silently."""
    value = as_json(CONTRACT)
    del value["max_outside_share"]
    with pytest.raises(ValueError, match="max_outside_share"):
        record_of(AcceptanceContract, value)
