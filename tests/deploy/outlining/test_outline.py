"""`radtme outline`: a mask of a research tool becomes the SEG that a viewer would have written."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from pydicom import dcmread

from deploy.cli import radtme
from deploy.simulation.phantom import Phantom, write_phantom
from model_store.signatures.profile import PhaseRule
from support.listening import listening
from workers.images.headers import read_image_headers
from workers.images.volume import Grid, build_volume
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import region_of_interest

SMALL = {"slices": 20, "rows": 72, "columns": 64, "spacing_mm": (3.2, 2.0, 1.8), "tumour_diameter_mm": 24.0}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small phantom: three phases in one series."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


def grid_of(study: Phantom) -> Grid:
    """Return the grid of the phantom's images."""
    instances = read_image_headers(study.image_paths[1])
    outline = read_outline(study.seg_path)
    return build_volume(choose_phase(instances, outline, PhaseRule.REFUSE)).grid


def measured(study: Phantom, seg: Path) -> tuple[NDArray[np.bool_], int]:
    """Return the tumour (z, y, x) as the worker places it, and the number of the phase that it measures."""
    instances = read_image_headers(path for phase in study.image_paths for path in phase)
    outline = read_outline(seg)
    volume = build_volume(choose_phase(instances, outline, PhaseRule.REFUSE))
    return region_of_interest(outline, volume).tumour, volume.phase.index


def save(path: Path, values: NDArray[np.generic], grid: Grid) -> Path:
    """Save values (z, y, x) on the grid of the images."""
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(grid.origin_mm)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction.ravel().tolist())
    sitk.WriteImage(image, str(path))
    return path


