"""Kinetic features: enhancement, wash-out and SER by closed forms, and against the SER map that UCSF published."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from model_store.signatures.kinetics import Kinetics
from model_store.signatures.profile import NEAR_TISSUE
from workers.features.case_input import read_case
from workers.features.kinetics import kinetic_values, signal_enhancement_ratio, with_kinetics
from workers.features.redraws import Surroundings, measure_redraws, redraws_of
from workers.features.regions import Region, RegionMeasurement
from workers.features.resampling import resample
from workers.images.volume import EarlierPhase, KineticPhases

PROFILE = replace(NEAR_TISSUE, name="with-kinetics", kinetics=Kinetics())
SHAPE = (20, 40, 40)
PUBLISHED_WITHIN = 0.002
"""The map stores SER times 1000, without decimal places, of grey values that were scaled before."""
HIGHEST = 3.0
"""The map shows 16 voxels of 41,596 that have more as 3."""


def phases(before: float, early: float, late: float, start: tuple[int, int, int] = (0, 0, 0)) -> KineticPhases:
    """Return phases of these grey values everywhere."""
    found = (EarlierPhase(np.full(SHAPE, value), start) for value in (before, early, late))
    return KineticPhases(*found, missing="")


def ball(radius: float = 7.0) -> NDArray[np.bool_]:
    """Return an outline in the middle."""
    grid = np.moveaxis(np.indices(SHAPE), 0, -1) - np.array([10, 20, 20])
    return np.asarray((grid**2).sum(axis=-1) <= radius**2)


def test_each_feature_is_what_its_formula_says() -> None:
    """100 before contrast, 250 early, 200 late: 150 % enhancement, a fifth is washed out, SER 1.5."""
    found = {name.removeprefix("original_kinetics_"): value for name, value in kinetic_values(
        phases(100, 250, 200), ball()).items()}  # fmt: skip
    assert found == {
        "InitialEnhancementMedian": 1.5,
        "InitialEnhancement90Percentile": 1.5,
        "WashOutMedian": pytest.approx(0.2),
        "WashOut90Percentile": pytest.approx(0.2),
        "WashOutShare": 1.0,
        "PersistentShare": 0.0,
        "SERMedian": 1.5,
        "SER90Percentile": 1.5,
    }
    rising = kinetic_values(phases(100, 200, 230), ball())
    assert rising["original_kinetics_PersistentShare"] == 1.0
    assert rising["original_kinetics_SERMedian"] == pytest.approx(100 / 130)


def test_what_is_not_there_is_no_number() -> None:
    """A late phase that is missing, an outline beyond what was read, no enhancement: absent, with the reason."""
    whole = phases(100, 250, 200)
    region = RegionMeasurement(Region.TUMOUR, 1.0, 1000, 30, {})
    (two,) = with_kinetics([region], replace(whole, late=None, missing="the examination has 2 phases"), ball())
    assert {name.rpartition("_")[2] for name in two.features} == {
        "InitialEnhancementMedian", "InitialEnhancement90Percentile",
    }  # fmt: skip
    assert set(two.missing.values()) == {"the examination has 2 phases"}
    assert not [v for v in kinetic_values(phases(100, 250, 200, (15, 0, 0)), ball()).values() if np.isfinite(v)]
    (flat,) = with_kinetics([region], phases(100, 100, 100), ball())
    assert flat.features["original_kinetics_InitialEnhancementMedian"] == 0.0
    assert "fewer than 50%" in flat.missing["original_kinetics_SERMedian"]


def test_a_redrawn_outline_has_kinetics_of_its_own() -> None:
    """So that the stability of a score covers them; it counts where the array of the outline begins in the volume."""
    spacing = (2.0, 1.0, 1.0)
    tumour, rng = ball(9.0), np.random.default_rng(3)
    array = rng.integers(100, 900, SHAPE).astype(np.uint16)
    resampled = resample(array, spacing, tumour, None, PROFILE, margin=16)
    bright = np.where(tumour, 300.0, 150.0)  # what lies outside enhances less, so a wider outline has a lower median
    start = (4, 5, 6)
    all_phases = KineticPhases(
        *(EarlierPhase(np.pad(one, [(at, 0) for at in start]), (0, 0, 0)) for one in (
            np.full(SHAPE, 100.0), bright, bright * 0.9)), missing="")  # fmt: skip
    around = Surroundings(resampled, tumour, np.zeros_like(resampled.tumour), start=start, kinetic_phases=all_phases)
    drawn = [one for one in redraws_of(around, 4, PROFILE) if one is not None]
    column = "tumour_original_kinetics_InitialEnhancement90Percentile"
    found = measure_redraws(around, drawn, PROFILE, [column])
    assert [values[column] for values in found] == [2.0] * len(drawn)


def test_the_ser_is_the_published_map(br06: Path) -> None:
    """Of every voxel that the map of br06 shows; the feature is the median of the map inside the tumour."""
    volume, roi, _ = read_case(sorted((br06 / "dce").iterdir()), br06 / "tumour_seg" / "seg.dcm", PROFILE)
    slices = {float(one.ImagePositionPatient[0]): one for one in map(pydicom.dcmread, sorted((br06 / "ser").iterdir()))}
    order = sorted(slices, reverse=bool(volume.direction[0, 2] < 0))
    published = np.stack([slices[x].pixel_array for x in order]) * 0.001
    read = volume.kinetic_phases
    assert read.before is not None
    assert read.early is not None
    assert read.late is not None
    assert read.before.array.shape == published.shape
    ser = signal_enhancement_ratio(*(one.array.astype(np.float64) for one in (read.before, read.early, read.late)))
    shown = published != 0
    assert shown.sum() > 40_000
    np.testing.assert_allclose(np.minimum(ser, HIGHEST)[shown], published[shown], rtol=0, atol=PUBLISHED_WITHIN)
    inside = roi.tumour & shown
    found = kinetic_values(read, inside)
    assert found["original_kinetics_SERMedian"] == pytest.approx(np.median(published[inside]), abs=PUBLISHED_WITHIN)
    assert all(np.isfinite(value) for value in found.values())
