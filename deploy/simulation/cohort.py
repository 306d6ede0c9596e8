"""A simulated multi-site study, end to end: DICOM with outlines, clinic, expression, and a study to run on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from deploy.cohort.cluster_tasks import run_tasks
from deploy.errors import CommandError
from deploy.simulation.further_cohorts import (
    CELL_GROUPS,
    RNA,
    WITH_IMAGES,
    cohorts_section,
    further_cohorts,
    quantities,
    rna_study_text,
    tables_of,
)
from deploy.simulation.patients import (
    IMMUNE,
    SimulatedPatient,
    clinical_table,
    draw_patients,
    expression_table,
    gene_sets,
    label_table,
    marker_sets,
    pathway_sets,
)
from deploy.simulation.phantom import PhantomSpec, simulate, spec_key
from deploy.simulation.phantom_dicom import write_images, write_segmentation
from deploy.simulation.planted import Planted, planted_summary
from deploy.terminal import stepping
from model_store.computing.cluster import Cluster
from model_store.files import readable_json, replace_durably
from model_store.reliability.plan import Perturbation
from workers.features.redrawn_outlines import BorderDistance, redrawn

READERS = ("SIMULATED^READER A", "SIMULATED^READER B")
SAME_READER = Perturbation(shift_mm=0.25, border_mm=0.2, rotation_degrees=1.5, noise_mm=0.25)
OTHER_READER = Perturbation(shift_mm=0.4, border_mm=0.4, rotation_degrees=3.0, noise_mm=0.4)
STUDY_FILE = "study.yaml"


@dataclass(frozen=True)
class SimulationPlan:
    """What cohort is made."""

    seed: int = 1
    patients: int = 60
    sites: int = 3
    planted: Planted = field(default_factory=Planted)
    repeated_share: float = 0.4
    """Of the patients: outlined twice by reader A, and once by reader B; the others once by reader A."""
    jobs: int = 0
    five_cohorts: bool = False
    """With a validation, a treated, a prognosis and an RNA cohort, each of half as many patients."""


@dataclass(frozen=True)
class StudyToWrite:
    """One patient's study, for a child process."""

    patient: SimulatedPatient
    folder: Path
    repeated: bool


