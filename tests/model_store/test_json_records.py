"""Dataclasses as JSON: what is read has exactly the fields that are written."""

from dataclasses import dataclass

import pytest

from model_store.json_records import as_json, record_of


@dataclass(frozen=True)
class Inner:
    """A part of a record."""

    share: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    """A record."""

    parts: tuple[Inner, ...]
    by_name: dict[str, Inner]
    limit: float | None = None


RECORD = Outer((Inner(0.5, ("a", "b")), Inner(1.0)), {"x": Inner(0.25)})


def test_a_record_is_read_back() -> None:
    """Tuples are lists in JSON."""
    content = as_json(RECORD)
    assert content["parts"][0] == {"share": 0.5, "names": ["a", "b"]}
    assert record_of(Outer, content) == RECORD


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([{"share": 0.5}], r"missing or unknown: parts\.0\.names"),
        ([{"share": 0.5, "names": [], "more": 1}], r"missing or unknown: parts\.0\.more"),
        ([{"names": []}], r"parts\.0\.share: Field required"),
        ([{"share": "0.5", "names": []}], r"parts\.0\.share: .*found '0\.5'"),
        ([{"share": True, "names": []}], r"parts\.0\.share: .*found True"),
    ],
)
def test_a_part_with_other_fields_or_types_is_refused(parts: list[object], said: str) -> None:
    """A default does not fill in what a file lacks, and a text is no number."""
    with pytest.raises(ValueError, match=said):
        record_of(Outer, {**as_json(RECORD), "parts": parts})


def test_what_is_no_object_is_refused() -> None:
    """A file may hold any JSON value."""
    with pytest.raises(ValueError, match=r"record: .*object"):
        record_of(Outer, [1, 2])  # type: ignore[arg-type]
