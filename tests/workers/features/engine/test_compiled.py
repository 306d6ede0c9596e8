"""The compiled engine against pyradiomics, which defines the values."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.compiled_modules import compiled_from
from support.random_regions import Form, RandomRegion, Texture, random_region, random_regions
from workers.errors import Reason, RejectedInput
from workers.features.engine import _engine, compiled
from workers.features.engine.choice import Engine
from workers.features.engine.comparison import differences
from workers.features.engine.feature_engine import INTENSITY_CLASSES, SHAPE, Discretisation
from workers.features.engine.pyradiomics import names_of_class
from workers.features.extraction import intensity_features, shape_features
from workers.images.voxels import box_of

ALL = [True] * 6
"""All classes."""


def both(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    discretisation: Discretisation,
) -> tuple[dict[str, float], dict[str, float]]:
    """Return all 107 features by the compiled engine and by pyradiomics."""
    ours, reference = (
        shape_features(mask, spacing_mm, engine)
        | intensity_features(image, mask, spacing_mm, "original", discretisation, engine)
        for engine in (Engine.RADTME, Engine.PYRADIOMICS)
    )
    assert len(ours) == len(reference) == 107
    return ours, reference


def assert_equal(region: RandomRegion) -> None:
    """All 107 features are equal, and the same ones have no value."""
    ours, reference = both(region.image, region.mask, region.spacing_mm, region.discretisation)
    assert [(name, ours[name], reference[name]) for name in differences(ours, reference)] == []


def test_the_loaded_module_is_compiled_from_these_sources() -> None:
    """After a change of the sources, `make install` compiles them again; until then, this test fails."""
    assert compiled_from(Path(compiled.__file__).with_name("source")) == compiled.SOURCES_DIGEST


def test_names_and_order_are_those_of_pyradiomics() -> None:
    """Values come without names from the compiled code."""
    assert tuple(f"shape_{name}" for name in names_of_class(SHAPE)) == compiled.SHAPE_NAMES
    expected = tuple(f"{one}_{name}" for one in INTENSITY_CLASSES for name in names_of_class(one))
    assert expected == compiled.INTENSITY_NAMES


@pytest.mark.parametrize("within_slices", [False, True])
@pytest.mark.parametrize("name", ["breast1", "brain1"])
def test_published_images(shared_data: Path, name: str, within_slices: bool) -> None:
    """The images of pyradiomics' own tests, in their spacing."""
    folder = shared_data / "pyradiomics_data"
    image, label = (sitk.ReadImage(folder / f"{name}_{kind}.nrrd") for kind in ("image", "label"))
    mask = sitk.GetArrayFromImage(label) == 1
    box = box_of(mask)
    array = sitk.GetArrayFromImage(image)[box]
    ours, reference = both(array, mask[box], image.GetSpacing(), Discretisation(25.0, within_slices))
    assert not differences(ours, reference)
    assert np.isfinite(list(ours.values())).all()


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.tuples(*[st.integers(1, 8)] * 3),
    form=st.sampled_from(Form),
    texture=st.sampled_from(Texture),
    levels=st.sampled_from([1, 3, 10, 60]),
)
def test_random_regions(seed: int, sizes: tuple[int, int, int], form: Form, texture: Texture, levels: int) -> None:
    """One voxel thick, of one grey level, with holes, in parts, in one direction only, anisotropic."""
    region = random_region(seed, sizes, form, texture, levels)
    assume(region.is_measurable)
    assert_equal(region)


@pytest.mark.long
def test_many_random_regions() -> None:
    """10,000 regions of up to 11 voxels along an axis."""
    for region in random_regions(10_000, seed=15):
        assert_equal(region)


@pytest.mark.parametrize("values", [(0, 0, 0, 0), (0, 25, 50, 75)], ids=["one level", "four levels"])
@pytest.mark.parametrize("line", ["11", "101", "1001", "1101"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_lines_with_gaps(axis: int, line: str, values: tuple[int, ...]) -> None:
    """A single direction, in which voxels need not be neighbours: then most features have no value."""
    mask = np.expand_dims(np.array([voxel == "1" for voxel in line]), [other for other in range(3) if other != axis])
    image = np.array(values[: len(line)], dtype=np.float64).reshape(mask.shape)
    assert_equal(RandomRegion(image, mask, (1.0, 1.0, 1.0), Discretisation(25.0)))


def test_shape_of_every_neighbourhood() -> None:
    """All 255 masks of 2 x 2 x 2 voxels, which have all cubes of the marching cubes among them, in unequal spacing."""
    spacing_mm = (0.7, 1.1, 1.9)
    for bits in range(1, 256):
        mask = np.array([bits >> corner & 1 for corner in range(8)], dtype=np.bool_).reshape(2, 2, 2)
        ours, reference = (shape_features(mask, spacing_mm, engine) for engine in Engine)
        assert not differences(ours, reference), bits


def test_rare_grey_levels_in_a_large_region() -> None:
    """Two bright voxels beside each other: pyradiomics' small constant in denominators shows in their share of MCC."""
    z, y, x = np.indices((56, 56, 56)) - 27.5
    mask = z**2 + y**2 + x**2 <= 27.5**2
    image = np.random.default_rng(4).integers(0, 6, mask.shape) * 25.0
    image[27, 27, 0:2] = 301
    mask[27, 27, 0:2] = True
    ours, reference = (
        intensity_features(image, mask, (1.0, 1.0, 1.0), "original", Discretisation(25.0), engine) for engine in Engine
    )
    assert not differences(ours, reference)
    assert ours["original_glcm_MCC"] == pytest.approx(reference["original_glcm_MCC"], rel=1e-9)


def test_the_same_region_gives_the_same_bytes() -> None:
    """A second run gives the same result: no value depends on memory or on what was measured before."""
    regions = list(random_regions(20, seed=3))
    first, second = ([_engine_values(region) for region in regions] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("feature_class", INTENSITY_CLASSES)
def test_one_class_has_the_values_that_it_has_among_all(feature_class: str) -> None:
    """Redrawn outlines are measured for the columns of a signature alone."""
    region = next(random_regions(1, seed=8))
    arguments = (region.image, region.mask, region.spacing_mm, region.discretisation)
    engine = compiled.CompiledEngine()
    everything = engine.intensities(*arguments)
    one = engine.intensities(*arguments, [name for name in everything if name.startswith(feature_class)][:1])
    assert one == {name: value for name, value in everything.items() if name.startswith(feature_class)}
    assert len(one) == len(names_of_class(feature_class))


def _engine_values(region: RandomRegion) -> bytes:
    spacing_zyx = region.spacing_mm[::-1]
    mask = region.mask.astype(np.uint8)
    values = _engine.intensity(
        np.ascontiguousarray(region.image), mask, spacing_zyx, 25.0, region.discretisation.within_slices, ALL
    )
    return np.array([*values, *_engine.shape(mask, spacing_zyx)]).tobytes()


@pytest.mark.parametrize(
    ("image", "mask", "bin_width", "message"),
    [
        (np.zeros((2, 2, 2)), np.ones((2, 2, 1), np.uint8), 25.0, "differ in shape"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2), np.uint8), 25.0, "no voxel"),
        (np.zeros((2, 2, 2)), np.ones((2, 2, 2), np.uint8), 0.0, "bin width"),
        (np.zeros((2, 2, 2)), np.ones((2, 2, 2), np.uint8), np.nan, "bin width"),
        (np.full((2, 2, 2), np.nan), np.ones((2, 2, 2), np.uint8), 25.0, "finite"),
        (np.full((2, 2, 2), np.inf), np.ones((2, 2, 2), np.uint8), 25.0, "finite"),
    ],
)
def test_impossible_input_is_an_error_and_no_number(
    image: NDArray[np.float64], mask: NDArray[np.uint8], bin_width: float, message: str
) -> None:
    """Nothing of this comes from a measurement; memory stays untouched if it does."""
    with pytest.raises(ValueError, match=message):
        _engine.intensity(image, mask, (1.0, 1.0, 1.0), bin_width, False, ALL)


@pytest.mark.parametrize(("size", "bin_width"), [(2, 1e-4), (13, 1.0)], ids=["a high level", "many levels"])
def test_too_many_grey_levels_are_refused_before_memory_is_taken(size: int, bin_width: float) -> None:
    """The case is not scored, and the message says why; wider bins are measured."""
    image, mask = np.arange(float(size**3)).reshape(size, size, size), np.ones((size, size, size), np.bool_)
    engine = compiled.CompiledEngine()
    with pytest.raises(RejectedInput, match="more than 2048 grey levels") as refused:
        engine.intensities(image, mask, (1.0, 1.0, 1.0), Discretisation(bin_width))
    assert refused.value.reason is Reason.OVER_LIMITS
    measured = engine.intensities(image, mask, (1.0, 1.0, 1.0), Discretisation(10 * bin_width), ["glcm_Contrast"])
    assert measured["glcm_Contrast"] > 0


def test_arrays_of_two_dimensions_are_refused() -> None:
    """A slice alone has no z."""
    with pytest.raises(TypeError):
        _engine.intensity(np.zeros((2, 2)), np.ones((2, 2), np.uint8), (1.0, 1.0, 1.0), 25.0, False, ALL)


def test_views_are_measured_as_they_look() -> None:
    """A turned or mirrored mask lies in another order in memory."""
    mask = np.zeros((3, 4, 5), dtype=np.bool_)
    mask[1:, :3, 2:] = True
    for turned in (mask.transpose(2, 0, 1), mask[::-1], ~mask):
        ours, reference = (shape_features(turned, (1.0, 1.0, 1.0), engine) for engine in Engine)
        assert not differences(ours, reference)
