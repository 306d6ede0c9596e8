"""The phantom study: repeatable, valid, and hard enough."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from deploy.simulation.phantom import Phantom, PhantomSpec, simulate, write_phantom
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (3.2, 1.6, 1.6), "tumour_diameter_mm": 20.0}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small phantom study on disk."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


def test_same_seed_gives_same_bytes(phantom: Phantom, tmp_path: Path) -> None:
    """A retry of the demo sends the same objects: same UIDs, same bytes."""
    again = write_phantom(tmp_path, 5, **SMALL)
    assert [p.read_bytes() for p in again.paths] == [p.read_bytes() for p in phantom.paths]


def test_files_name_the_implementation_that_associations_name(phantom: Phantom) -> None:
    """PS3.7 section D.3.3.2: one implementation has one class UID, in files as in associations."""
    metas = [pydicom.filereader.read_file_meta_info(path) for path in phantom.paths]
    assert {meta.ImplementationClassUID for meta in metas} == {IMPLEMENTATION_CLASS_UID}
    assert {meta.ImplementationVersionName for meta in metas} == {IMPLEMENTATION_VERSION_NAME}


def test_any_other_setting_gives_other_uids(phantom: Phantom, tmp_path: Path) -> None:
    """Other voxels never come under the same UIDs."""
    other = write_phantom(tmp_path, 5, **SMALL | {"immune": "desert"})
    assert other.study_uid != phantom.study_uid
    uids = [{pydicom.dcmread(path).SOPInstanceUID for path in study.paths} for study in (phantom, other)]
    assert not uids[0] & uids[1]
    assert len(uids[0]) == 3 * 24 + 1


def test_phases_share_one_series_and_repeat_the_positions(phantom: Phantom) -> None:
    """Phases are numbered one after the other in one series, at the same positions, without temporal positions."""
    datasets = [[pydicom.dcmread(path) for path in phase] for phase in phantom.image_paths]
    assert len(phantom.series_uids) == 1
    assert [int(d.InstanceNumber) for phase in datasets for d in phase] == list(range(1, 73))
    positions = [[tuple(d.ImagePositionPatient) for d in phase] for phase in datasets]
    assert positions[0] == positions[1] == positions[2]
    assert np.allclose(np.diff([p[0] for p in positions[0]]), -3.2)
    assert not any("TemporalPositionIdentifier" in d for phase in datasets for d in phase)
    assert [len({d.AcquisitionTime for d in phase}) for phase in datasets] == [1, 1, 1]
    assert len({phase[0].AcquisitionTime for phase in datasets}) == 3


def test_voxels_on_disk_are_the_simulated_ones(phantom: Phantom) -> None:
    """What is written is what was simulated, slice by slice."""
    for paths, voxels in zip(phantom.image_paths, phantom.images.phases, strict=True):
        assert np.array_equal(np.stack([pydicom.dcmread(path).pixel_array for path in paths]), voxels)


def test_seg_names_the_instances_of_the_outlined_phase(phantom: Phantom) -> None:
    """The outline points to the first phase after contrast, and its frames lie where the tumour is."""
    seg = pydicom.dcmread(phantom.seg_path)
    named = {item.ReferencedSOPInstanceUID for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    phase = [pydicom.dcmread(path, stop_before_pixels=True) for path in phantom.image_paths[1]]
    assert named == {image.SOPInstanceUID for image in phase}
    assert seg.FrameOfReferenceUID == phase[0].FrameOfReferenceUID
    place = {tuple(image.ImagePositionPatient): index for index, image in enumerate(phase)}
    drawn = np.zeros_like(phantom.images.tumour)
    for item, frame in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        drawn[place[tuple(item.PlanePositionSequence[0].ImagePositionPatient)]] = frame
    assert np.array_equal(drawn, phantom.images.tumour)


def test_separate_series_and_temporal_positions(tmp_path: Path) -> None:
    """Each phase can come as a series of its own, with temporal positions."""
    study = write_phantom(tmp_path, 5, **SMALL, separate_series=True, temporal_positions=True)
    headers = [pydicom.dcmread(phase[0], stop_before_pixels=True) for phase in study.image_paths]
    assert [str(h.SeriesInstanceUID) for h in headers] == list(study.series_uids)
    assert len(set(study.series_uids)) == 3
    assert [h.TemporalPositionIdentifier for h in headers] == [1, 2, 3]


@pytest.mark.parametrize("diameter_mm", [12.0, 20.0, 32.0])
def test_tumour_has_about_the_wanted_volume(diameter_mm: float) -> None:
    """The tumour's volume is that of a ball of the wanted diameter, give or take its irregular border."""
    spec = PhantomSpec(3, slices=48, rows=128, columns=128, spacing_mm=(2.0, 1.2, 1.2), tumour_diameter_mm=diameter_mm)
    volume_mm3 = simulate(spec).tumour.sum() * np.prod(spec.spacing_mm)
    assert volume_mm3 / (np.pi * diameter_mm**3 / 6) == pytest.approx(1.0, abs=0.45)


def test_tumour_takes_up_contrast_and_air_does_not() -> None:
    """After contrast the tumour is far brighter than before; air keeps its Rician mean (1.2533 sigma) in all phases."""
    images = simulate(PhantomSpec(8, **SMALL, noise=10.0))
    before, after = (phase[images.tumour].mean() for phase in images.phases[:2])
    assert after / before > 1.6
    for phase in images.phases:
        assert phase[:, :10, :6].mean() == pytest.approx(10.0 * np.sqrt(np.pi / 2), rel=0.05)


def test_classes_overlap() -> None:
    """Even the truth orders only 97.5 of 100 pairs: Phi(0.5 / (0.18 sqrt 2)) of two normal distributions."""
    tiny = {"slices": 8, "rows": 24, "columns": 24, "spacing_mm": (12.0, 6.0, 6.0), "phases": 1}
    hot, cold = (
        np.array([simulate(PhantomSpec(seed, immune, **tiny)).inflammation for seed in seeds])
        for immune, seeds in (("inflamed", range(60)), ("desert", range(60, 120)))
    )
    assert (hot[:, None] > cold[None, :]).mean() == pytest.approx(0.975, abs=0.02)


def test_unknown_immune_class_is_named() -> None:
    """A typing error says what is possible."""
    with pytest.raises(ValueError, match="desert"):
        simulate(PhantomSpec(1, "warm", **SMALL))


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy (Debian package dicom3tools)")
def test_objects_are_valid(phantom: Phantom) -> None:
    """A foreign validator finds no error in an image of each phase and in the SEG."""
    for path in (*(phase[3] for phase in phantom.image_paths), phantom.seg_path):
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == [], path.name
