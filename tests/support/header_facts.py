"""What is known of a header, to compare the pass over its bytes with the full check and pydicom."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from pydicom import Dataset

from workers.errors import RejectedInput
from workers.images import headers
from workers.images.headers import Instance, read_header
from workers.images.plain_header import KnownElements
from workers.limits import LIMITS, Limits

CHARACTER_SET = 0x00080005


def both_outcomes(path: Path, limits: Limits = LIMITS, known: KnownElements | None = None) -> tuple[object, object]:
    """Return what `read_header` gives, and what it gives without the pass over the bytes."""
    found = _outcome(path, limits, known)
    with patch.object(headers, "plain_header", lambda *_: None):
        return found, _outcome(path, limits, None)


def _outcome(path: Path, limits: Limits, known: KnownElements | None) -> object:
    """Return all that is known of a header, or why it was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _facts(read_header(path, limits, known))
        except RejectedInput as error:
            return error.reason, str(error)


def _facts(instance: Instance) -> Sequence[object]:
    """Return an instance's elements, unconverted, and its other fields."""
    dataset = instance.dataset
    characters = dataset.original_character_set, str(dataset.get("SpecificCharacterSet"))
    return _elements(dataset), characters, instance.transfer_syntax, instance.pixels, instance.header_bytes


def _elements(dataset: Dataset) -> list[object]:
    """Return the elements as they stand in the file, those of items that were read at once included."""
    return [
        one if one.is_raw else (one.tag, one.is_undefined_length, [_elements(item) for item in one.value])
        for one in dataset.values()
        if one.tag != CHARACTER_SET
    ]
