"""Series of others with answers of others: stored maps, converted volumes, twins in another object."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from workers.errors import Reason, RejectedInput
from workers.images.frames import Frame, Plane, frames_of
from workers.images.headers import Instance, read_header, read_image_headers
from workers.images.phases import Phase, PhaseEvidence, split_series
from workers.images.pixels import read_pixels
from workers.images.volume import build_volume


def phases_in(paths: Iterable[Path]) -> tuple[Phase, ...]:
    """Split the series that lies in these files."""
    instances = read_image_headers(sorted(paths))
    return split_series([frame for instance in instances for frame in frames_of(instance)])


def test_the_phases_of_br06_reproduce_its_signal_enhancement_ratio(br06: Path) -> None:
    """SER = (S1 - S0) / (S2 - S0) equals the stored map within 0.002 wherever that is not zero; it is cut at 3."""
    phases = phases_in((br06 / "dce").iterdir())
    assert [phase.identity.found_by for phase in phases] == [PhaseEvidence.REPETITION] * 3
    before, early, late = (build_volume(phase).array.astype(float) for phase in phases)
    (stored,) = phases_in((br06 / "ser").iterdir())
    expected = build_volume(stored).array
    shown = expected != 0
    ratio = np.minimum((early - before)[shown] / (late - before)[shown], expected.max())
    assert shown.sum() > 40_000
    assert np.abs(ratio - expected[shown]).max() <= 0.002


@pytest.mark.parametrize(
    ("series", "number"), [("2_fMRI_Multiphase_Des", 2), ("5_fMRI_Multiphase_Des_VariableDelays1s", 5)]
)
def test_a_ge_multiphase_series_equals_its_reference_bit_for_bit(shared_data: Path, series: str, number: int) -> None:
    """Ten phases, stacked by geometry, hold what dcm2niix wrote (whose rows run the other way)."""
    folder = shared_data / "ge_multiphase"
    (reference,) = folder.glob(f"*_{number}.nii.gz")
    expected = sitk.GetArrayFromImage(sitk.ReadImage(reference))
    phases = phases_in((folder / series).glob("*.dcm"))
    assert [phase.identity.index for phase in phases] == list(range(1, 11))
    for phase, volume in zip(phases, expected, strict=True):
        np.testing.assert_array_equal(build_volume(phase).array, volume[:, ::-1])


def test_an_enhanced_object_gives_the_volume_of_its_classic_twins(shared_data: Path) -> None:
    """Same voxels, same place: one Enhanced MR object and the 40 classic slices that the scanner wrote with it."""
    folder = shared_data / "enhanced_mr" / "philips_ingenia_pcasl"
    (enhanced,) = map(build_volume, phases_in((folder / "enh").glob("1901*.dcm")))
    (classic,) = map(build_volume, phases_in((folder / "cl_1901").glob("*.dcm")))
    np.testing.assert_array_equal(enhanced.array, classic.array)
    assert enhanced.origin_mm == classic.origin_mm
    assert enhanced.spacing_mm == pytest.approx(classic.spacing_mm, abs=1e-9)
    np.testing.assert_array_equal(enhanced.direction, classic.direction)
    assert (len(enhanced.headers), len(enhanced.frames), len(classic.headers)) == (1, 40, 40)
    assert enhanced.frames[0].frame_number == 1


def test_dimension_indices_part_label_from_control(shared_data: Path) -> None:
    """240 frames of 40 slices are 3 temporal positions, each with a label and a control picture."""
    folder = shared_data / "enhanced_mr" / "philips_ingenia_pcasl"
    phases = phases_in((folder / "enh").glob("1903*.dcm"))
    found = [(phase.frames[0].contrast[-1], phase.identity.index, len(phase.frames)) for phase in phases]
    assert found == [(kind, index, 40) for kind in ("0", "1") for index in (1, 2, 3)]


def test_compressed_twins_decode_to_the_same_values(shared_data: Path) -> None:
    """One object as Explicit LE, RLE and JPEG-LS: the same stored values."""
    folder = shared_data / "enhanced_mr" / "philips_emri_small"
    plane = Plane((0, 0, 0), (1, 0, 0), (0, 1, 0), 1, 1, 64, 64)
    plain, *compressed = (
        read_pixels([frame_of(instance, number, plane) for number in range(1, 11)]).values
        for instance in read_image_headers_apart(folder, ["", "_RLE", "_jpeg_ls_lossless"])
    )
    assert plain.std() > 10
    for values in compressed:
        np.testing.assert_array_equal(values, plain)


def frame_of(instance: Instance, number: int, plane: Plane) -> Frame:
    """Return a frame of the object with this place, and nothing that tells phases apart."""
    return Frame(
        instance=instance,
        number=number,
        plane=plane,
        slope=1,
        intercept=0,
        contrast=(),
        temporal_position=None,
        trigger_time_ms=None,
        instance_number=None,
        acquisition_number=None,
        acquisition_time="",
        content_time="",
    )


def read_image_headers_apart(folder: Path, endings: Iterable[str]) -> list[Instance]:
    """Read objects that share a SOP Instance UID."""
    return [read_header(folder / f"emri_small{ending}.dcm") for ending in endings]


@pytest.mark.parametrize("name", ["emri_small.dcm", "emri_small_RLE.dcm", "emri_small_jpeg_ls_lossless.dcm"])
def test_an_object_that_cannot_be_placed_is_refused(shared_data: Path, name: str) -> None:
    """Frames without functional groups have no position; the reason states that, and names the object."""
    path = shared_data / "enhanced_mr" / "philips_emri_small" / name
    with pytest.raises(RejectedInput, match=r"1\.2\.826\.0\.1\.3680043.*placed in space") as refused:
        phases_in([path])
    assert refused.value.reason is Reason.NO_GEOMETRY
