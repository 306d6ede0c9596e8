"""Studies on the original collections of TCIA, from stand-ins with the layout of an NBIA download."""

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset, dcmread

from deploy.cli import radtme
from deploy.cohort.cases import dicom_cases
from deploy.cohort.collection_outlines import BOX, enhancing_in_box, lesion
from deploy.cohort.index import index_folder
from deploy.configuration.study import load_study
from deploy.errors import CommandError
from deploy.outlining.phase import phases_below
from deploy.simulation.phantom import Phantom, write_phantom
from model_store.computing.cluster import Cluster
from model_store.signatures.profile import DEFAULT_PROFILE
from support.broken_studies import SMALL
from workers.features.case_input import read_case
from workers.images.volume import build_volume

BR06 = Path(__file__).parents[3].parent / "shared" / "data" / "breast_dce_ucsf_br06"
NAMES = ("Series UID", "Collection", "Subject ID", "Study UID", "Study Description", "Study Date")
NAMES += ("Series Description", "Manufacturer", "Modality", "File Location")

BOX_OF_ONE: dict[str, list[object]] = {"Patient ID": ["Breast_MRI_001"], **{name: [1] for name in BOX}}
STRICTER = "Overall Near-complete Response:  Stricter Definition"


def download(folder: Path, series: Sequence[Mapping[str, object]]) -> Path:
    """Write series into the layout of the NBIA retriever, with its list; for Windows: backslashes."""
    place = folder / "manifest-1600000000000"
    rows = []
    for number, one in enumerate(series):
        location = f"Collection/{one['Subject ID']}/{one['Study Date']}-study/{number}.000000-series-{number:05}"
        (place / location).mkdir(parents=True)
        files = one["files"]
        assert isinstance(files, list)
        for at, file in enumerate(files, start=1):
            if isinstance(file, Dataset):
                file.save_as(place / location / f"1-{at:03}.dcm")
            else:
                shutil.copy(file, place / location / f"1-{at:03}.dcm")
        rows.append({**one, "Series UID": number, "File Location": ".\\" + location.replace("/", "\\")})
    with (place / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, NAMES, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def listed(
    patient: str, description: str, files: Sequence[object], date: str = "01-02-2001", modality: str = "MR"
) -> dict[str, object]:
    """Return a line of the list."""
    found: dict[str, object] = {"Subject ID": patient, "Study UID": f"1.2.{date}", "Study Date": date}
    return {**found, "Series Description": description, "Modality": modality, "files": list(files)}


def run(name: str, folder: Path, output: Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(radtme, ["cohort", "recipe", name, str(folder), "--output", str(output)])


def outline_of(study: Path) -> tuple[np.ndarray, float]:
    """Return the outline that extraction would measure, and its volume in mL."""
    with Cluster(1) as cluster:
        files = index_folder(study / "dicom", study / "index.jsonl", cluster, lambda _: None)
    (case,) = dicom_cases(study / "dicom", files, {})
    others = [list(map(Path, series)) for series in case.other_series]
    volume, roi, _ = read_case(list(map(Path, case.images)), Path(case.outline), DEFAULT_PROFILE, other_series=others)
    return roi.tumour, float(roi.tumour.sum() * np.prod(volume.spacing_mm) / 1000)


@pytest.mark.skipif(not BR06.is_dir(), reason="needs ../shared/data")
def test_the_nact_pilot_is_outlined_by_its_maps(tmp_path: Path) -> None:
    """br06 as TCIA has it: SER above 0 in the volume of interest, frame by frame; later visits are not taken.

    The spreadsheet writes the patient's name with underscores.
    """
    patient = "UCSF-BR-06"
    dce, ser, seg = (sorted((BR06 / name).glob("*.dcm")) for name in ("dce", "ser", "seg"))
    folder = download(tmp_path / "download", [
        listed(patient, "Sagittal-IR_3DFGRE", dce),
        listed(patient, "Sagittal-IR_3DFGRE: SER", ser),
        listed(patient, "VOI Breast Tissue Segmentation", seg, modality="SEG"),
        listed(patient, "Sagittal-IR_3DFGRE", dce[:3], date="05-02-2001"),
    ])  # fmt: skip
    pd.DataFrame({"Patient_ID": ["UCSF_BR_06"], "PCR": [1], "Age": [45]}).to_excel(
        folder / "shared_clinical_and_RFS.xlsx", index=False
    )
    done = run("nact-pilot", folder, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert "1 cases; 0 without a known response" in done.output
    maps = {place(one): one.pixel_array for one in map(dcmread, ser)}
    region = dcmread(seg[0])
    planes = [one.PlanePositionSequence[0] for one in region.PerFrameFunctionalGroupsSequence]
    expected = sum(
        ((maps[place(at)] > 0) & (frame > 0)).sum() for at, frame in zip(planes, region.pixel_array, strict=True)
    )
    found = outline_of(tmp_path / "study")[0]
    assert found.sum() == expected == 41105
    clinical = pd.read_csv(tmp_path / "study" / "clinical.csv")
    assert clinical.to_dict("records") == [{"patient": patient, "age": 45, "pcr": 1}]
    assert load_study(tmp_path / "study" / "study.yaml").plans["validate"].clinical_model == ("age",)


@pytest.fixture
def phantom(tmp_path: Path) -> Phantom:
    """Return a dynamic examination of two phases in a series each, with its outline."""
    return write_phantom(tmp_path / "phantom", 11, **{**SMALL, "phases": 2, "separate_series": True})


def truth(phantom: Phantom) -> np.ndarray:
    """Return the phantom's own outline (z, y, x)."""
    paths = [path for phase in phantom.image_paths for path in phase]
    return read_case(list(paths), phantom.seg_path, DEFAULT_PROFILE)[1].tumour


def test_ispy2_is_outlined_where_its_analysis_mask_has_no_flag(phantom: Phantom, tmp_path: Path) -> None:
    """Zero is tumour; a patient without the mask, or with a damaged one, is left out, and the others go on."""
    mask, damaged = flags(phantom, truth(phantom)), tmp_path / "damaged"
    damaged.write_bytes(b"no DICOM")
    name = "ISPY2: VOLSER: uni-lateral cropped: "
    images = [path for phase in phantom.image_paths for path in phase]
    folder = download(tmp_path / "download", [
        listed("ISPY2-100899", name + "original DCE", images),
        listed("ISPY2-100899", name + "Analysis Mask", [mask], modality="SEG"),
        listed("ISPY2-102011", name + "original DCE", images),
        listed("ACRIN-6698-102012", name + "original DCE", images),
        listed("ACRIN-6698-102012", name + "Analysis Mask", [damaged], modality="SEG"),
    ])  # fmt: skip
    table = {"Patient_ID": [100899, 102011], "pCR": [0, 1], "HR": [1, 0], "HER2": [0, 0], "MP": [1, 0]}
    pd.DataFrame({**table, "Age_at_Screening": [50, 60]}).to_excel(
        folder / "ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx", index=False
    )
    done = run("ispy2", folder, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert "1 cases" in done.output
    assert "left out: 1: expected one series called Analysis Mask, found 0" in done.output
    assert "left out: 1: a file of it cannot be read (InvalidDicomError)" in done.output
    assert "outlining tumours: 3 of 3" in done.output
    assert (outline_of(tmp_path / "study")[0] == truth(phantom)).all()
    assert pd.read_csv(tmp_path / "study" / "clinical.csv")["pcr"].tolist() == [0]


def flags(phantom: Phantom, tumour: np.ndarray) -> Dataset:
    """Return an analysis mask: a fractional segmentation of all slices, whose bytes are flags, and 0 in the tumour."""
    images = sorted((dcmread(path) for path in phantom.image_paths[0]), key=lambda one: one.ImagePositionPatient[2])
    mask = dcmread(phantom.seg_path)
    mask.SegmentationType, mask.SegmentationFractionalType, mask.MaximumFractionalValue = "FRACTIONAL", "OCCUPANCY", 255
    mask.BitsAllocated, mask.BitsStored, mask.HighBit, mask.NumberOfFrames = 8, 8, 7, len(images)
    mask.PerFrameFunctionalGroupsSequence = [Dataset() for _ in images]
    for own, image in zip(mask.PerFrameFunctionalGroupsSequence, images, strict=True):
        own.PlanePositionSequence = [Dataset()]
        own.PlanePositionSequence[0].ImagePositionPatient = image.ImagePositionPatient
    order = np.where(np.arange(tumour.size).reshape(tumour.shape) % 2, 1, 8)
    mask.PixelData = np.where(tumour, 0, order).astype(np.uint8).tobytes()
    return mask


def place(dataset: Dataset) -> tuple[float, ...]:
    """Return where a slice lies."""
    return tuple(round(float(one), 2) for one in dataset.ImagePositionPatient)


def test_duke_is_outlined_by_what_enhances_in_its_box(phantom: Phantom, tmp_path: Path) -> None:
    """The box counts rows, columns and slices from 1; other series of the examination are not taken."""
    tumour = truth(phantom)
    z, y, x = np.nonzero(tumour)
    box = {"Patient ID": ["Breast_MRI_001"], "Start Row": [y.min() - 1], "End Row": [y.max() + 3]}
    box |= {
        "Start Column": [x.min() - 1],
        "End Column": [x.max() + 3],
        "Start Slice": [z.min()],
        "End Slice": [z.max() + 2],
    }
    before, after = phantom.image_paths
    folder = download(tmp_path / "download", [
        listed("Breast_MRI_001", "ax dyn pre", before),
        listed("Breast_MRI_001", "ax dyn 1st pass", after),
        listed("Breast_MRI_001", "ax t1", before),
        listed("Breast_MRI_002", "ax dyn pre", before),
        listed("Breast_MRI_002", "ax dyn 1st pass", after),
    ])  # fmt: skip
    pd.DataFrame(box).to_excel(folder / "Annotation_Boxes.xlsx", index=False)
    columns = pd.MultiIndex.from_tuples([
        ("Patient Information", "Patient ID", ""),
        ("Tumor", "Mol Subtype", "{0 = luminal-like}"),
        ("Response", "Overall Near-complete Response:  Stricter Definition", "{1 = complete}"),
    ])  # fmt: skip
    table = pd.DataFrame([["Breast_MRI_001", 0, 2], ["Breast_MRI_002", 3, 1]], columns=columns)
    table.to_excel(folder / "Clinical_and_Other_Features.xlsx")
    done = run("duke", folder, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert "left out: 1: Annotation_Boxes has no box of this patient" in done.output
    found = outline_of(tmp_path / "study")[0]
    assert 2 * (found & tumour).sum() / (found.sum() + tumour.sum()) > 0.8
    study = load_study(tmp_path / "study" / "study.yaml")
    assert study.plans["train"].labels.left_out == ("2",)


@pytest.mark.parametrize("paired", [True, False], ids=["first and last in turn", "first voxel, last voxel"])
def test_tcga_brca_is_outlined_by_its_lesion_files(phantom: Phantom, tmp_path: Path, paired: bool) -> None:
    """Whichever order the corners stand in; the study asks for the expression."""
    tumour = truth(phantom)
    images = [path for phase in phantom.image_paths for path in phase]
    folder = download(tmp_path / "download", [listed("TCGA-AR-A1AX", "Sag VIBRANT", images)])
    write_lesion(folder / "TCGA-AR-A1AX-S2-1.les", tumour, paired)
    done = run("tcga-brca", folder, tmp_path / "study")
    assert done.exit_code == 0, done.output
    assert (outline_of(tmp_path / "study")[0] == tumour).all()
    assert load_study(tmp_path / "study" / "study.yaml").plans["phenotype"].expression.name == "expression.csv"


def write_lesion(
    path: Path, tumour: np.ndarray, paired: bool, shuffle: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> None:
    """Write a lesion file."""
    corners = np.array([(found.min(), found.max()) for found in np.nonzero(tumour)])[[1, 2, 0]]
    y, x, z = (slice(low, high + 1) for low, high in corners)
    cuboid = tumour[z, y, x].transpose(1, 2, 0).astype(np.uint8)
    header = (corners if paired else corners.T).astype("<u2")
    path.write_bytes(header.tobytes() + shuffle(cuboid.ravel()).tobytes())


def test_a_damaged_lesion_file_is_refused(phantom: Phantom, tmp_path: Path) -> None:
    """Cut short, of other images, or with its voxels in another order."""
    grid = build_volume(phases_below(phantom.image_paths[0][0].parent)[0]).grid
    path, tumour = tmp_path / "one.les", truth(phantom)
    write_lesion(path, tumour, paired=True)
    whole = path.read_bytes()
    for content, said in (
        (whole[:8], "expected a lesion file"),
        (whole[:-5], "do not give its"),
        (b"\xff\x00" * 6 + b"\x01", "not lie"),
    ):
        path.write_bytes(content)
        with pytest.raises(CommandError, match=said):
            lesion(path, grid)
    write_lesion(path, tumour, paired=True, shuffle=np.random.default_rng(1).permutation)
    with pytest.raises(CommandError, match="scattered"):
        lesion(path, grid)


def test_a_list_without_the_spreadsheet_is_refused(phantom: Phantom, tmp_path: Path) -> None:
    """With the name of the file that is missing."""
    folder = download(tmp_path / "download", [listed("Breast_MRI_001", "ax dyn pre", phantom.image_paths[0])])
    done = run("duke", folder, tmp_path / "study")
    assert done.exit_code == 2
    assert "expected Annotation_Boxes.xlsx" in done.output


@pytest.mark.parametrize(
    ("boxes", "response", "said"),
    [
        ({"Patient": ["Breast_MRI_001"]}, "pcr", "expected a column Patient ID and a column Start Row"),
        ({"Patient ID": ["Breast_MRI_001"]}, "", "expected a column Start Row"),
        (None, "", "expected Annotation_Boxes.xlsx (or .csv)"),
        (BOX_OF_ONE, "", "expected a column with the pathological complete response, found Patient ID, Mol Subtype"),
        (BOX_OF_ONE, STRICTER, "none of the 1 patients with images has a response"),
    ],
)
def test_what_is_missing_for_all_of_duke_is_one_error(
    boxes: dict[str, list[object]] | None, response: str, said: str, tmp_path: Path
) -> None:
    """Not one for each patient, and before the work."""
    (tmp_path / "one").write_bytes(b"not read")
    folder = download(tmp_path / "download", [listed("Breast_MRI_001", "ax dyn pre", [tmp_path / "one"])])
    if boxes is not None:
        pd.DataFrame(boxes).to_csv(folder / "Annotation_Boxes.csv", index=False)
    names = ["Patient ID", "Mol Subtype", *([response] if response else [])]
    table = pd.DataFrame([["Breast_MRI_001", "0", "NC"][: len(names)]], columns=names)
    table.to_csv(folder / "Clinical_and_Other_Features.csv", index=False)
    (folder / "Clinical_and_Other_Features.csv").write_text(
        "Patient Information\n" + (folder / "Clinical_and_Other_Features.csv").read_text()
    )
    done = run("duke", folder, tmp_path / "study")
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert "left out" not in done.output
    assert not (tmp_path / "study").exists()


def test_a_box_without_numbers_leaves_its_patient_out(phantom: Phantom) -> None:
    """With the column, not as a file that cannot be read."""
    volumes = [build_volume(phases_below(phase[0].parent)[0]) for phase in phantom.image_paths]
    box = dict.fromkeys(BOX_OF_ONE, "1") | {"End Row": "NA"}
    with pytest.raises(CommandError, match="its annotation box has no whole number as End Row"):
        enhancing_in_box(volumes[0], volumes[1], box)


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    """A damaged file, and one of other columns."""
    for content, said in ((b"\xff\xfe\xfd", "cannot be read as the list"), (b"a,b\n1,2\n", "with a column Subject ID")):
        (tmp_path / "metadata.csv").write_bytes(content)
        done = run("duke", tmp_path, tmp_path / "study")
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())


def test_tcga_without_lesion_files_is_one_error(tmp_path: Path) -> None:
    """They come from another page than the images, and are easily forgotten."""
    (tmp_path / "one").write_bytes(b"not read")
    folder = download(tmp_path / "download", [listed("TCGA-AR-A1AX", "Sag VIBRANT", [tmp_path / "one"])])
    done = run("tcga-brca", folder, tmp_path / "study")
    assert done.exit_code == 2
    assert "expected the lesion files (.les)" in " ".join(done.output.split())
