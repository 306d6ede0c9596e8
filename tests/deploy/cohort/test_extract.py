"""From a folder of studies to a feature table."""

import os
import shutil
import signal
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from rich.console import Console

from deploy.cohort.cases import OutlineCase
from deploy.cohort.extract import Extracted, extract
from deploy.cohort.image_pairs import read_pair
from deploy.cohort.pair_lists import pairs_below
from deploy.configuration.load import load_configuration
from deploy.simulation.cohort import StudyToWrite, write_study
from deploy.simulation.patients import SimulatedPatient, draw_patients
from deploy.simulation.phantom import write_phantom
from deploy.simulation.planted import Planted
from model_store.cohort.plan import IDENTITY_COLUMNS, ExtractPlan
from model_store.signatures.acceptance import ACQUISITION_COLUMNS
from model_store.signatures.profile import DEFAULT_PROFILE, HAN2024
from support.dask_scheduler import dask_scheduler
from support.processes import group_lives, start, wait_until
from support.structure_sets import contours_of, write_structure_set
from workers.errors import RejectedInput
from workers.features.case_input import read_case
from workers.features.measurement import measure, measure_roi
from workers.outline.segment_rules import SegmentRules

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def patients() -> list[SimulatedPatient]:
    """Return three simulated patients of two sites."""
    return draw_patients(7, 3, 2, Planted())


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, patients: list[SimulatedPatient]) -> Path:
    """Return a folder with three studies: one outlined three times, one with a damaged image, one intact."""
    folder = tmp_path_factory.mktemp("cohort")
    for patient in patients:
        write_study(StudyToWrite(patient, folder / "dicom" / patient.id, repeated=patient is patients[0]))
    damaged = sorted((folder / "dicom" / patients[1].id / "images").glob("*.dcm"))[5]
    damaged.write_bytes(damaged.read_bytes()[:-4000])
    (folder / "dicom" / "notes.txt").write_text("no DICOM file")
    return folder


@pytest.fixture(scope="module")
def extracted(cohort: Path) -> Extracted:
    """Return what extraction makes of the cohort."""
    return extract(ExtractPlan(folder=cohort / "dicom", jobs=2), cohort / "out", QUIET)


def test_one_row_for_each_lesion_with_958_columns_or_the_reason(
    extracted: Extracted, patients: list[SimulatedPatient], cohort: Path
) -> None:
    """Repeated outlines are one lesion; a damaged study has its reason, and stops no other."""
    table = pd.read_parquet(cohort / "out" / "tables" / "features.parquet")
    assert tuple(table.columns[: len(IDENTITY_COLUMNS)]) == IDENTITY_COLUMNS
    assert sum(name.startswith("tumour_") for name in table.columns) == 479
    assert sum(name.startswith("ring_") for name in table.columns) == 479
    rows = table.set_index("patient")
    assert sorted(rows.index) == [one.id for one in patients]
    assert rows["reason"].to_dict() == {patients[0].id: "", patients[1].id: "unreadable_pixels", patients[2].id: ""}
    assert rows.at[patients[0].id, "site"] == patients[0].scanner.site
    assert rows.at[patients[1].id, "scanner"] == f"{patients[1].scanner.manufacturer} {patients[1].scanner.model}"
    assert rows.loc[patients[1].id].filter(regex="^(tumour|ring)_").isna().all()


def test_a_study_whose_outline_cannot_be_told_for_one_has_its_row(
    cohort: Path, patients: list[SimulatedPatient], tmp_path: Path
) -> None:
    """A SEG that cannot be read does not remove its patient from the table."""
    for one in (patients[0], patients[2]):
        shutil.copytree(cohort / "dicom" / one.id, tmp_path / "dicom" / one.id)
    for outline in (tmp_path / "dicom" / patients[2].id).glob("*.dcm"):
        outline.write_bytes(b"rubbish" * 500)
    plan = ExtractPlan(folder=tmp_path / "dicom", jobs=1, controls=False)
    extracted = extract(plan, tmp_path / "out", QUIET)
    rows = extracted.tables.features.set_index("patient")
    assert rows["reason"].to_dict() == {patients[0].id: "", patients[2].id: "no_outline"}
    assert rows.at[patients[2].id, "site"] == patients[2].scanner.site
    assert list(extracted.tables.reasons["reason"]) == ["no_outline"]


