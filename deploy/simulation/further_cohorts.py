"""The four other cohorts of a simulated study: a validation, a treated, a prognosis and an RNA cohort.

Their patients, images and scanner are others than those of the training cohort; what is planted in them is the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deploy.simulation.patients import (
    IMMUNE,
    SCANNERS,
    SimulatedPatient,
    clinical_table,
    draw_patients,
    expression_table,
)
from deploy.simulation.planted import Planted

VALIDATION, TREATED, PROGNOSIS, RNA = "validation", "treated", "prognosis", "rna"
WITH_IMAGES = (VALIDATION, TREATED, PROGNOSIS)
SEEDS_APART = 1000
"""Between the cohorts of one study: no patient is in two of them."""
HOT_FROM = 20
"""Per cent of CD8 cells."""


@dataclass(frozen=True)
class FurtherCohort:
    """One of the other cohorts."""

    name: str
    seed: int
    patients: tuple[SimulatedPatient, ...]
    genes_seed: int
    """That of the training cohort: genes are the same in all cohorts."""


def further_cohorts(seed: int, count: int, planted: Planted) -> list[FurtherCohort]:
    """Return the cohorts: those with images at a site that the training cohort has only if it has four."""
    names = (*WITH_IMAGES, RNA)
    found = []
    for at, name in enumerate(names):
        own = seed + SEEDS_APART * (at + 1)
        drawn = draw_patients(own, count, 1, planted)
        patients = (replace(one, scanner=SCANNERS[-1]) for one in drawn)
        found.append(FurtherCohort(name, own, tuple(patients), seed))
    return found


def tables_of(cohort: FurtherCohort, planted: Planted) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and the content of each table that a cohort comes with."""
    clinical = clinical_table(cohort.patients, cohort.seed, planted)
    if cohort.name == TREATED:
        yield "clinical", clinical.assign(cps=_cps(cohort.patients, cohort.seed))
    elif cohort.name == VALIDATION:
        yield "clinical", clinical.drop(columns=["response", "time", "event"])
    else:
        yield "clinical", clinical.drop(columns="response")
    if cohort.name == VALIDATION:
        yield "cd8", _cd8(cohort.patients, cohort.seed)
    if cohort.name == RNA:
        yield "expression", expression_table(cohort.patients, cohort.seed, planted, cohort.genes_seed)


def _cd8(patients: Sequence[SimulatedPatient], seed: int) -> pd.DataFrame:
    """Return the percentage of CD8 cells by immunohistochemistry: `HOT_FROM` and more in hot tumours alone."""
    rng = np.random.default_rng([seed, 6])
    hot = np.array([one.hot for one in patients])
    percent = np.where(hot, rng.uniform(HOT_FROM, 70, len(hot)), rng.uniform(0, HOT_FROM - 1, len(hot)))
    return pd.DataFrame({"patient": [one.id for one in patients], "CD8": percent.round().astype(int)})


def _cps(patients: Sequence[SimulatedPatient], seed: int) -> np.ndarray:
    """Return the combined positive score of PD-L1, higher in inflamed tumours."""
    rng = np.random.default_rng([seed, 7])
    inflammation = np.array([one.inflammation for one in patients])
    score: np.ndarray = np.clip(40 * inflammation - 8 + 8 * rng.standard_normal(len(patients)), 0, 100).round()
    return score.astype(int)


def quantities(patients: Sequence[SimulatedPatient], seed: int) -> pd.DataFrame:
    """Return shares of four cell groups and tumour purity of each patient: inflamed tumours hold more immune cells."""
    rng = np.random.default_rng([seed, 8])
    hot = np.array([one.hot for one in patients])
    weights = np.exp(0.3 * rng.standard_normal((len(hot), len(CELL_GROUPS))))
    weights[:, 0] *= np.where(hot, 2.5, 1.0)
    shares = weights / weights.sum(axis=1, keepdims=True)
    purity = np.clip(0.75 - 0.2 * hot + 0.08 * rng.standard_normal(len(hot)), 0.05, 0.99)
    table = pd.DataFrame(shares.round(4), columns=list(CELL_GROUPS))
    table.insert(0, "patient", [one.id for one in patients])
    return table.assign(purity=purity.round(4))


CELL_GROUPS = ("lymphocytes", "macrophages", "fibroblasts", "endothelial_cells")


def cohorts_section() -> str:
    """Return the lines of section ``validate`` for the cohorts with images."""
    return f"""  subgroups: [subtype, stage, site]
  landmark: 24
  markers: [{{column: cps, at_least: 10}}]
  cohorts:
    - name: {VALIDATION}
      folder: {VALIDATION}/dicom
      labels: {{table: {VALIDATION}/cd8.csv, phenotype: CD8, hot_at_least: {HOT_FROM}}}
      clinical: {VALIDATION}/clinical.csv
    - {{name: {TREATED}, folder: {TREATED}/dicom, clinical: {TREATED}/clinical.csv}}
    - {{name: {PROGNOSIS}, folder: {PROGNOSIS}/dicom, clinical: {PROGNOSIS}/clinical.csv}}
"""


def rna_study_text() -> str:
    """Return the configuration of the RNA cohort's study, whose phenotypes are those of the training cohort."""
    return f"""output: ../study/{RNA}

phenotype:
  expression: expression.csv
  unit: log
  gene_sets: ../gene_sets.gmt
  immune_populations: [{", ".join(IMMUNE)}]
  centroids: ../study/phenotype/tables/centroids.parquet
  clinical: {{table: clinical.csv, time: time, event: event, composition: [subtype, stage]}}
"""
