"""Grey values that were cut off at the bright end."""

import numpy as np
import pytest

from workers.features.clipping import clipping_objections
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest


def is_refused(array: np.ndarray, tumour: np.ndarray) -> bool:
    """Return whether grey values (z, y, x) count as clipped in a tumour."""
    frames = tuple(SourceFrame(f"2.25.{number}", None) for number in range(1, len(array) + 1))
    identity = PhaseIdentity(1, 1, PhaseEvidence.SINGLE)
    volume = Volume(array, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), np.eye(3), frames, (), "2.25.99", identity)
    return any(clipping_objections(volume, RegionOfInterest(tumour, None)))


@pytest.mark.parametrize(("edge", "percentile", "expected"), [(10, 100, False), (10, 90, True), (2, 100, False)])
def test_a_bright_end_that_was_cut_off_is_seen(edge: int, percentile: float, expected: bool) -> None:
    """The original values are not refused, nor is a tumour of eight voxels, each of which is 12 % of it."""
    array = np.random.default_rng(4).normal(500, 80, (12, 12, 12)).round()
    tumour = np.zeros(array.shape, dtype=bool)
    tumour[1 : 1 + edge, 1 : 1 + edge, 1 : 1 + edge] = True
    assert is_refused(np.minimum(array, np.percentile(array[tumour], percentile)), tumour) == expected
