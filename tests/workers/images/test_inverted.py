"""Images whose dark and bright were exchanged show it by their background."""

import numpy as np
import pytest

from deploy.simulation.phantom import PhantomSpec, simulate
from model_store.signatures.acceptance import Criterion
from workers.images.inverted import SAMPLED_EVERY, SAMPLED_FROM, inversion_objections

SPEC = PhantomSpec(seed=31, slices=32, rows=96, columns=96, spacing_mm=(2.0, 1.2, 1.2), phases=2)


@pytest.mark.parametrize("only_tissue", [False, True])
def test_original_images_are_not_called_inverted(only_tissue: bool) -> None:
    """Before and after contrast, and without the air: an image that is cropped to the breast."""
    for phase in simulate(SPEC).phases:
        part = phase[:, 24:72, 24:72] if only_tissue else phase
        assert list(inversion_objections(part, None, "2.25.1")) == []


def test_inverted_images_are_refused() -> None:
    """Before: HOT 0.607 with a note on enhancement, because the z-score of the surroundings hides the inversion."""
    for phase in simulate(SPEC).phases:
        [objection] = inversion_objections(4095 - phase, None, "2.25.1")
        assert objection.criterion is Criterion.DERIVATION
        assert "image 2.25.1: the mean of its grey values lies at" in objection.message


def test_padding_does_not_count() -> None:
    """Half of the image padded with the lowest value, or with the highest one."""
    phase = simulate(SPEC).phases[1]
    padding = np.zeros(phase.shape, dtype=np.bool_)
    padding[:, :, 48:] = True
    for value in (0, 4095):
        assert list(inversion_objections(np.where(padding, value, phase), padding, "2.25.1")) == []
        assert list(inversion_objections(np.where(padding, value, 4095 - phase), padding, "2.25.1"))


def test_one_grey_value_says_nothing() -> None:
    """Such images are refused as invalid elsewhere."""
    assert list(inversion_objections(np.full((3, 4, 4), 7), None, "2.25.1")) == []


@pytest.mark.parametrize(("sampled", "others", "objections"), [(620, 670, 1), (680, 640, 0)])
def test_near_the_limit_all_voxels_count(sampled: int, others: int, objections: int) -> None:
    """Of a large volume a sample of rows and columns is looked at, which may lie on the other side of the limit."""
    volume = np.full((64, 128, 128), others, dtype=np.uint16)
    volume[:, ::SAMPLED_EVERY, ::SAMPLED_EVERY] = sampled
    volume[0, 1, 1:3] = 0, 1000
    assert volume.size >= SAMPLED_FROM
    assert len(list(inversion_objections(volume, None, "2.25.1"))) == objections
