"""A cohort of phantoms, measured as a hospital's cases are: through DICOM, with the workers' own code."""

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from deploy.cohort.control_regions import control_features
from deploy.simulation.phantom import PhantomSpec, write_spec
from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable, table_of
from model_store.computing.cluster import Cluster
from model_store.signatures.acceptance import Parameter
from model_store.signatures.profile import FeatureProfile
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.features.extraction import columns, measure_columns
from workers.features.measurement import Measurement, measure_roi
from workers.features.redraws import redrawn_masks

PROTOCOLS: tuple[tuple[int, int, tuple[float, float, float]], ...] = (
    (64, 192, (1.6, 0.8, 0.8)),
    (50, 160, (2.0, 0.95, 0.95)),
    (72, 144, (1.4, 1.05, 1.05)),
)
"""Slices, rows and columns, spacing: a signature that has seen one scanner only would learn its voxels."""
OTHER_PROTOCOLS: tuple[tuple[int, int, tuple[float, float, float]], ...] = (
    (100, 160, (1.0, 1.0, 1.0)),
    (50, 300, (2.0, 0.5, 0.5)),
    (33, 220, (3.0, 0.7, 0.7)),
    (40, 96, (2.5, 1.6, 1.6)),
)
"""The same of phantoms that only measure the performance: the signature accepts their spacings, too."""
FIRST_OF_OTHER_PROTOCOLS = 500_000
"""Number of the first such phantom, so that no other one has its seed."""
NOISES = (6.5, 9.0, 12.0)
INFLAMMATION, SPREAD = 0.77, 0.12
"""Mean and standard deviation in hot phantoms; cold ones mirror them. Further apart than in a simulated cohort, so that
a clear phantom gets a clear verdict, but not so far that every phantom is told right."""
LEAST_INFLAMMATION = 0.55
"""Of a hot phantom; a cold one has at most 0.45."""
HOT_FROM = 0.5
REDRAWS = 4
"""Redrawn outlines of each phantom, drawn as the service draws them."""


@dataclass(frozen=True)
class MeasuredCase:
    """The features of one phantom by column name, or why it has none."""

    patient: str
    hot: bool
    spacing_mm: tuple[float, float, float]
    """Between slices, rows and columns."""
    features: Mapping[str, float]
    refused: str | None = None
    controls: Mapping[ControlRegion, Mapping[str, float] | str] = field(default_factory=dict)
    """Features of its control regions, or why there are none."""
    redraws: tuple[Mapping[str, float], ...] = ()
    """Features of its redrawn outlines, as many as could be measured."""


def cohort_specs(seed: int, cases: int) -> list[PhantomSpec]:
    """Return phantoms with a phase before and after contrast: every other one inflamed, protocols and noise in turn."""
    return [_spec(seed, index, PROTOCOLS) for index in range(cases)]


def other_specs(seed: int, cases: int) -> list[PhantomSpec]:
    """Return such phantoms with the spacings that training does not see."""
    return [_spec(seed, FIRST_OF_OTHER_PROTOCOLS + index, OTHER_PROTOCOLS) for index in range(cases)]


