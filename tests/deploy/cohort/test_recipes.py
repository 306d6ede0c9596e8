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
    assert "left out: 1: no first phase after contrast" in done.output
    study = load_study(tmp_path / "study" / "study.yaml")
    cases = listed_pairs(study.plans["extract"].pairs)
    assert [(one.patient, one.site, one.scanner) for one in cases] == [
        ("DUKE_001", "DUKE", "GE"),
        ("DUKE_002", "DUKE", "GE"),
        ("NACT_01", "NACT", "GE"),
    ]
    volume, _ = read_pair(cases[1])
    assert (volume.array.min(), volume.array.max()) == (1300, 1555)  # the phase 0001 of the second patient
    assert [Path(one).name[-11:] for one in cases[1].phase_files] == ["0000.nii.gz", "0001.nii.gz", "0002.nii.gz"]
    assert cases[1].phase_files[1] == cases[1].images[0]
    assert "automatic" not in cases[1].outline
    labels = read_labels(study.plans["train"].labels)
    assert labels["phenotype"].fillna("").tolist() == ["hot", "cold", ""]
    clinical = pd.read_csv(tmp_path / "study" / "clinical.csv")
    assert clinical["age"].tolist() == [50, 61, 55]
    assert study.plans["validate"].clinical_model == ("age", "subtype")


def test_parts_are_chosen_by_the_names_of_their_patients(download: Path, tmp_path: Path) -> None:
    """Duke and the NACT pilot are parts of the download; without a single response there is nothing to train on."""
    done = run("duke", download, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert "2 cases" in done.output
    refused = run("nact-pilot", download, tmp_path / "other")
    assert refused.exit_code == 2
    assert "none of the 1 patients with images has a response" in refused.output


def test_another_layout_is_refused_with_what_is_expected(download: Path, tmp_path: Path) -> None:
    """A wrong folder, and a download without its table."""
    wrong = run("mama-mia", download / "images", tmp_path / "study")
    assert wrong.exit_code == 2
    assert "expected for mama-mia segmentations/expert/PATIENT.nii.gz" in wrong.output
    (download / "clinical_and_imaging_info.csv").unlink()
    absent = run("mama-mia", download, tmp_path / "study")
    assert absent.exit_code == 2
    assert "expected clinical_and_imaging_info.xlsx or .csv, found neither" in absent.output


def test_the_study_is_yaml_whatever_the_responses_are(download: Path, tmp_path: Path) -> None:
    """A response that is neither 1 nor 0 is left out of training under its own name, quotes and all."""
    table = pd.read_csv(download / "clinical_and_imaging_info.csv", dtype=str)
    table.loc[1, "pcr"] = odd = 'not "done": it\'s #3, [later]'
    table.to_csv(download / "clinical_and_imaging_info.csv", index=False)
    done = run("mama-mia", download, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert load_study(tmp_path / "study" / "study.yaml").plans["train"].labels.left_out == (odd,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("duke", "expected for duke segmentations/expert/PATIENT.nii.gz"),
        ("duke", "or metadata.csv or manifest-.../metadata.csv"),
        ("ispy1", "expected for ispy1 segmentations/expert/PATIENT.nii.gz"),
        ("tcga-brca", "expected for tcga-brca metadata.csv or manifest-.../metadata.csv"),
    ],
)
def test_an_empty_folder_is_refused_with_every_layout_that_can_be_read(name: str, said: str, tmp_path: Path) -> None:
    """And nothing is written."""
    (tmp_path / "empty").mkdir()
    done = run(name, tmp_path / "empty", tmp_path / "study")
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"patient_id,age\nDUKE_001,3\n", "expected a column pcr, found patient_id, age"),
        (b"patient_id,pcr\n", "expected a row for each patient, found none"),
        (b"", "cannot be read as a spreadsheet (EmptyDataError)"),
        (b"\xff\xfe\x00\x01", "cannot be read as a spreadsheet"),
        (b"patient_id,pcr\nDUKE_001,\nOTHER_1,1\n", "none of the 3 patients with images has a response"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_error(content: bytes, said: str, download: Path, tmp_path: Path) -> None:
    """Before anything is written."""
    (download / "clinical_and_imaging_info.csv").write_bytes(content)
    done = run("mama-mia", download, tmp_path / "study")
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "study").exists()
