"""Studies on public cohorts, from stand-ins with the layout of their download."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result

from deploy.cli import radtme
from deploy.cohort.image_pairs import read_pair
from deploy.cohort.pair_lists import listed_pairs
from deploy.configuration.study import load_study
from model_store.cohort.labels import read_labels


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Return a folder with the layout of MAMA-MIA: three phases a case, capitals in folders, none in files."""
    folder = tmp_path / "MAMA-MIA"
    patients = {"DUKE_001": "1.0", "DUKE_002": "0.0", "ISPY2_100": "0.0", "NACT_01": None}
    for number, patient in enumerate(patients):
        for phase in range(3):
            image = (np.arange(256).reshape(4, 8, 8) + 1000 * phase + 300 * number).astype(np.int16)
            write(folder / "images" / patient / f"{patient.lower()}_{phase:04d}.nii.gz", image)
        mask = np.zeros((4, 8, 8), np.uint8)
        mask[1:3, 2:6, 2:6] = 1
        write(folder / "segmentations" / "expert" / f"{patient.lower()}.nii.gz", mask)
        write(folder / "segmentations" / "automatic" / f"{patient.lower()}.nii.gz", 1 - mask)
    (folder / "images" / "ISPY2_100" / "ispy2_100_0001.nii.gz").unlink()
    table = {"patient_id": list(patients), "pcr": list(patients.values()), "age": ["50.0", "61.0", "40.0", "55.0"]}
    table |= {"tumor_subtype": ["luminal", "triple_negative", "her2_pure", None], "manufacturer": "GE"}
    pd.DataFrame(table).to_csv(folder / "clinical_and_imaging_info.csv", index=False)
    return folder


def write(path: Path, array: np.ndarray) -> None:
    """Write a NIfTI image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


def run(name: str, folder: Path, output: Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(radtme, ["cohort", "recipe", name, str(folder), "--output", str(output)])


def test_mama_mia_becomes_a_study_of_its_first_phase_and_expert_outlines(download: Path, tmp_path: Path) -> None:
    """Every file of the study can be read as it was written; a case without the phase is counted and left out."""
    done = run("mama-mia", download, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert "3 cases; 1 without a known response" in done.output
    assert "left out: 1 outlines without the first phase after contrast" in done.output
    study = load_study(tmp_path / "study" / "study.yaml")
    cases = listed_pairs(study.plans["extract"].pairs)
    assert [(one.patient, one.site, one.scanner) for one in cases] == [
        ("DUKE_001", "DUKE", "GE"),
        ("DUKE_002", "DUKE", "GE"),
        ("NACT_01", "NACT", "GE"),
    ]
    volume, _ = read_pair(cases[1])
    assert (volume.array.min(), volume.array.max()) == (1300, 1555)  # the phase 0001 of the second patient
    assert "automatic" not in cases[1].outline
    labels = read_labels(study.plans["train"].labels)
    assert labels["phenotype"].fillna("").tolist() == ["hot", "cold", ""]
    clinical = pd.read_csv(tmp_path / "study" / "clinical.csv")
    assert clinical["age"].tolist() == [50, 61, 55]
    assert study.plans["validate"].clinical_model == ("age", "subtype")


@pytest.mark.parametrize(("name", "patients"), [("duke", 2), ("nact-pilot", 1)])
def test_parts_are_chosen_by_the_names_of_their_patients(
    name: str, patients: int, download: Path, tmp_path: Path
) -> None:
    """Duke and the NACT pilot are parts of the download."""
    done = run(name, download, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert f"{patients} cases" in done.output


def test_another_layout_is_refused_with_what_is_expected(download: Path, tmp_path: Path) -> None:
    """A wrong folder, and a download without its table."""
    wrong = run("mama-mia", download / "images", tmp_path / "study")
    assert wrong.exit_code == 2
    assert "expected segmentations/expert/PATIENT.nii.gz" in wrong.output
    (download / "clinical_and_imaging_info.csv").unlink()
    absent = run("mama-mia", download, tmp_path / "study")
    assert absent.exit_code == 2
    assert "expected clinical_and_imaging_info.xlsx or .csv, found neither" in absent.output
