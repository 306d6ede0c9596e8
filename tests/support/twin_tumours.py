"""Simulated tumours that differ in their inflammation only."""

from dataclasses import dataclass
from pathlib import Path

from deploy.simulation.cohort import StudyToWrite, write_study
from deploy.simulation.patients import SCANNERS, SimulatedPatient
from model_store.signatures.profile import DEFAULT_PROFILE
from workers.features.measurement import measure


@dataclass(frozen=True)
class Twin:
    """One of the tumours with this number."""

    number: int
    inflammation: float
    folder: Path


def measure_twin(twin: Twin) -> dict[str, float]:
    """Write the tumour's study and return its features. A function of a module, so that a child process finds it."""
    scanner = SCANNERS[twin.number % 3]
    patient = SimulatedPatient(f"TWIN{twin.number}", 9_000_000 + twin.number, False, twin.inflammation, scanner)
    write_study(StudyToWrite(patient, twin.folder, repeated=False))
    images = sorted((twin.folder / "images").glob("*.dcm"))
    regions = measure(images, twin.folder / "outline_a1.dcm", DEFAULT_PROFILE).regions
    return {f"{r.region.value}_{name}": float(value) for r in regions for name, value in r.features.items()}
