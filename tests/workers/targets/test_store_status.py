"""What a C-STORE status means for delivery."""

import pytest

from workers.targets.store_status import StoreResult, meaning_of


@pytest.mark.parametrize("status", [0x0000, 0x0111, 0xB000, 0xB006, 0xB007])
def test_success_and_warnings_are_taken(status: int) -> None:
    """PS3.4 B.2.3: with a warning, the object was stored as well."""
    assert meaning_of(status) is StoreResult.TAKEN


@pytest.mark.parametrize("status", [0xA900, 0xA901, 0xA9FF, 0xC000, 0xC123, 0xCFFF, 0x0122, 0x0124])
def test_an_unsuitable_object_or_a_missing_right_is_a_permanent_refusal(status: int) -> None:
    """Data set does not match SOP class, cannot understand, SOP class not supported, not authorized."""
    assert meaning_of(status) is StoreResult.REFUSED


@pytest.mark.parametrize("status", [0xA700, 0xA701, 0xA7FF, 0x0110, 0x0213, 0xFE00])
def test_out_of_resources_and_processing_failures_are_tried_again(status: int) -> None:
    """A disk can be emptied and a database restarted."""
    assert meaning_of(status) is StoreResult.TRY_AGAIN


def test_an_empty_response_counts_as_not_sent() -> None:
    """A response that never came says nothing: the same object goes again, under the same UID."""
    assert meaning_of(None) is StoreResult.TRY_AGAIN
