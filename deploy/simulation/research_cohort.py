"""A cohort of phantoms, measured as a hospital's cases are: through DICOM, with the workers' own code."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import pandas as pd

from deploy.cohort.control_regions import control_features
from deploy.simulation.phantom import PhantomSpec, write_spec
from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable, table_of
from model_store.signatures.profile import FeatureProfile
from model_store.training.processes import process_map
from workers.errors import RejectedInput
from workers.features.measurement import measure_roi, read_case

PROTOCOLS: tuple[tuple[int, int, tuple[float, float, float]], ...] = (
    (64, 192, (1.6, 0.8, 0.8)),
    (50, 160, (2.0, 0.95, 0.95)),
    (72, 144, (1.4, 1.05, 1.05)),
)
"""Slices, rows and columns, spacing: a signature that has seen one scanner only would learn its voxels."""
NOISES = (6.5, 9.0, 12.0)


@dataclass(frozen=True)
class MeasuredCase:
    """The features of one phantom by column name, or why it has none."""

    patient: str
    hot: bool
    features: Mapping[str, float]
    refused: str | None = None
    controls: Mapping[ControlRegion, Mapping[str, float] | str] = field(default_factory=dict)
    """Features of its control regions, or why there are none."""


def cohort_specs(seed: int, cases: int) -> list[PhantomSpec]:
    """Return phantoms with a phase before and after contrast: half of them inflamed, protocols and noise in turn."""
    return [
        PhantomSpec(
            seed=seed * 1_000_000 + index,
            immune=("inflamed", "desert")[index % 2],
            slices=slices,
            rows=matrix,
            columns=matrix,
            spacing_mm=spacing_mm,
            phases=2,
            noise=NOISES[index // 6 % 3],
        )
        for index in range(cases)
        for slices, matrix, spacing_mm in [PROTOCOLS[index // 2 % 3]]
    ]


def measure_phantom(spec: PhantomSpec, profile: FeatureProfile, with_controls: bool) -> MeasuredCase:
    """Write a phantom, measure it (and its control regions) as a worker does, and forget the images."""
    patient, hot = f"phantom-{spec.seed}", spec.immune == "inflamed"
    with tempfile.TemporaryDirectory(prefix="radtme-phantom-") as folder:
        phantom = write_spec(Path(folder), spec)
        try:
            volume, roi, segment = read_case(phantom.paths[:-1], phantom.seg_path, profile)
            measurement = measure_roi(volume, roi, profile, segment)
        except RejectedInput as refusal:
            return MeasuredCase(patient, hot, {}, f"{refusal.reason}")
        controls = control_features(volume, roi, measurement.ring, profile, spec.seed) if with_controls else {}
    features = {f"{r.region.value}_{name}": float(v) for r in measurement.regions for name, v in r.features.items()}
    return MeasuredCase(patient, hot, features, controls=controls)


def measure_cohort(
    specs: list[PhantomSpec], profile: FeatureProfile, jobs: int, on_case: Callable[[], None], with_controls: int = 0
) -> list[MeasuredCase]:
    """Measure every phantom, in the order given, in so many processes; the first ones with their control regions."""
    cases = []
    controls = [index < with_controls for index in range(len(specs))]
    with process_map(jobs) as mapped:
        for case in mapped(measure_phantom, specs, repeat(profile), controls):
            cases.append(case)
            on_case()
    return cases


def cohort_table(cases: Iterable[MeasuredCase]) -> FeatureTable:
    """Return the table of those that could be measured."""
    return table_of([(case.patient, case.hot, case.features) for case in cases if case.refused is None])


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
