"""An examination as NIfTI, its phases in a file each or in one: measured as its DICOM is, with kinetics and vessels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from deploy.cohort.cases import OutlineCase
from deploy.cohort.image_pairs import read_pair
from deploy.cohort.pair_lists import listed_pairs, named_pairs
from deploy.errors import WrongUsage
from deploy.simulation.phantom import write_phantom
from model_store.cohort.plan import PairNames
from model_store.signatures.kinetics import KINETIC_NAMES, Kinetics
from model_store.signatures.profile import NEAR_TISSUE
from support.broken_studies import SMALL
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.features.measurement import Measurement, measure_roi
from workers.images.frames import frames_of
from workers.images.headers import read_image_headers
from workers.images.phases import split_series
from workers.images.volume import Volume, build_volume

PROFILE = replace(NEAR_TISSUE, name="with-kinetics", kinetics=Kinetics())
TURNED = [False, True, True]
"""Axes (x, y, z) that a converter mirrored."""


def written(path: Path, array: np.ndarray, volume: Volume) -> sitk.Image:
    """Write an array on the grid of a volume, as a converter does."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.origin_mm)
    image.SetDirection(volume.direction.ravel().tolist())
    image = sitk.Flip(image, TURNED)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return image


@pytest.fixture(scope="module")
def examination(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Measurement]:
    """Return the folder of an examination of three phases as NIfTI, and what its DICOM gives.

    ``P1_9.nii.gz`` to ``P1_11.nii.gz`` are the phases, ``all.nii.gz`` holds all of them.
    """
    folder = tmp_path_factory.mktemp("examination")
    phantom = write_phantom(folder / "dicom", 5, **SMALL)
    paths = [path for phase in phantom.image_paths for path in phase]
    volume, roi, segment = read_case(paths, phantom.seg_path, PROFILE)
    phases = split_series([frame for instance in read_image_headers(paths) for frame in frames_of(instance)])
    images = [
        written(folder / "images" / "P1" / f"P1_{number}.nii.gz", build_volume(phase).array, volume)
        for number, phase in enumerate(phases, start=9)
    ]
    sitk.WriteImage(sitk.JoinSeries(images), str(folder / "all.nii.gz"))
    written(folder / "masks" / "P1.nii.gz", roi.tumour.astype(np.uint8), volume)
    return folder, measure_roi(volume, roi, PROFILE, segment)


def case_of(folder: Path, layout: str) -> OutlineCase:
    """Return the examination, outlined on its second phase, as one of the ways to list it gives it."""
    if layout == "names":
        (case,) = named_pairs(folder, PairNames("images/{patient}/{patient}_10.nii.gz", "masks/{patient}.nii.gz",
                                                phases="images/{patient}/{patient}_*.nii.gz"))  # fmt: skip
    else:
        lines = {
            "one file": "image,mask,patient,phase\nall.nii.gz,masks/P1.nii.gz,P1,2\n",
            "list": "image,mask,patient,phases\nimages/P1/P1_10.nii.gz,masks/P1.nii.gz,P1,images/P1/P1_*.nii.gz\n",
        }
        (folder / "pairs.csv").write_text(lines[layout])
        (case,) = listed_pairs(folder / "pairs.csv")
    return case


@pytest.mark.parametrize("layout", ["names", "list", "one file"])
def test_phases_as_nifti_give_the_numbers_of_their_dicom(examination: tuple[Path, Measurement], layout: str) -> None:
    """Every feature, the kinetic ones too; the ring without vessels; the number of the phase. 9 comes before 10."""
    folder, expected = examination
    found = measure_roi(*read_pair(case_of(folder, layout), PROFILE), PROFILE, expected.tumour_segment)
    assert set(KINETIC_NAMES) <= {name.removeprefix("tumour_") for name in expected.regions[0].features}
    for ours, theirs in zip(found.regions, expected.regions, strict=True):
        assert ours.features == pytest.approx(theirs.features, rel=1e-6, abs=1e-9)
    assert found.ring.sum() == expected.ring.sum()
    assert found.volume.number_in_examination == expected.volume.number_in_examination == 2
    assert not [note.text for note in found.notes if "vessels were not checked" in note.text]


def test_an_image_without_its_other_phases_has_no_kinetics(examination: tuple[Path, Measurement]) -> None:
    """The features are absent with the reason, and a note says that vessels were not checked."""
    folder, expected = examination
    alone = replace(case_of(folder, "list"), phase_files=())
    found = measure_roi(*read_pair(alone, PROFILE), PROFILE, expected.tumour_segment)
    assert set(KINETIC_NAMES) <= set(found.regions[0].missing)
    assert found.volume.number_in_examination is None
    assert [note.text for note in found.notes if "vessels were not checked" in note.text]


