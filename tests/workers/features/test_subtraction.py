"""A subtraction that no header calls one shows in its grey values."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from deploy.simulation.phantom import PhantomSpec, simulate
from model_store.signatures.acceptance import Criterion
from model_store.signatures.profile import NEAR_TISSUE
from workers.features.subtraction import subtraction_notes, subtraction_objections
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import EarlierPhase, SourceFrame, Volume
from workers.notes import Severity
from workers.outline.region_of_interest import RegionOfInterest

SPEC = PhantomSpec(seed=31, slices=32, rows=96, columns=96, spacing_mm=(2.0, 1.2, 1.2), phases=2)


@pytest.fixture(scope="module")
def phases() -> tuple[NDArray[np.float64], NDArray[np.float64], RegionOfInterest]:
    """Return a phantom before and after contrast, and its outline."""
    images = simulate(SPEC)
    before, after = (phase.astype(np.float64) for phase in images.phases)
    return before, after, RegionOfInterest(images.tumour, None)


def volume(array: NDArray[np.float64], before: NDArray[np.float64] | None) -> Volume:
    """Return a volume of these grey values, with the phase before contrast where there is one."""
    z, y, x = SPEC.spacing_mm
    frames = tuple(SourceFrame(f"2.25.{number}", None) for number in range(1, len(array) + 1))
    identity = PhaseIdentity(1, 1, PhaseEvidence.SINGLE)
    found = Volume(array, (0.0, 0.0, 0.0), (x, y, z), np.eye(3), frames, (), "2.25.99", identity)
    return found if before is None else replace(found, before_contrast=EarlierPhase(before, (0, 0, 0)))


Phases = tuple[NDArray[np.float64], NDArray[np.float64], RegionOfInterest]


def test_original_images_are_no_subtraction(phases: Phases) -> None:
    """Magnitude images have no negative values, and no tissue loses its signal to contrast."""
    before, after, roi = phases
    original = volume(after, before)
    assert list(subtraction_objections(original, roi, NEAR_TISSUE)) == []
    assert list(subtraction_notes(original, roi, NEAR_TISSUE)) == []


def test_a_signed_difference_is_refused(phases: Phases) -> None:
    """Before: a subtraction without a word in its header was scored (COLD 0.592), with no note."""
    before, after, roi = phases
    [objection] = subtraction_objections(volume(after - before, None), roi, NEAR_TISSUE)
    assert objection.criterion is Criterion.DERIVATION
    assert "negative, as in a subtraction" in objection.message


@pytest.mark.parametrize("steps_per_unit", [1.0, 0.05])
def test_a_difference_cut_at_zero_is_refused(phases: Phases, steps_per_unit: float) -> None:
    """It has no negative values, but zeros all over the tissue. Without the phase before contrast it was scored.

    Also where the images are stored in 33 grey levels.
    """
    before, after, roi = (phase if isinstance(phase, RegionOfInterest) else phase * steps_per_unit for phase in phases)
    cut = np.floor(np.clip(np.floor(after) - np.floor(before), 0, None))
    [objection] = subtraction_objections(volume(cut, None), roi, NEAR_TISSUE)
    assert objection.criterion is Criterion.DERIVATION
    assert "are 0 amid higher ones, as in a subtraction" in objection.message


@pytest.mark.parametrize(("seed", "noise", "steps_per_unit"), [(32, 12.0, 1.0), (33, 6.5, 0.05), (35, 9.0, 0.02)])
def test_coarse_original_images_are_no_subtraction(seed: int, noise: float, steps_per_unit: float) -> None:
    """Down to 12 grey levels, where a third of the voxels around the outline are 0, in air."""
    images = simulate(replace(SPEC, seed=seed, noise=noise))
    roi = RegionOfInterest(images.tumour, None)
    for phase in images.phases:
        original = volume(np.floor(phase * steps_per_unit), None)
        assert list(subtraction_objections(original, roi, NEAR_TISSUE)) == []


def test_zeros_in_one_piece_are_no_subtraction(phases: Phases) -> None:
    """A mask that sets what lies outside the breast to 0, here a half of the surroundings."""
    _, after, roi = phases
    masked = np.where(np.indices(after.shape)[2] < np.argwhere(roi.tumour)[:, 2].min(), 0, after)
    assert list(subtraction_objections(volume(masked, None), roi, NEAR_TISSUE)) == []


def test_tissue_that_lost_its_signal_gets_a_warning(phases: Phases) -> None:
    """Beside the phase before contrast; the images alone may be others that are dark, such as after fat suppression."""
    before, after, roi = phases
    [note] = subtraction_notes(volume(np.clip(after - before, 0, None), before), roi, NEAR_TISSUE)
    assert note.severity is Severity.WARNING
    assert "as in a subtraction" in note.text


def test_a_tumour_without_signal_before_contrast_tells_nothing(phases: Phases) -> None:
    """Division by its median, or by that of tissue that is compared with it, ended the measurement."""
    before, after, roi = phases
    for dark in (0.0, -5.0):
        assert list(subtraction_notes(volume(after, np.full_like(before, dark)), roi, NEAR_TISSUE)) == []
        dark_tumour = np.where(roi.tumour, dark, 0.0)
        assert list(subtraction_notes(volume(after, dark_tumour), roi, NEAR_TISSUE)) == []


def test_padding_is_no_negative_grey_value(phases: Phases) -> None:
    """A padding value of -32768 in half of the surroundings says nothing about the images."""
    _, after, roi = phases
    padding = np.zeros(after.shape, dtype=np.bool_)
    padding[:, :, ::2] = True
    padding &= ~roi.tumour
    padded = replace(volume(np.where(padding, -32768, after), None), padding=padding)
    assert list(subtraction_objections(padded, roi, NEAR_TISSUE)) == []


def expected_share(array: NDArray[np.generic], tumour: NDArray[np.bool_], padding: NDArray[np.bool_]) -> float:
    """Return the share of scattered dark voxels near the outline, voxel by voxel over whole arrays."""
    known = ~tumour & ~padding
    higher = array.astype(np.float64) > max(0.0, float(array[known].min()))
    around = ndimage.convolve(higher.astype(int), ndimage.generate_binary_structure(3, 1).astype(int), mode="constant")
    searched = known & (ndimage.distance_transform_edt(~tumour, SPEC.spacing_mm) <= 10)
    return float(np.mean((~higher & (around >= 3))[searched])) if searched.any() else 0.0


@pytest.mark.parametrize("seed", range(40))
def test_scattered_zeros_are_counted_near_the_outline(seed: int) -> None:
    """Of random volumes, with outlines at their edges and padding too, as integers and as floating point."""
    rng = np.random.default_rng(seed)
    array: NDArray[np.generic] = rng.integers(0, 12 + seed, tuple(rng.integers(6, 30, 3)))
    if seed % 3 == 0:
        array = array.astype(np.int16) - np.int16(seed % 2)
    elif seed % 3 == 1:
        array = array / 3
    first = rng.integers(0, np.subtract(array.shape, 3))
    tumour = np.zeros(array.shape, dtype=np.bool_)
    tumour[tuple(slice(at, at + 1 + int(rng.integers(1, 4))) for at in first)] = True
    padding = (rng.uniform(size=array.shape) < 0.2) & ~tumour
    case = replace(volume(array, None), padding=padding if seed % 2 else None)
    share = expected_share(array, tumour, padding if seed % 2 else np.zeros_like(padding))
    found = list(subtraction_objections(case, RegionOfInterest(tumour, None), NEAR_TISSUE))
    if (np.asarray(array)[~tumour & ~(padding if seed % 2 else False)] < 0).mean() > 0.05:
        assert "negative" in found[0].message
    elif share > 0.05:
        assert f"{share:.0%} of the grey values near the outline" in found[0].message
    else:
        assert found == []


def test_padding_all_around_the_outline_leaves_nothing_to_count() -> None:
    """Also where voxels farther away are known, zeros amid higher ones among them."""
    tumour = np.zeros((9, 40, 40), dtype=np.bool_)
    tumour[4:6, 18:22, 18:22] = True
    array = np.random.default_rng(4).integers(0, 2, tumour.shape).astype(np.int16)
    near = ndimage.distance_transform_edt(~tumour, SPEC.spacing_mm) <= 11
    case = replace(volume(array, None), padding=near & ~tumour)
    assert list(subtraction_objections(case, RegionOfInterest(tumour, None), NEAR_TISSUE)) == []
