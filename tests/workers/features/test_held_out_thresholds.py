"""Signs of computed images on phantoms that no threshold was set on: other seeds, shapes, sizes and noise."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.simulation.phantom import PhantomSpec, simulate
from model_store.signatures.profile import NEAR_TISSUE
from workers.features.clipping import clipping_objections
from workers.features.subtraction import subtraction_objections
from workers.images.inverted import inversion_objections
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest

pytestmark = pytest.mark.long

PHANTOMS = 30
GRIDS = (
    (28, 112, 80, (2.5, 1.0, 1.5)),
    (44, 72, 104, (1.5, 1.6, 1.1)),
    (36, 88, 88, (3.0, 1.3, 1.3)),
    (56, 80, 80, (1.2, 1.2, 1.2)),
    (24, 120, 96, (4.0, 0.9, 1.2)),
)
STEPS_PER_UNIT = (1.0, 0.2, 0.05)
"""Grey values are stored as so many steps; muscle then has about 190, 38 or 10."""


def specs() -> Iterator[PhantomSpec]:
    """Yield phantoms with tumours of 10 to 40 mm and noise of 4 to 20, on grids of unequal steps."""
    for number in range(PHANTOMS):
        rng = np.random.default_rng([77, number])
        slices, rows, columns, spacing_mm = GRIDS[number % len(GRIDS)]
        yield PhantomSpec(
            seed=77000 + number,
            immune=float(rng.uniform()),
            slices=slices,
            rows=rows,
            columns=columns,
            spacing_mm=spacing_mm,
            phases=2,
            tumour_diameter_mm=float(rng.uniform(10, 40)),
            noise=float(rng.uniform(4, 20)),
        )


def is_refused(array: NDArray[np.float64], spec: PhantomSpec, tumour: NDArray[np.bool_]) -> bool:
    """Return whether grey values (z, y, x) count as computed from other images."""
    z, y, x = spec.spacing_mm
    frames = tuple(SourceFrame(f"2.25.{number}", None) for number in range(1, len(array) + 1))
    identity = PhaseIdentity(1, 1, PhaseEvidence.SINGLE)
    volume = Volume(array, (0.0, 0.0, 0.0), (x, y, z), np.eye(3), frames, (), "2.25.99", identity)
    roi = RegionOfInterest(tumour, None)
    return (
        any(inversion_objections(array, None, "2.25.1"))
        or any(subtraction_objections(volume, roi, NEAR_TISSUE))
        or any(clipping_objections(volume, roi))
    )


def test_computed_images_are_told_from_original_ones() -> None:
    """Of 30 phantoms, no original phase is refused, and every difference, cut difference and inverted image is."""
    refused: Counter[str] = Counter()
    for number, spec in enumerate(specs()):
        images = simulate(spec)
        step = STEPS_PER_UNIT[number % len(STEPS_PER_UNIT)]
        before, after = (np.floor(phase * step) for phase in images.phases)
        kinds = {
            "before": before,
            "after": after,
            "difference": after - before,
            "difference cut at 0": np.maximum(after - before, 0),
            "inverted": after.max() - after,
        }
        for kind, array in kinds.items():
            refused[kind] += is_refused(array, spec, images.tumour)
    assert refused == {
        "before": 0,
        "after": 0,
        "difference": PHANTOMS,
        "difference cut at 0": PHANTOMS,
        "inverted": PHANTOMS,
    }