def _spec(seed: int, index: int, protocols: tuple[tuple[int, int, tuple[float, float, float]], ...]) -> PhantomSpec:
    slices, matrix, spacing_mm = protocols[index // 2 % len(protocols)]
    return PhantomSpec(
        seed=seed * 1_000_000 + index,
        immune=_inflammation(np.random.default_rng([seed, index]), is_hot=index % 2 == 0),
        slices=slices,
        rows=matrix,
        columns=matrix,
        spacing_mm=spacing_mm,
        phases=2,
        noise=NOISES[index // (2 * len(protocols)) % len(NOISES)],
    )


def _inflammation(rng: np.random.Generator, *, is_hot: bool) -> float:
    drawn = float(np.clip(rng.normal(INFLAMMATION, SPREAD), LEAST_INFLAMMATION, 1.0))
    return drawn if is_hot else 1.0 - drawn


def measure_phantom(spec: PhantomSpec, profile: FeatureProfile, with_controls: bool, redraws: int) -> MeasuredCase:
    """Write a phantom, measure it, its redraws (and its control regions) as a worker does, and forget the images."""
    patient, hot = f"phantom-{spec.seed}", float(spec.immune) >= HOT_FROM
    with tempfile.TemporaryDirectory(prefix="radtme-phantom-") as folder:
        phantom = write_spec(Path(folder), spec)
        try:
            volume, roi, segment = read_case(phantom.paths[:-1], phantom.seg_path, profile)
            measurement = measure_roi(volume, roi, profile, segment)
        except RejectedInput as refusal:
            return MeasuredCase(patient, hot, spec.spacing_mm, {}, f"{refusal.reason}")
        controls = control_features(volume, roi, measurement.ring, profile, spec.seed) if with_controls else {}
    features = {f"{r.region.value}_{name}": float(v) for r in measurement.regions for name, v in r.features.items()}
    drawn = _redraws(measurement, profile, redraws)
    return MeasuredCase(patient, hot, spec.spacing_mm, features, controls=controls, redraws=drawn)


def _redraws(measurement: Measurement, profile: FeatureProfile, count: int) -> tuple[Mapping[str, float], ...]:
    surroundings = measurement.surroundings
    if surroundings is None or not count:
        return ()
    with threadpool_limits(1):
        masks = [drawn for drawn in redrawn_masks(surroundings, count, profile) if drawn is not None]
        return measure_columns(surroundings.resampled, masks, profile, columns(profile)) if masks else ()


def measure_cohort(
    specs: list[PhantomSpec],
    profile: FeatureProfile,
    jobs: int,
    on_case: Callable[[], None],
    with_controls: int = 0,
    redraws: int = REDRAWS,
) -> list[MeasuredCase]:
    """Measure every phantom, in the order given, in so many processes; the first ones with their control regions."""
    cases = []
    controls = [index < with_controls for index in range(len(specs))]
    with Cluster(jobs) as cluster:
        for case in cluster.map(measure_phantom, specs, repeat(profile), controls, repeat(redraws)):
            cases.append(case)
            on_case()
    return cases


def cohort_table(cases: Iterable[MeasuredCase]) -> FeatureTable:
    """Return the table of those that could be measured, with their redraws."""
    measured = [case for case in cases if case.refused is None]
    table = table_of([(case.patient, case.hot, case.features) for case in measured])
    redraws = np.full((len(measured), REDRAWS, len(table.columns)), np.nan)
    for place, case in zip(redraws, measured, strict=True):
        for row, drawn in zip(place, case.redraws, strict=False):
            row[:] = [drawn.get(name, np.nan) for name in table.columns]
    return replace(table, redraws=redraws)


def acquired(cases: Iterable[MeasuredCase]) -> pd.DataFrame:
    """Return the spacings of those that could be measured, in the columns from which training writes a contract.

    No pulse sequence is simulated: what the headers of a phantom say about one bounds nothing.
    """
    spacings = [case.spacing_mm for case in cases if case.refused is None]
    return pd.DataFrame(
        {
            Parameter.PIXEL_SPACING: [math.sqrt(rows * columns) for _, rows, columns in spacings],
            Parameter.SLICE_SPACING: [slices for slices, _, _ in spacings],
        }
    )


def control_tables(cases: Iterable[MeasuredCase]) -> dict[ControlRegion, pd.DataFrame]:
    """Return a table of each kind of control region of those that could be measured, ``case`` being the patient."""
    measured = [case for case in cases if case.refused is None]
    found = {}
    for kind in ControlRegion:
        rows = [
            {"case": case.patient, "reason": "", **values}
            for case in measured
            if not isinstance(values := case.controls[kind], str)
        ]
        found[kind] = pd.DataFrame(rows)
    return found
