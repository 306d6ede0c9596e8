"""Images and masks as research archives lay them out: in tables, by patterns, on other grids, in four dimensions."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from deploy.cli import radtme
from deploy.cohort.cases import OutlineCase
from deploy.cohort.image_pairs import read_pair
from deploy.cohort.pair_lists import listed_pairs, named_pairs
from deploy.errors import WrongUsage
from model_store.cohort.plan import PairNames
from workers.errors import RejectedInput


def write(path: Path, array: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Path:
    """Write an image (z, y, x)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array, isVector=False)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def pair(image: Path, mask: Path, phase: int | None = None, *, resample: bool = False) -> OutlineCase:
    """Return the case of two files."""
    return OutlineCase("x", "P", (str(image),), str(mask), is_pair=True, phase=phase, resample_mask=resample)


def test_every_mistake_of_a_list_is_told_at_once(tmp_path: Path) -> None:
    """Missing files, labels that are no numbers, cases that repeat: each with its line."""
    (tmp_path / "a.nrrd").touch()
    (tmp_path / "m.nrrd").touch()
    lines = ("image,mask,patient,label", "a.nrrd,m.nrrd,1,", "b.nrrd,n.nrrd,2,x", "a.nrrd,m.nrrd,,0")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    with pytest.raises(WrongUsage) as caught:
        listed_pairs(tmp_path / "pairs.csv")
    said = str(caught.value)
    for part in (
        ":3: " + str(tmp_path / "b.nrrd") + " is not a file",
        ":3: " + str(tmp_path / "n.nrrd") + " is not a file",
        ":3: label: expected a whole number from 1, found 'x'",
        ":4: patient: expected a value",
        ":4: label: expected a whole number from 1, found '0'",
        ":4: duplicate of the case in line 2",
    ):
        assert part in said


def test_names_by_pattern_find_each_masks_image(tmp_path: Path) -> None:
    """As MAMA-MIA lies: phases of a patient in one folder, masks in others, by two readers."""
    for patient in ("duke_001", "ispy1_17"):
        for phase in ("0000", "0001"):
            (tmp_path / "images" / patient).mkdir(parents=True, exist_ok=True)
            (tmp_path / "images" / patient / f"{patient}_{phase}.nii.gz").touch()
        for reader in ("expert", "automatic"):
            (tmp_path / "segmentations" / reader).mkdir(parents=True, exist_ok=True)
            (tmp_path / "segmentations" / reader / f"{patient}.nii.gz").touch()
    names = PairNames("images/{patient}/{patient}_0001.nii.gz", "segmentations/{reader}/{patient}.nii.gz")
    cases = named_pairs(tmp_path, names)
    assert [(one.patient, one.reader) for one in cases] == [
        ("duke_001", "automatic"),
        ("ispy1_17", "automatic"),
        ("duke_001", "expert"),
        ("ispy1_17", "expert"),
    ]
    assert all(Path(one.images[0]).name == f"{one.patient}_0001.nii.gz" for one in cases)
    (tmp_path / "images" / "duke_001" / "duke_001_0001.nii.gz").unlink()
    with pytest.raises(WrongUsage) as caught:
        named_pairs(tmp_path, names)
    assert str(caught.value).count("0 images match") == 2


def test_a_pattern_needs_the_patient() -> None:
    """Without it, folds could not keep patients together."""
    with pytest.raises(ValueError, match=r"expected a pattern with \{patient\}"):
        PairNames("image_*.nii.gz", "mask_*.nii.gz")


def test_a_phase_of_four_dimensions_is_taken_by_its_number(tmp_path: Path) -> None:
    """Phases count from 1; without a number, or with one that is not there, the case is refused."""
    phases = np.random.default_rng(1).integers(1, 99, (3, 6, 7, 8)).astype(np.int16)
    volumes = [sitk.GetImageFromArray(one) for one in phases]
    sitk.WriteImage(sitk.JoinSeries(volumes), str(tmp_path / "image.nii.gz"))
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[2:4, 2:5, 2:5] = 1
    outline = write(tmp_path / "mask.nii.gz", mask)
    first, second = (read_pair(pair(tmp_path / "image.nii.gz", outline, number))[0].array for number in (1, 2))
    assert sorted(first.ravel()) == sorted(phases[0].ravel())
    assert sorted(second.ravel()) == sorted(phases[1].ravel())
    for number in (None, 4):
        with pytest.raises(RejectedInput, match="holds 3 phases"):
            read_pair(pair(tmp_path / "image.nii.gz", outline, number))


def test_a_mask_on_another_grid_is_resampled_where_the_plan_allows_it(tmp_path: Path) -> None:
    """By the nearest voxel: a cube keeps its volume. One that lies outside in part is refused."""
    image = write(tmp_path / "image.nrrd", np.random.default_rng(1).integers(0, 99, (10, 10, 10)).astype(np.int16))
    fine = np.zeros((20, 20, 20), np.uint8)
    fine[4:12, 4:12, 4:12] = 1
    outline = write(tmp_path / "mask.nrrd", fine, (0.5, 0.5, 0.5))
    with pytest.raises(RejectedInput, match="different grids"):
        read_pair(pair(image, outline))
    _, roi = read_pair(pair(image, outline, resample=True))
    assert roi.tumour.sum() == 4**3
    outside = sitk.ReadImage(str(outline))
    outside.SetOrigin((-4.0, 0.0, 0.0))
    sitk.WriteImage(outside, str(outline))
    with pytest.raises(RejectedInput, match=r"of 0\.06 mL of the mask, 0\.03 mL are left"):
        read_pair(pair(image, outline, resample=True))


def test_the_command_takes_a_list_of_pairs(tmp_path: Path) -> None:
    """Without a configuration; one source at a time."""
    image = np.random.default_rng(1).integers(0, 200, (30, 40, 40)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[10:20, 12:26, 12:26] = 1
    write(tmp_path / "i.nii.gz", image)
    write(tmp_path / "m.nii.gz", mask)
    (tmp_path / "pairs.csv").write_text("image,mask,patient\ni.nii.gz,m.nii.gz,P7\n")
    options = ["--output", str(tmp_path / "out"), "--concurrency", "1"]
    done = CliRunner().invoke(radtme, ["cohort", "extract", "--pairs", str(tmp_path / "pairs.csv"), *options])
    assert "of 1 lesions measured (1 outlines)" in done.output
    wrong = CliRunner().invoke(radtme, ["cohort", "extract", *options])
    assert wrong.exit_code != 0
    assert "expected one of STUDY, FOLDER and --pairs FILE" in wrong.output


def test_a_list_that_is_not_in_utf_8_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """As a spreadsheet of a German Windows saves it."""
    file = tmp_path / "pairs.csv"
    file.write_bytes("image,mask,patient\na.nrrd,b.nrrd,Müller\n".encode("cp1252"))
    with pytest.raises(WrongUsage, match="is not in UTF-8") as caught:
        listed_pairs(file)
    assert "CSV UTF-8" in caught.value.advice
