"""The patients of a simulated cohort: phenotype, inflammation, site, clinic and gene expression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deploy.simulation.planted import Planted

IMMUNE = (
    "B_cells",
    "CD8_T_cells",
    "Cytotoxic_cells",
    "Dendritic_cells",
    "activated_Dendritic_cells",
    "immature_Dendritic_cells",
    "plasmacytoid_Dendritic_cells",
    "Macrophages",
    "NK_cells",
    "NK_CD56dim_cells",
    "NK_CD56bright_cells",
    "T_cells",
    "T_helper_cells",
    "T_central_memory_cells",
    "T_effector_memory_cells",
    "T_follicular_helper_cells",
    "T_gamma_delta_cells",
    "Th1_cells",
    "Treg_cells",
)
OTHER = ("Eosinophils", "Mast_cells", "Neutrophils", "Th2_cells", "Th17_cells")
"""Not tied to the inflammation."""
CHECKPOINTS = ("CD274", "CTLA4", "IDO1", "SIGLEC9", "PDCD1", "PDCD1LG2", "LAG3", "HAVCR2")
GENES_PER_POPULATION = 15
MARKERS_PER_POPULATION = 4
BACKGROUND_GENES = 800
SUBTYPES = ("HR+/HER2-", "HER2+", "TNBC")
STAGES = ("I", "II", "III")
RESPONSES = ("CR", "PR", "SD", "PD")


@dataclass(frozen=True)
class Scanner:
    """What is different at a site, and has nothing to do with the phenotype."""

    site: str
    manufacturer: str
    model: str
    slices: int
    matrix: int
    spacing_mm: tuple[float, float, float]
    noise: float
    gain: float
    """Of all grey values."""


SCANNERS = (
    Scanner("Simulated North", "SIMGE", "S-1", 40, 96, (2.0, 1.2, 1.2), 6.5, 1.0),
    Scanner("Simulated South", "SIMSIEMENS", "S-2", 36, 88, (2.2, 1.3, 1.3), 9.0, 2.1),
    Scanner("Simulated East", "SIMPHILIPS", "S-3", 44, 104, (1.8, 1.1, 1.1), 12.0, 0.7),
    Scanner("Simulated West", "SIMCANON", "S-4", 40, 92, (2.0, 1.25, 1.25), 8.0, 1.5),
)


@dataclass(frozen=True)
class SimulatedPatient:
    """One simulated patient."""

    id: str
    seed: int
    hot: bool
    inflammation: float
    scanner: Scanner


def draw_patients(seed: int, count: int, sites: int, planted: Planted) -> list[SimulatedPatient]:
    """Return patients; every site has the same share of hot ones."""
    if not 1 <= sites <= len(SCANNERS):
        raise ValueError(f"expected 1 to {len(SCANNERS)} sites, found {sites}")
    rng = np.random.default_rng([seed, 1])
    patients = []
    for index in range(count):
        rank = index // sites
        hot = int((rank + 1) * planted.hot_share) > int(rank * planted.hot_share)
        mean = planted.hot_mean if (hot if planted.effect else rng.random() < planted.hot_share) else planted.cold_mean
        inflammation = float(mean + planted.spread * rng.standard_normal())
        name = f"SIM-{seed}-{index + 1:04d}"
        patients.append(SimulatedPatient(name, seed * 1_000_000 + index, hot, inflammation, SCANNERS[index % sites]))
    return patients


def clinical_table(patients: Sequence[SimulatedPatient], seed: int, planted: Planted) -> pd.DataFrame:
    """Return site, subtype, stage, survival and response: hazard and response depend on the inflammation.

    Survival is exponential with the planted hazard ratio, censored between two and eight years.
    """
    rng = np.random.default_rng([seed, 2])
    inflammation = _inflammation(patients)
    relative = (inflammation - planted.cold_mean) / planted.separation
    stage = rng.choice(len(STAGES), len(patients), p=[0.3, 0.45, 0.25])
    hazard = (1 / 60) * np.exp(planted.log_hazard_ratio * relative + 0.4 * (stage - 1))
    months, censored = rng.exponential(1 / hazard), rng.uniform(24, 96, len(patients))
    order = np.clip(np.digitize(0.5 - relative + 0.8 * rng.standard_normal(len(patients)), [-0.8, 0.1, 0.9]), 0, 3)
    return pd.DataFrame(
        {
            "patient": [one.id for one in patients],
            "age": np.round(rng.normal(54, 11, len(patients))).clip(25, 90).astype(int),
            "subtype": rng.choice(SUBTYPES, len(patients), p=[0.55, 0.2, 0.25]),
            "stage": [STAGES[index] for index in stage],
            "time": np.round(np.minimum(months, censored), 2),
            "event": (months <= censored).astype(int),
            "response": [RESPONSES[index] for index in order],
        }
    )


def label_table(patients: Sequence[SimulatedPatient]) -> pd.DataFrame:
    """Return the planted phenotypes."""
    return pd.DataFrame(
        {"patient": [one.id for one in patients], "phenotype": ["hot" if one.hot else "cold" for one in patients]}
    )


def gene_sets() -> dict[str, list[str]]:
    """Return 24 populations of simulated genes."""
    return {
        population: [f"SIM{at:02d}G{number:02d}" for number in range(GENES_PER_POPULATION)]
        for at, population in enumerate((*IMMUNE, *OTHER))
    }


def marker_sets() -> dict[str, list[str]]:
    """Return a few marker genes of each population, for a second scoring by means."""
    return {population: genes[:MARKERS_PER_POPULATION] for population, genes in gene_sets().items()}


def pathway_sets() -> dict[str, list[str]]:
    """Return a pathway that follows the phenotype, one of populations that do not, and two of background genes."""
    of = gene_sets()
    background = [f"SIMB{number:04d}" for number in range(60)]
    return {
        "SIMULATED_INFLAMMATION": [gene for population in IMMUNE for gene in of[population][-3:]],
        "SIMULATED_OTHER_CELLS": [gene for population in OTHER for gene in of[population][-5:]],
        "SIMULATED_BACKGROUND_A": background[:30],
        "SIMULATED_BACKGROUND_B": background[30:],
    }


def expression_table(
    patients: Sequence[SimulatedPatient], seed: int, planted: Planted, genes_seed: int | None = None
) -> pd.DataFrame:
    """Return log2 expression, a row for each gene: immune populations and checkpoints follow the phenotype.

    The phenotype decides which populations prevail; the inflammation says by how much. How strongly a gene is expressed
    and goes along with its population follows from ``genes_seed``: the cohorts of a study have the same genes.
    """
    rng = np.random.default_rng([seed, 3])
    of_genes = np.random.default_rng([seed if genes_seed is None else genes_seed, 9])
    hot = np.array([one.hot for one in patients])
    relative = (_inflammation(patients) - planted.cold_mean) / planted.separation
    level = 1.6 * hot + (0.3 * relative if planted.effect else 0.0)
    rows: dict[str, NDArray[np.float64]] = {}
    for population, genes in gene_sets().items():
        driven = level if population in IMMUNE else np.zeros(len(patients))
        abundance = driven + 0.35 * rng.standard_normal(len(patients))
        for gene in genes:
            noise = 0.5 * rng.standard_normal(len(hot))
            rows[gene] = of_genes.uniform(2, 8) + of_genes.uniform(0.6, 1.2) * abundance + noise
    for gene in CHECKPOINTS:
        rows[gene] = of_genes.uniform(2, 5) + 0.7 * level + 0.6 * rng.standard_normal(len(hot))
    for number in range(BACKGROUND_GENES):
        rows[f"SIMB{number:04d}"] = of_genes.uniform(1, 10) + 0.7 * rng.standard_normal(len(hot))
    table = pd.DataFrame(rows, index=[one.id for one in patients]).T.round(4).clip(lower=0)
    return table.rename_axis("gene").reset_index()


def _inflammation(patients: Sequence[SimulatedPatient]) -> NDArray[np.float64]:
    return np.array([one.inflammation for one in patients])
