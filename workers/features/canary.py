"""The feature canary: a small generated case, whose features are measured in each process before it scores.

Another version of a library, or another processor, can change a feature where no test runs. The canary detects this
before the first case is scored, and exposes it to monitoring.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from model_store.signatures.profile import PROFILES, FeatureProfile
from workers.features.engine.choice import Engine, EngineChoice
from workers.features.measurement import measure_volume
from workers.features.regions import RegionMeasurement
from workers.images.phases import PhaseEvidence, PhaseIdentity
from workers.images.volume import SourceFrame, Volume
from workers.outline.region_of_interest import RegionOfInterest

EXPECTED = Path(__file__).with_name("feature_canary.csv")
"""Profile, column, value: written by `expected_csv` with the locked versions of all libraries.

The values of a profile stay the same from release to release, because signatures were trained on them. A profile with
other values gets another name.
"""
SPACING_MM = (1.0, 1.0, 1.5)
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-6, 1e-9
"""Relative. Far above the effect of the order of summation, far below what changes a score."""


def canary_case() -> tuple[Volume, RegionOfInterest]:
    """Return the case: closed forms in integers and sines, rounded to grey values, identical on every machine."""
    z, y, x = np.meshgrid(*(np.arange(size, dtype=np.float64) for size in (20, 44, 40)), indexing="ij")
    squares = ((z - 9.5) / 4.2) ** 2 + ((y - 22) / 6.5) ** 2 + ((x - 19) / 5.5) ** 2
    tumour = squares <= 1 + 0.15 * np.sin(0.9 * x) * np.cos(0.7 * y)
    texture = (
        40 * np.sin(1.3 * x + 0.4 * z) * np.cos(0.8 * y) + 25 * np.sin(0.35 * x * y + z) + (7 * x + 5 * y * z) % 31
    )
    grey = 300 + texture + tumour * (220 - 60 * squares)
    grey[:, :, :6] = (3 * y + 5 * z)[:, :, :6] % 7  # air before the breast
    array = np.rint(np.clip(grey, 0, None)).astype(np.uint16)
    frames = tuple(SourceFrame(f"2.25.{number}", None) for number in range(1, len(array) + 1))
    volume = Volume(
        array, (0.0, 0.0, 0.0), SPACING_MM, np.eye(3), frames, (), "2.25.99", PhaseIdentity(1, 1, PhaseEvidence.SINGLE)
    )
    return volume, RegionOfInterest(tumour, None)


def measured(profile: FeatureProfile, engine: Engine = Engine.RADTME) -> dict[str, float]:
    """Return the features of the case by column, as this process measures them."""
    volume, roi = canary_case()
    return _by_column(measure_volume(volume, roi, profile, engine=EngineChoice(engine)).regions)


def difference(profile: FeatureProfile, engine: Engine = Engine.RADTME) -> str | None:
    """Return a message on features that this process measures with unexpected values; None where there are none.

    A profile that is not part of the program has no expected values, and therefore no difference.
    """
    expected = expected_of(profile)
    if expected is None:
        return None
    found = measured(profile, engine)
    wrong = differing(found, expected)
    if not wrong:
        return None
    first = wrong[0]
    return (
        f"{len(wrong)} of {len(expected)} features of the canary case differ: {first} is {found.get(first, 'absent')}, "
        f"expected {expected[first]}; install the library versions that requirements/service.txt locks"
    )


def expected_of(profile: FeatureProfile) -> Mapping[str, float] | None:
    """Return the expected features of the case by column; None for a profile that is not part of the program."""
    known = PROFILES.get(profile.name)
    if known is None or replace(profile, phase_rule=known.phase_rule) != known:
        return None
    return expected_features().get(profile.name)


def differing(found: Mapping[str, float], expected: Mapping[str, float]) -> list[str]:
    """Return the columns that are absent, or differ from the expected value by more than the tolerance."""
    return [
        name
        for name, value in expected.items()
        if not np.isclose(found.get(name, np.nan), value, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)
    ]


@functools.cache
def expected_features() -> Mapping[str, Mapping[str, float]]:
    """Return the expected features by profile and column."""
    found: dict[str, dict[str, float]] = {}
    with EXPECTED.open(newline="") as file:
        for profile, column, value in csv.reader(file):
            found.setdefault(profile, {})[column] = float(value)
    return found


def expected_csv() -> str:
    """Return the content of `EXPECTED` as this process measures it."""
    rows = [(name, *item) for name, profile in PROFILES.items() for item in measured(profile).items()]
    return "".join(f"{profile},{column},{value!r}\n" for profile, column, value in rows)


def _by_column(regions: tuple[RegionMeasurement, ...]) -> dict[str, float]:
    return {f"{r.region.value}_{name}": float(value) for r in regions for name, value in r.features.items()}