def test_a_phase_that_cannot_be_used_is_named(examination: tuple[Path, Measurement], tmp_path: Path) -> None:
    """On another grid, or no image: initial enhancement stays, what needs the late phase is absent."""
    folder, _ = examination
    case = case_of(folder, "list")
    coarse = sitk.ReadImage(case.phase_files[2])[::2, ::2, :]
    sitk.WriteImage(coarse, str(tmp_path / "coarse.nii.gz"))
    (tmp_path / "damaged.nii.gz").write_bytes(b"no image")
    for late in ("coarse.nii.gz", "damaged.nii.gz"):
        volume, _ = read_pair(replace(case, phase_files=(*case.phase_files[:2], str(tmp_path / late))), PROFILE)
        assert volume.kinetic_phases.late is None
        assert volume.kinetic_phases.early is not None
        assert "of 3 phases, phase 3 is not there" in volume.kinetic_phases.missing
    two, _ = read_pair(replace(case, phase_files=case.phase_files[:2]), PROFILE)
    assert two.kinetic_phases.missing == "there are 2 phases, none after phase 2"


def test_a_first_phase_in_which_the_tumour_is_as_bright_is_not_before_contrast(
    examination: tuple[Path, Measurement],
) -> None:
    """As with DICOM: two phases after contrast do not show which voxels are vessels, nor which number they have."""
    folder, _ = examination
    case = case_of(folder, "list")
    after = replace(case, images=case.phase_files[2:], phase_files=case.phase_files[1:])
    volume, _ = read_pair(after, PROFILE)
    assert volume.before_contrast is None
    assert volume.number_in_examination is None


def test_an_image_of_several_phases_is_no_phase_of_others(examination: tuple[Path, Measurement]) -> None:
    """Its own phases and the files would contradict each other."""
    folder, _ = examination
    whole = str(folder / "all.nii.gz")
    case = replace(case_of(folder, "list"), images=(whole,), phase_files=(whole, str(folder / "all.nii.gz")))
    with pytest.raises(RejectedInput, match="holds 3 phases; of phases in a file each, one is expected"):
        read_pair(case, PROFILE)


def test_mistakes_in_names_of_phases_are_told_with_the_others(tmp_path: Path) -> None:
    """One file, files without the image, the mask among them, a number beside them: each with its line."""
    for name in ("a_9.nii.gz", "a_10.nii.gz", "a_11.nii.gz", "a_mask.nii.gz"):
        (tmp_path / name).touch()
    (tmp_path / "a_folder").mkdir()
    patterns = ("a_9*,", "a_1*,", "a_*,", "a_1*,2")
    lines = [f"a_9.nii.gz,a_mask.nii.gz,P1,{pattern},case {at}" for at, pattern in enumerate(patterns)]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,mask,patient,phases,phase,case", *lines]))
    with pytest.raises(WrongUsage) as caught:
        listed_pairs(tmp_path / "pairs.csv")
    said = str(caught.value).splitlines()
    assert [line.rpartition(": ")[2] for line in said] == [
        "expected the files of two phases or more, found 1",
        "expected the image among these files, and not the mask",
        "expected the image among these files, and not the mask",
        "expected either phase, of an image that holds several, or phases, of files that hold one",
    ]
    assert [line.partition("pairs.csv:")[2][:1] for line in said] == ["2", "3", "4", "5"]
    names = PairNames("{patient}_10.nii.gz", "{patient}_mask.nii.gz", phases="{patient}_9*")
    with pytest.raises(WrongUsage, match=r"a_mask\.nii\.gz: \{patient\}_9\*: expected the files of two"):
        named_pairs(tmp_path, names)


def test_phases_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """9 before 10, also where the folder has a word of glob in its name."""
    folder = tmp_path / "P[1]"
    folder.mkdir()
    for name in ("a_10.nii.gz", "a_9.nii.gz", "mask.nii.gz"):
        (folder / name).touch()
    (tmp_path / "pairs.csv").write_text(
        "image,mask,patient,phases\nP[1]/a_10.nii.gz,P[1]/mask.nii.gz,P1,P[1]/a_*.nii.gz\n"
    )
    (case,) = listed_pairs(tmp_path / "pairs.csv")
    assert [Path(one).name for one in case.phase_files] == ["a_9.nii.gz", "a_10.nii.gz"]
    assert case.phase_files[1] == case.images[0]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("a_pre.nii.gz", "a_post1.nii.gz", "a_post2.nii.gz"), id="words"),
        pytest.param(("a_1.nii.gz", "a_01.nii.gz", "a_2.nii.gz"), id="the same number"),
    ],
)
def test_names_that_give_no_order_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    """``post1`` comes before ``pre`` in the alphabet, and would be measured as the phase before contrast."""
    for name in (*names, "mask.nii.gz"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "pairs.csv").write_text(f"image,mask,patient,phases\n{names[1]},mask.nii.gz,P1,a_*.nii.gz\n")
    with pytest.raises(WrongUsage, match="expected names that differ in a number, which gives their order in time"):
        listed_pairs(tmp_path / "pairs.csv")


def test_the_number_of_a_phase_may_be_that_of_its_folder(tmp_path: Path) -> None:
    """As exports write that have a folder for each series."""
    for name in ("series 10/a.nii.gz", "series 9/a.nii.gz", "mask.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "pairs.csv").write_text(
        "image,mask,patient,phases\nseries 10/a.nii.gz,mask.nii.gz,P1,series */a.nii.gz\n"
    )
    (case,) = listed_pairs(tmp_path / "pairs.csv")
    assert [Path(one).parent.name for one in case.phase_files] == ["series 9", "series 10"]
