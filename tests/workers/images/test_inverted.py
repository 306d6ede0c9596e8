"""Images whose dark and bright were exchanged show it by their background."""

import numpy as np
import pytest

from deploy.simulation.phantom import PhantomSpec, simulate
from model_store.signatures.acceptance import Criterion
from workers.images.inverted import inversion_objections

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