def write_cohort(folder: Path, plan: SimulationPlan, console: Console) -> Path:
    """Write a cohort into a folder and return the configuration of a study on it. The same plan gives the same files.

    Raises
    ------
    CommandError
        A phantom could not be made.
    """
    patients = draw_patients(plan.seed, plan.patients, plan.sites, plan.planted)
    repeated = round(plan.repeated_share * len(patients))
    tasks = [StudyToWrite(one, folder / "dicom" / one.id, at < repeated) for at, one in enumerate(patients)]
    others = further_cohorts(plan.seed, plan.patients // 2, plan.planted) if plan.five_cohorts else []
    tasks += [
        StudyToWrite(one, folder / cohort.name / "dicom" / one.id, False)
        for cohort in others
        if cohort.name in WITH_IMAGES
        for one in cohort.patients
    ]
    with Cluster(plan.jobs) as cluster, stepping(console, "simulating studies", len(tasks)) as step:
        for ended in run_tasks(cluster, write_study, tasks):
            if ended.failure:
                raise CommandError(f"{ended.task.patient.id} could not be simulated: {ended.failure} {ended.detail}")
            step()
    for name, table in {
        "labels": label_table(patients),
        "clinical": clinical_table(patients, plan.seed, plan.planted),
        "expression": expression_table(patients, plan.seed, plan.planted),
        "quantities": quantities(patients, plan.seed),
    }.items():
        _write_csv(folder / f"{name}.csv", table)
    for cohort in others:
        (folder / cohort.name).mkdir(exist_ok=True)
        for name, table in tables_of(cohort, plan.planted):
            _write_csv(folder / cohort.name / f"{name}.csv", table)
    if others:
        replace_durably(folder / RNA / STUDY_FILE, rna_study_text().encode())
    for name, sets in {"gene_sets": gene_sets(), "markers": marker_sets(), "pathways": pathway_sets()}.items():
        replace_durably(folder / f"{name}.gmt", _gmt(sets))
    hot = np.array([one.hot for one in patients])
    inflammation = np.array([one.inflammation for one in patients])
    replace_durably(folder / "planted.json", readable_json(planted_summary(plan.planted, hot, inflammation, plan.seed)))
    replace_durably(folder / STUDY_FILE, study_text(plan.seed, five_cohorts=plan.five_cohorts).encode())
    return folder / STUDY_FILE


def write_study(task: StudyToWrite) -> None:
    """Write one study: images of one phase, reader A's outline, and repeated ones where they are wanted."""
    patient, scanner = task.patient, task.patient.scanner
    spec = PhantomSpec(
        seed=patient.seed,
        immune=patient.inflammation,
        slices=scanner.slices,
        rows=scanner.matrix,
        columns=scanner.matrix,
        spacing_mm=scanner.spacing_mm,
        phases=1,
        tumour_diameter_mm=float(np.random.default_rng([patient.seed, 4]).uniform(15, 24)),
        noise=scanner.noise,
    )
    images = simulate(spec)
    key = f"{spec_key(spec)}/{patient.id}"
    voxels = [np.clip(np.rint(phase * scanner.gain), 0, 4095).astype(np.uint16) for phase in images.phases]
    attributes = {
        "PatientID": patient.id,
        "PatientName": f"SIMULATED^{patient.id}",
        "AccessionNumber": patient.id,
        "InstitutionName": scanner.site,
        "Manufacturer": scanner.manufacturer,
        "ManufacturerModelName": scanner.model,
    }
    written = write_images(task.folder / "images", key, voxels, spec, attributes)
    write_segmentation(task.folder / "outline_a1.dcm", f"{key}/a1", written, images.tumour, 0, READERS[0])
    if not task.repeated:
        return
    rng = np.random.default_rng([patient.seed, 5])
    for name, reader, how in (("a2", READERS[0], SAME_READER), ("b1", READERS[1], OTHER_READER)):
        mask = redrawn(BorderDistance.of(images.tumour, spec.spacing_mm), rng, how)
        write_segmentation(task.folder / f"outline_{name}.dcm", f"{key}/{name}", written, mask, 0, reader)


def study_text(seed: int, *, five_cohorts: bool = False) -> str:
    """Return the configuration of a study on a simulated cohort, or on five."""
    return f"""output: study

extract:
  folder: dicom

phenotype:
  expression: expression.csv
  unit: log
  gene_sets: gene_sets.gmt
  immune_populations: [{", ".join(IMMUNE)}]
  second: {{gene_sets: markers.gmt, immune_populations: [{", ".join(IMMUNE)}]}}
  pathways: pathways.gmt
  clinical: {{table: clinical.csv, time: time, event: event, composition: [subtype, stage]}}
  compared:
    - {{name: cell_groups, table: quantities.csv, columns: [{", ".join(CELL_GROUPS)}]}}
    - {{name: purity, table: quantities.csv, columns: [purity]}}
{f"  cohorts: [{RNA}/{STUDY_FILE}]" if five_cohorts else ""}
reliability:
  threshold: 0.75
  seed: {seed}

train:
  id: simulated-study
  seed: {seed}

validate:
  clinical: clinical.csv
{cohorts_section() if five_cohorts else ""}
publish:
  data_source: Simulated patients; synthetic images.
  label_source: Simulated expression.
  research_notice: RESEARCH - simulated training data - not for clinical use
"""


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    replace_durably(path, table.to_csv(index=False, lineterminator="\n").encode())


def _gmt(sets: Mapping[str, Sequence[str]]) -> bytes:
    lines = ["\t".join((name, "simulated", *genes)) for name, genes in sets.items()]
    return ("\n".join(lines) + "\n").encode()