def test_acquisition_is_summed_up_for_each_scanner(
    extracted: Extracted, patients: list[SimulatedPatient], cohort: Path
) -> None:
    """What the measured lesions state; a damaged study counts for none."""
    table = pd.read_parquet(cohort / "out" / "tables" / "acquisition.parquet")
    measured = extracted.tables.features[extracted.tables.features["reason"] == ""]
    assert table["lesions"].sum() == len(measured) == 2
    row = table.set_index("scanner").loc[measured["scanner"].iloc[0]]
    assert row["site"] == measured["site"].iloc[0]
    same = measured[measured["scanner"] == measured["scanner"].iloc[0]]
    assert row["repetition_time_ms"].startswith(f"{same['repetition_time_ms'].median():.4g}")
    assert row["technique"] == same["technique"].iloc[0]


def test_the_table_says_how_images_were_acquired(
    extracted: Extracted, patients: list[SimulatedPatient], cohort: Path
) -> None:
    """What the scanner wrote, read with pydicom; nothing in the row of a case that was not measured."""
    rows = extracted.tables.features.set_index("patient")[list(ACQUISITION_COLUMNS)]
    found = rows.loc[patients[0].id]
    files = sorted((cohort / "dicom" / patients[0].id).rglob("*.dcm"))
    headers = (dcmread(path, stop_before_pixels=True) for path in files)
    image = next(one for one in headers if one.Modality == "MR")
    assert found["technique"] == f"{image.ScanningSequence} {image.SequenceVariant}"
    assert found["repetition_time_ms"] == float(image.RepetitionTime)
    assert found["echo_time_ms"] == float(image.EchoTime)
    assert found["flip_angle_degrees"] == float(image.FlipAngle)
    assert found["field_strength_tesla"] == float(image.MagneticFieldStrength)
    assert found["pixel_spacing_mm"] == pytest.approx(float(image.PixelSpacing[0]))
    assert found["slice_spacing_mm"] > 0
    assert np.isnan(found["phase"])  # of a series that holds one phase
    assert rows.loc[patients[1].id].drop("technique").isna().all()


def test_readers_of_the_same_lesion_are_told_apart(extracted: Extracted, patients: list[SimulatedPatient]) -> None:
    """Reader A drew it twice, reader B once; the lesion's row is the first of them."""
    outlines = extracted.tables.outlines
    mine = outlines[outlines["patient"] == patients[0].id]
    assert mine["lesion"].nunique() == 1
    assert sorted(zip(mine["reader"], mine["reading"], strict=True)) == [
        ("SIMULATED^READER A", 1),
        ("SIMULATED^READER A", 2),
        ("SIMULATED^READER B", 1),
    ]


def test_numbers_are_those_of_the_service(extracted: Extracted, patients: list[SimulatedPatient], cohort: Path) -> None:
    """A signature trained on the table meets the same features in the service, to the last digit."""
    folder = cohort / "dicom" / patients[2].id
    regions = measure(sorted((folder / "images").glob("*.dcm")), folder / "outline_a1.dcm", DEFAULT_PROFILE).regions
    row = extracted.tables.features.set_index("patient").loc[patients[2].id]
    for measured in regions:
        for name, value in measured.features.items():
            assert row[f"{measured.region}_{name}"] == value


def test_control_regions_have_a_table_each(
    extracted: Extracted, patients: list[SimulatedPatient], cohort: Path
) -> None:
    """A row for each measured lesion, with the same columns; the feature table names the images by their digest."""
    features = extracted.tables.features.set_index("patient")
    assert features.loc[[patients[0].id, patients[2].id], "pixel_digest"].str.fullmatch("[0-9a-f]{64}").all()
    assert features.at[patients[1].id, "pixel_digest"] == ""
    own = features.loc[patients[2].id]
    for name in ("shuffled_voxels", "elsewhere"):
        table = pd.read_parquet(cohort / "out" / "tables" / f"control_{name}.parquet").set_index("patient")
        assert sorted(table.index) == sorted([patients[0].id, patients[2].id])
        assert (table["reason"] == "").all()
        assert table.filter(regex="^(tumour|ring)_").notna().to_numpy().all()
        assert table.at[patients[2].id, "case"] == own["case"]
        texture = "tumour_original_glcm_Correlation"
        assert table.at[patients[2].id, texture] != own[texture]


def test_control_regions_of_an_earlier_run_do_not_stay(cohort: Path, tmp_path: Path, extracted: Extracted) -> None:
    """A plan without controls leaves no table of earlier features."""
    shutil.copytree(cohort / "out", tmp_path / "out")
    extract(ExtractPlan(folder=cohort / "dicom", jobs=1, controls=False), tmp_path / "out", QUIET)
    assert not list((tmp_path / "out" / "tables").glob("control_*"))


def test_a_second_run_measures_nothing_again_but_what_changed(extracted: Extracted, cohort: Path) -> None:
    """What is on disk is taken, until its files or the plan change."""
    plan = ExtractPlan(folder=cohort / "dicom", jobs=1)
    again = extract(plan, cohort / "out", QUIET)
    assert again.measured_now == 0
    pd.testing.assert_frame_equal(again.tables.outlines, extracted.tables.outlines)
    touched = next((cohort / "out" / "cases").glob("*.json"))
    touched.write_text(touched.read_text()[:100])
    assert extract(plan, cohort / "out", QUIET).measured_now == 1


def test_the_workers_of_a_scheduler_give_the_same_table(extracted: Extracted, cohort: Path, tmp_path: Path) -> None:
    """Headers, cases and a damaged one, measured by processes that this one did not start."""
    with dask_scheduler(tmp_path) as (address, _):
        plan = ExtractPlan(folder=cohort / "dicom", scheduler=address, controls=False)
        again = extract(plan, tmp_path / "out", QUIET)
    assert again.measured_now == len(extracted.tables.outlines)
    pd.testing.assert_frame_equal(again.tables.outlines, extracted.tables.outlines, check_exact=True)
    pd.testing.assert_frame_equal(again.tables.reasons, extracted.tables.reasons)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_stopped_or_killed_extraction_goes_on(cohort: Path, tmp_path: Path, number: signal.Signals) -> None:
    """What was measured before the end is not measured again, no process is left, and the table is whole."""
    command = [sys.executable, "-m", "deploy", "cohort", "extract", str(cohort / "dicom"), "--output", str(tmp_path)]
    kept = lambda: list((tmp_path / "extract" / "cases").glob("[!.]*.json"))  # noqa: E731
    # A shell that starts tests in the background has SIGINT ignored, and children would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start([*command, "--concurrency", "1"], tmp_path / "log")
    signal.signal(signal.SIGINT, before)
    try:
        wait_until(lambda: kept() or process.poll() is not None, 240, "a first case")
        # Ctrl-C goes to the whole group; a kill only to the one that was named.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        assert process.wait(timeout=120) == (130 if number == signal.SIGINT else -signal.SIGKILL)
        wait_until(lambda: not group_lives(process.pid), 120, "its processes to end")
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = len(kept())
    assert 1 <= done < 5
    plan = ExtractPlan(folder=cohort / "dicom", jobs=2, controls=False)
    resumed = extract(plan, tmp_path / "extract", QUIET)
    assert resumed.measured_now == 5 - done
    assert (resumed.tables.outlines["reason"] == "").sum() == 4


def test_each_tumour_of_a_seg_is_a_lesion_of_its_own(
    cohort: Path, patients: list[SimulatedPatient], tmp_path: Path
) -> None:
    """No tumour is in another one's ring."""
    folder = cohort / "dicom" / patients[2].id
    images = sorted((folder / "images").glob("*.dcm"))
    seg = dcmread(folder / "outline_a1.dcm")
    second = dcmread(folder / "outline_a1.dcm").SegmentSequence[0]
    second.SegmentNumber = 2
    seg.SegmentSequence.append(second)
    frames = list(seg.PerFrameFunctionalGroupsSequence)
    shared = seg.SharedFunctionalGroupsSequence[0]  # a SEG of one segment names it once for all frames
    for frame in frames:
        frame.SegmentIdentificationSequence = deepcopy(shared.SegmentIdentificationSequence)
    del shared.SegmentIdentificationSequence
    for frame in frames[len(frames) // 2 :]:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2
    seg.save_as(tmp_path / "seg.dcm")
    one, two = (read_case(images, tmp_path / "seg.dcm", HAN2024, segment_number=number)[1] for number in (1, 2))
    assert not (one.tumour & two.tumour).any()
    assert one.other_tissue is not None
    assert (one.other_tissue == two.tumour).all()
    with pytest.raises(RejectedInput, match="its 2 tumour segments are too many"):
        read_case(images, tmp_path / "seg.dcm", HAN2024)


def test_each_tumour_of_a_structure_set_has_the_numbers_of_the_service(tmp_path: Path) -> None:
    """Two regions of interest on the second of three series, one a phase: two rows, of the features that a job gets."""
    small = {"slices": 40, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}
    phantom = write_phantom(tmp_path / "dicom", 7, separate_series=True, **small)
    phantom.seg_path.unlink()
    images, middle = phantom.image_paths[1], int(np.argwhere(phantom.images.tumour)[:, 1].mean())
    upper, lower = phantom.images.tumour.copy(), phantom.images.tumour.copy()
    upper[:, middle - 2 :], lower[:, : middle + 2] = False, False
    regions = {"GTV index": contours_of(upper, images), "GTV satellite": contours_of(lower, images)}
    outline = write_structure_set(tmp_path / "dicom" / "rs.dcm", images, regions)
    plan = ExtractPlan(folder=tmp_path / "dicom", jobs=2, controls=False)
    rows = extract(plan, tmp_path / "out", QUIET).tables.features
    assert list(rows["reason"]) == ["", ""]
    others = [phantom.image_paths[0], phantom.image_paths[2]]
    for number, (_, row) in enumerate(rows.sort_values("case").iterrows(), start=1):
        measured = measure(images, outline, DEFAULT_PROFILE, segment_number=number, other_series=others)
        expected = {f"{r.region}_{name}": value for r in measured.regions for name, value in r.features.items()}
        assert expected == {name: row[name] for name in expected}


def test_the_segment_rules_of_the_service_apply(tmp_path: Path) -> None:
    """Two segments without a known code: refused, and after the site's rules measured as the service measures them."""
    small = {"slices": 34, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}
    phantom = write_phantom(tmp_path / "dicom", 7, separate_series=True, **small)
    _split_into_unknown_segments(phantom.seg_path)
    plan = ExtractPlan(folder=tmp_path / "dicom", jobs=1, controls=False)
    rows = extract(plan, tmp_path / "out", QUIET).tables.features
    assert list(rows["reason"]) == ["no_tumour_segment"]
    (tmp_path / "radtme.yaml").write_text(RULES)
    plan = replace(plan, service_configuration=tmp_path / "radtme.yaml", sender="READER")
    [(_, row)] = extract(plan, tmp_path / "out", QUIET).tables.features.iterrows()
    rules = SegmentRules(load_configuration(tmp_path / "radtme.yaml").workers.segment_rules, "READER")
    images, others = phantom.image_paths[1], [phantom.image_paths[0], phantom.image_paths[2]]
    measured = measure(images, phantom.seg_path, DEFAULT_PROFILE, rules=rules, other_series=others)
    expected = {f"{r.region}_{name}": value for r in measured.regions for name, value in r.features.items()}
    assert expected == {name: row[name] for name in expected}


RULES = """
targets: [{name: pacs, host: 127.0.0.1, port: 104, ae_title: PACS}]
workers:
  segment_rules:
    - {sender: READER, label: "a*", role: tumour}
    - {label: "b*", role: other_tissue}
"""


def _split_into_unknown_segments(path: Path) -> None:
    """Give the last frames of a SEG to a second segment; no code or label tells what the segments are."""
    seg = dcmread(path)
    first = seg.SegmentSequence[0]
    first.SegmentedPropertyTypeCodeSequence[0].CodeValue = "1"
    first.SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator = "99SITE"
    first.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = first.SegmentLabel = "a1"
    second = deepcopy(first)
    second.SegmentNumber, second.SegmentLabel = 2, "b1"
    seg.SegmentSequence.append(second)
    [shared], frames = seg.SharedFunctionalGroupsSequence, seg.PerFrameFunctionalGroupsSequence
    for at, groups in enumerate(frames):
        groups.SegmentIdentificationSequence = deepcopy(shared.SegmentIdentificationSequence)
        groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2 if at >= len(frames) - 3 else 1
    del shared.SegmentIdentificationSequence
    seg.save_as(path)


def test_the_phase_before_contrast_is_refused_as_by_the_service(tmp_path: Path) -> None:
    """A phase a series: the next series of the study is 30 % brighter inside the outline, drawn on the first one."""
    small = {"slices": 40, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}
    phantom = write_phantom(tmp_path / "dicom", 7, separate_series=True, **small)
    phantom.seg_path.unlink()
    images = phantom.image_paths[0]
    regions = {"Tumor": contours_of(phantom.images.tumour, images)}
    write_structure_set(tmp_path / "dicom" / "rs.dcm", images, regions)
    rows = extract(ExtractPlan(folder=tmp_path / "dicom", jobs=1), tmp_path / "out", QUIET).tables.features
    assert list(rows["reason"]) == ["before_contrast"]


@pytest.mark.parametrize("ending", ["nrrd", "nii.gz"])
def test_an_image_pair_gives_the_numbers_of_its_dicom(
    cohort: Path, patients: list[SimulatedPatient], tmp_path: Path, ending: str
) -> None:
    """Also where a converter mirrored rows and slices: the image is turned back before it is sampled."""
    folder = cohort / "dicom" / patients[2].id
    volume, roi, segment = read_case(sorted((folder / "images").glob("*.dcm")), folder / "outline_a1.dcm", HAN2024)
    expected = measure_roi(volume, roi, HAN2024, segment)
    for name, array in (("image", volume.array), ("mask", roi.tumour.astype(np.uint8))):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(volume.spacing_mm)
        image.SetOrigin(volume.origin_mm)
        image.SetDirection(volume.direction.ravel().tolist())
        sitk.WriteImage(sitk.Flip(image, [False, True, True]), str(tmp_path / f"P1_{name}.{ending}"))
    (case,) = pairs_below(tmp_path)
    assert case.patient == "P1"
    found = measure_roi(*read_pair(case), HAN2024, segment)
    for ours, theirs in zip(found.regions, expected.regions, strict=True):
        assert ours.features == pytest.approx(theirs.features, rel=1e-6, abs=1e-9)


def test_a_mask_of_several_values_needs_a_label(tmp_path: Path) -> None:
    """The value of the tumour cannot be guessed."""
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[2:4], mask[5:7] = 1, 2
    image = sitk.GetImageFromArray(np.random.default_rng(1).integers(0, 99, mask.shape).astype(np.int16))
    sitk.WriteImage(image, str(tmp_path / "image.nrrd"))
    sitk.WriteImage(sitk.GetImageFromArray(mask), str(tmp_path / "mask.nrrd"))
    (case,) = pairs_below(tmp_path)
    with pytest.raises(RejectedInput, match="contains 2 label values"):
        read_pair(case)
    assert read_pair(replace(case, label=2))[1].tumour.sum() == 2 * 64


def test_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    """A mask that is shifted by half a voxel would mark something else."""
    image = sitk.GetImageFromArray(np.arange(512, dtype=np.int16).reshape(8, 8, 8))
    sitk.WriteImage(image, str(tmp_path / "image.nrrd"))
    image.SetOrigin((0.5, 0, 0))
    sitk.WriteImage(image, str(tmp_path / "mask.nrrd"))
    with pytest.raises(RejectedInput, match="different grids"):
        read_pair(pairs_below(tmp_path)[0])


def test_pyradiomics_own_example_is_measured_from_its_files(shared_data: Path, tmp_path: Path) -> None:
    """The breast example that comes with pyradiomics: its shape on a grid of 1 mm is that of pyradiomics."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    source = next((shared_data / "pyradiomics_data").rglob("breast1_image.nrrd")).parent
    for name in ("breast1_image.nrrd", "breast1_label.nrrd"):
        shutil.copy(source / name, tmp_path / name)
    (case,) = pairs_below(tmp_path)
    assert isinstance(case, OutlineCase)
    volume, roi = read_pair(case)
    settings = {
        "normalize": True,
        "normalizeScale": 100,
        "binWidth": 25,
        "resampledPixelSpacing": [1, 1, 1],
        "padDistance": 12,
    }
    theirs = RadiomicsFeatureExtractor(**settings).execute(case.images[0], case.outline, label=1)
    try:
        ours = measure_roi(volume, roi, HAN2024, None).regions[0].features  # type: ignore[arg-type]
    except RejectedInput as refusal:
        pytest.skip(f"the example cannot be measured by this profile: {refusal.reason}")
    same = [name for name in ours if name.startswith("original_")]
    assert len(same) == 107
    for name in same:
        assert ours[name] == pytest.approx(float(theirs[name]), rel=1e-3), name