def outline(*words: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(radtme, ["outline", *map(str, words)])


def tumour_of(study: Phantom) -> NDArray[np.bool_]:
    """Return the tumour as the phantom's own SEG gives it to the worker."""
    return measured(study, study.seg_path)[0]


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_a_mask_is_measured_as_the_seg_of_a_viewer_is(phantom: Phantom, tmp_path: Path, ending: str) -> None:
    """The worker places every voxel where the phantom's own SEG has it, on the first phase after contrast."""
    truth = tumour_of(phantom)
    mask = save(tmp_path / f"tumour{ending}", truth.astype(np.uint8), grid_of(phantom))
    done = outline(mask, phantom.seg_path.parent)
    assert done.exit_code == 0, done.output
    drawn, phase = measured(phantom, tmp_path / "tumour.seg.dcm")
    np.testing.assert_array_equal(drawn, truth)
    assert phase == 2
    assert "phase 2 of 3" in done.output


@pytest.mark.parametrize("axes", ["RAS", "PSR", "LAI"])
def test_the_order_and_direction_of_the_axes_do_not_matter(phantom: Phantom, tmp_path: Path, axes: str) -> None:
    """NIfTI pipelines reorient: ITK's own filter turns the mask, and it still lies where it was drawn."""
    truth = tumour_of(phantom)
    straight = sitk.ReadImage(str(save(tmp_path / "straight.nii.gz", truth.astype(np.uint8), grid_of(phantom))))
    sitk.WriteImage(sitk.DICOMOrient(straight, axes), str(tmp_path / "turned.nii.gz"))
    done = outline(tmp_path / "turned.nii.gz", phantom.seg_path.parent)
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(measured(phantom, tmp_path / "turned.seg.dcm")[0], truth)


def test_a_cropped_mask_lies_where_it_was_drawn(phantom: Phantom, tmp_path: Path) -> None:
    """A mask of the tumour's box alone has its own origin."""
    truth = tumour_of(phantom)
    whole = sitk.ReadImage(str(save(tmp_path / "whole.nii.gz", truth.astype(np.uint8), grid_of(phantom))))
    z, y, x = (slice(int(axis.min()), int(axis.max()) + 1) for axis in np.nonzero(truth))
    sitk.WriteImage(whole[x, y, z], str(tmp_path / "box.nii.gz"))
    assert outline(tmp_path / "box.nii.gz", phantom.seg_path.parent).exit_code == 0
    np.testing.assert_array_equal(measured(phantom, tmp_path / "box.seg.dcm")[0], truth)


def test_a_resampled_mask_is_refused_with_what_differs(phantom: Phantom, tmp_path: Path) -> None:
    """1 mm voxels on voxels of 1.8 x 2 x 3.2 mm: the message gives both and the tolerance; no file is written."""
    grid = grid_of(phantom)
    image = sitk.ReadImage(str(save(tmp_path / "mask.nii.gz", tumour_of(phantom).astype(np.uint8), grid)))
    size = [int(n * step) for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    fine = sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkNearestNeighbor, image.GetOrigin(), (1, 1, 1), image.GetDirection()
    )
    sitk.WriteImage(fine, str(tmp_path / "fine.nii.gz"))
    done = outline(tmp_path / "fine.nii.gz", phantom.seg_path.parent)
    assert done.exit_code == 1
    assert "voxels of 1 x 1 x 1 mm, those of the images 1.8 x 2 x 3.2 mm" in done.output
    assert "0.1 of a voxel" in done.output
    assert not (tmp_path / "fine.seg.dcm").exists()


def test_a_shifted_mask_is_refused_by_half_a_voxel_and_taken_by_a_rounding(phantom: Phantom, tmp_path: Path) -> None:
    """NIfTI keeps single precision; half a voxel is another place."""
    truth = tumour_of(phantom)
    image = sitk.ReadImage(str(save(tmp_path / "mask.nii.gz", truth.astype(np.uint8), grid_of(phantom))))
    for name, by, code in (("near", 0.05, 0), ("far", 0.9, 1)):
        image.SetOrigin([value + by for value in grid_of(phantom).origin_mm])
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
        done = outline(tmp_path / f"{name}.nii.gz", phantom.seg_path.parent)
        assert done.exit_code == code, done.output
    assert "its voxel centres lie 0.90 mm beside those of the images" in done.output


def two_labels(study: Phantom) -> NDArray[np.uint8]:
    """Return the tumour as value 2 inside a shell of value 1."""
    truth = tumour_of(study)
    values = np.zeros(truth.shape, np.uint8)
    values[:, ::2, ::2] = 1
    values[truth] = 2
    return values


def test_of_several_labels_one_has_to_be_named(phantom: Phantom, tmp_path: Path) -> None:
    """Breast and tumour in one mask: the refusal lists the labels, and --label takes the tumour."""
    mask = save(tmp_path / "both.nii.gz", two_labels(phantom), grid_of(phantom))
    done = outline(mask, phantom.seg_path.parent)
    assert done.exit_code == 1
    assert "2 labels" in done.output
    assert f"2: {np.count_nonzero(tumour_of(phantom))} voxels" in done.output
    assert outline(mask, phantom.seg_path.parent, "--label", "2=Left").exit_code == 0
    np.testing.assert_array_equal(measured(phantom, tmp_path / "both.seg.dcm")[0], tumour_of(phantom))
    assert dcmread(tmp_path / "both.seg.dcm").SegmentSequence[0].SegmentLabel == "Left"
    assert "no voxel has the label 3" in outline(mask, phantom.seg_path.parent, "--label", "3").output


def test_several_tumours_become_segments_of_one_seg(phantom: Phantom, tmp_path: Path) -> None:
    """Each label that is named is a segment with a name and a Tracking UID of its own."""
    values = two_labels(phantom)
    values[values == 1] = 0
    values[:5, :5, :5] = 1
    mask = save(tmp_path / "two.nrrd", values, grid_of(phantom))
    done = outline(mask, phantom.seg_path.parent, "--label", "1", "--label", "2=Second")
    assert done.exit_code == 0, done.output
    segments = dcmread(tmp_path / "two.seg.dcm").SegmentSequence
    assert [item.SegmentLabel for item in segments] == ["Tumour 1", "Second"]
    assert len({item.TrackingUID for item in segments}) == 2


def test_the_phase_can_be_named(phantom: Phantom, tmp_path: Path) -> None:
    """--phase counts in the order of time; the SEG names the images of that phase alone."""
    mask = save(tmp_path / "mask.nii.gz", tumour_of(phantom).astype(np.uint8), grid_of(phantom))
    chosen = tmp_path / "chosen.dcm"
    assert outline(mask, phantom.seg_path.parent, "--phase", "3", "--output", chosen).exit_code == 0
    assert measured(phantom, chosen)[1] == 3
    named = dcmread(chosen).ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {item.ReferencedSOPInstanceUID for item in named} == {
        str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in phantom.image_paths[2]
    }
    assert "phase 4 is not among" in outline(mask, phantom.seg_path.parent, "--phase", "4").output


def test_series_of_one_phase_each_are_counted_by_time(tmp_path: Path) -> None:
    """The rule of the service holds for a study with a series a phase too."""
    study = write_phantom(tmp_path / "study", 6, **SMALL, separate_series=True)
    mask = save(tmp_path / "mask.nii.gz", tumour_of(study).astype(np.uint8), grid_of(study))
    done = outline(mask, tmp_path / "study")
    assert done.exit_code == 0, done.output
    drawn, _ = measured(study, tmp_path / "mask.seg.dcm")
    np.testing.assert_array_equal(drawn, tumour_of(study))
    series = dcmread(tmp_path / "mask.seg.dcm").ReferencedSeriesSequence[0].SeriesInstanceUID
    assert series == study.series_uids[1]


def test_the_same_mask_gives_the_same_object(phantom: Phantom, tmp_path: Path) -> None:
    """Sent twice it is a duplicate; corrected, it has another UID in the same series, and replaces the first."""
    truth = tumour_of(phantom)
    mask = save(tmp_path / "mask.nii.gz", truth.astype(np.uint8), grid_of(phantom))
    objects = []
    for changed in (truth, truth, np.roll(truth, 1, axis=1)):
        save(mask, changed.astype(np.uint8), grid_of(phantom))
        assert outline(mask, phantom.seg_path.parent).exit_code == 0
        objects.append((tmp_path / "mask.seg.dcm").read_bytes())
    assert objects[0] == objects[1]
    first, last = dcmread(BytesIO(objects[0])), dcmread(BytesIO(objects[2]))
    assert first.SOPInstanceUID != last.SOPInstanceUID
    assert first.SeriesInstanceUID == last.SeriesInstanceUID
    assert first.SegmentSequence[0].TrackingUID == last.SegmentSequence[0].TrackingUID


@pytest.mark.parametrize(
    ("values", "said"),
    [(np.zeros((20, 72, 64), np.uint8), "the mask is empty"), (np.full((20, 72, 64), 0.4), "not whole numbers")],
)
def test_what_is_no_mask_is_refused(phantom: Phantom, tmp_path: Path, values: NDArray[np.generic], said: str) -> None:
    """Nothing in it, or probabilities."""
    done = outline(save(tmp_path / "mask.nii.gz", values, grid_of(phantom)), phantom.seg_path.parent)
    assert done.exit_code == 1
    assert said in done.output


def test_a_name_in_another_character_set_is_named(tmp_path: Path) -> None:
    """ITK takes UTF-8 alone, and would end the process."""
    mask = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xe9sion.nii.gz"))
    mask.write_bytes(b"")
    done = outline(mask, tmp_path)
    assert done.exit_code == 1
    assert "the path is not UTF-8 text" in done.stderr


def test_a_folder_of_cases_by_a_table(phantom: Phantom, tmp_path: Path) -> None:
    """Each row is done; one that fails is named and does not stop the others."""
    save(tmp_path / "a.nii.gz", tumour_of(phantom).astype(np.uint8), grid_of(phantom))
    save(tmp_path / "b.nii.gz", two_labels(phantom), grid_of(phantom))
    shutil.copytree(phantom.seg_path.parent, tmp_path / "study")
    table = tmp_path / "cases.csv"
    table.write_text("mask,series,label,output\nb.nii.gz,study,,\na.nii.gz,study,,made/a.dcm\nb.nii.gz,study,2=Left,\n")
    done = outline(table, tmp_path)
    assert done.exit_code == 1
    assert "1 of 3 masks could not be converted" in done.output
    for seg in ("made/a.dcm", "b.seg.dcm"):
        np.testing.assert_array_equal(measured(phantom, tmp_path / seg)[0], tumour_of(phantom))
    table.write_text("mask,series\nc.nii.gz,study\n")
    assert f"{table}:2: mask" in outline(table, tmp_path).output


def test_a_table_of_a_spreadsheet_with_decimal_commas(phantom: Phantom, tmp_path: Path) -> None:
    """It separates columns by semicolons, quotes cells that contain one, and begins with a byte order mark."""
    save(tmp_path / "b.nii.gz", two_labels(phantom), grid_of(phantom))
    (tmp_path / "study").symlink_to(phantom.seg_path.parent)
    table = tmp_path / "cases.csv"
    table.write_text('mask;series;label\nb.nii.gz;study;"1=Left;2=Right"\n', encoding="utf-8-sig")
    done = outline(table, tmp_path)
    assert done.exit_code == 0, done.output
    assert [item.SegmentLabel for item in dcmread(tmp_path / "b.seg.dcm").SegmentSequence] == ["Left", "Right"]


def test_a_table_in_another_character_set_is_named(tmp_path: Path) -> None:
    """Excel saves "CSV" in the character set of the country, in which a file name may have an umlaut."""
    table = tmp_path / "cases.csv"
    table.write_bytes("mask;series\nMüller.nii.gz;study\n".encode("cp1252"))
    done = outline(table, tmp_path)
    assert done.exit_code == 2
    assert f"{table}: is not in UTF-8" in done.output
    assert "save it from the spreadsheet as CSV UTF-8" in done.output


def slicer_segments(path: Path, values: NDArray[np.uint8], grid: Grid, names: Sequence[str]) -> Path:
    """Save a .seg.nrrd as 3D Slicer does: names and values of the segments in the header."""
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(grid.origin_mm)
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(grid.direction.ravel().tolist())
    for at, name in enumerate(names):
        for key, value in {"ID": f"Segment_{at + 1}", "Name": name, "LabelValue": f"{at + 1}", "Layer": "0"}.items():
            image.SetMetaData(f"Segment{at}_{key}", value)
    sitk.WriteImage(image, str(path))
    return path


def test_the_names_of_3d_slicer_are_kept(phantom: Phantom, tmp_path: Path) -> None:
    """A .seg.nrrd says what its segments are called: the refusal and the SEG use it."""
    mask = slicer_segments(tmp_path / "s.seg.nrrd", two_labels(phantom), grid_of(phantom), ["Breast", "Tumor"])
    assert "2 (Tumor)" in outline(mask, phantom.seg_path.parent).output
    assert outline(mask, phantom.seg_path.parent, "--label", "2").exit_code == 0
    assert dcmread(tmp_path / "s.seg.dcm").SegmentSequence[0].SegmentLabel == "Tumor"


def test_what_is_made_is_sent(phantom: Phantom, tmp_path: Path) -> None:
    """--send stores the SEG with a peer, where it makes a case."""
    mask = save(tmp_path / "mask.nii.gz", tumour_of(phantom).astype(np.uint8), grid_of(phantom))
    with listening(tmp_path / "spool") as listener:
        done = outline(mask, phantom.seg_path.parent, "--send", "--target", f"RADTME@127.0.0.1:{listener.port}")
        assert done.exit_code == 0, done.output
        assert [job.record.study_uid for job in listener.spool.jobs()] == [phantom.study_uid]


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)")
def test_dciodvfy_finds_no_error(phantom: Phantom, tmp_path: Path) -> None:
    """The SEG is valid, with one tumour and with several."""
    mask = save(tmp_path / "both.nii.gz", two_labels(phantom), grid_of(phantom))
    for labels in (["--label", "2"], ["--label", "1", "--label", "2"]):
        assert outline(mask, phantom.seg_path.parent, *labels).exit_code == 0
        said = subprocess.run(
            ["dciodvfy", "-new", str(tmp_path / "both.seg.dcm")], capture_output=True, text=True, check=False
        )
        assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []
