"""Outlines: read, chosen by code, placed by geometry, refused where they do not fit."""

import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from support.placed_outlines import ARRAY, BREAST, MASK, TUMOUR, VESSEL, WriteSeg, WriteSeries, code, placed, reason_of
from workers.errors import Reason, RejectedInput


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_a_mask_lies_where_it_was_drawn(write_series: WriteSeries, write_seg: WriteSeg, kind: str) -> None:
    """Packed bits (120 pixels: no whole number of bytes per row) and fractions from half of the maximum on."""
    images = write_series(ARRAY, spacing=(0.7, 0.8, 2.0), origin=(-30.0, 12.0, 7.0))
    roi = placed(images, write_seg(images, [(TUMOUR, MASK)], kind=kind))
    np.testing.assert_array_equal(roi.tumour, MASK)
    assert roi.other_tissue is None


@pytest.mark.parametrize(("share", "inside"), [(127, False), (128, True)])
def test_fractions_count_from_one_half(
    write_series: WriteSeries, write_seg: WriteSeg, share: int, inside: bool
) -> None:
    """127 of 255 is below one half, 128 above."""

    def weaken(seg: FileDataset) -> None:
        values = np.frombuffer(seg.PixelData, dtype=np.uint8).copy()
        values[np.flatnonzero(values)[0]] = share
        seg.PixelData = values.tobytes()

    images = write_series(ARRAY)
    roi = placed(images, write_seg(images, [(TUMOUR, MASK)], kind="FRACTIONAL", change=weaken))
    assert roi.tumour[2, 3, 4] == inside
    assert roi.tumour.sum() == MASK.sum() - (not inside)


def test_a_label_map_is_read(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Pixel values are segment numbers."""

    def as_label_map(seg: FileDataset) -> None:
        seg.SOPClassUID = seg.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
        seg.SegmentationType, seg.BitsAllocated, seg.BitsStored, seg.HighBit = "LABELMAP", 8, 8, 7
        labels = np.where(MASK, 1, 0)
        labels[MASK.any(axis=(1, 2)), 0, :] = 2
        seg.NumberOfFrames = 3
        del seg.PerFrameFunctionalGroupsSequence[3:]
        for groups in seg.PerFrameFunctionalGroupsSequence:
            del groups.SegmentIdentificationSequence
        seg.PixelData = labels[2:5].astype(np.uint8).tobytes()

    images = write_series(ARRAY)
    roi = placed(images, write_seg(images, [(TUMOUR, MASK), (VESSEL, MASK)], change=as_label_map))
    np.testing.assert_array_equal(roi.tumour, MASK)
    assert roi.other_tissue is not None
    assert roi.other_tissue.sum() == 3 * 12


def test_compressed_segmentations_are_read(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """RLE of one byte per pixel."""
    images = write_series(ARRAY)
    seg = write_seg(images, [(TUMOUR, MASK)], kind="FRACTIONAL", change=lambda seg: seg.compress(RLELossless))
    np.testing.assert_array_equal(placed(images, seg).tumour, MASK)


@pytest.mark.skipif(shutil.which("dcmconv") is None, reason="needs dcmconv (Debian package dcmtk)")
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("syntax", ["+tb", "+td", "+ti"])
def test_every_native_encoding_holds_the_same_outline(
    write_series: WriteSeries, write_seg: WriteSeg, kind: str, syntax: str
) -> None:
    """Big endian words, deflated, implicit: dcmconv writes them, and every voxel is where it was drawn."""
    images = write_series(ARRAY)
    seg = write_seg(images, [(TUMOUR, MASK)], kind=kind, change=lambda seg: setattr(seg["PixelData"], "VR", "OW"))
    other = seg.with_name("other.dcm")
    subprocess.run(["dcmconv", syntax, seg, other], check=True)
    np.testing.assert_array_equal(placed(images, other).tumour, MASK)


def test_flipped_frames_are_turned_back(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A writer that stores its frames upside down, in any order, means the same voxels."""

    def flip(seg: FileDataset) -> None:
        frames = np.frombuffer(seg.PixelData, dtype=np.uint8).reshape(3, 10, 12)
        seg.PixelData = np.ascontiguousarray(frames[::-1, ::-1]).tobytes()
        shared = seg.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, -1, 0]
        groups = seg.PerFrameFunctionalGroupsSequence
        groups[0], groups[2] = groups[2], groups[0]
        for group in groups:
            x, y, z = group.PlanePositionSequence[0].ImagePositionPatient
            group.PlanePositionSequence[0].ImagePositionPatient = [x, y + 9 * 0.8, z]

    images = write_series(ARRAY, spacing=(0.7, 0.8, 2.0))
    seg = write_seg(images, [(TUMOUR, MASK)], kind="FRACTIONAL", change=flip)
    np.testing.assert_array_equal(placed(images, seg).tumour, MASK)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_frames_may_begin_at_any_corner(
    write_series: WriteSeries, write_seg: WriteSeg, turned: bool, upside_down: bool, mirrored: bool
) -> None:
    """With rows along either axis of the images: the same voxels."""

    def store(seg: FileDataset) -> None:
        frames = np.frombuffer(seg.PixelData, dtype=np.uint8).reshape(3, 10, 12)
        down, right = np.array([0, 0.8, 0]), np.array([0.7, 0, 0])
        if turned:
            frames, down, right = frames.transpose(0, 2, 1), right, down
        moved = np.zeros(3)
        if upside_down:
            frames, moved, down = frames[:, ::-1], moved + (frames.shape[1] - 1) * down, -down
        if mirrored:
            frames, moved, right = frames[:, :, ::-1], moved + (frames.shape[2] - 1) * right, -right
        seg.Rows, seg.Columns = frames.shape[1:]
        seg.PixelData = np.ascontiguousarray(frames).tobytes()
        spacings = [float(np.linalg.norm(one)) for one in (down, right)]
        shared = seg.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [*right / spacings[1], *down / spacings[0]]
        shared.PixelMeasuresSequence[0].PixelSpacing = spacings
        for group in seg.PerFrameFunctionalGroupsSequence:
            position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
            group.PlanePositionSequence[0].ImagePositionPatient = (position + moved).round(4).tolist()

    images = write_series(ARRAY, spacing=(0.7, 0.8, 2.0))
    seg = write_seg(images, [(TUMOUR, MASK)], kind="FRACTIONAL", change=store)
    np.testing.assert_array_equal(placed(images, seg).tumour, MASK)


def test_the_tumour_is_chosen_by_its_code(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Vessels are kept for the ring; the breast, in which the tumour lies, is neither."""
    images = write_series(ARRAY)
    vessel = np.zeros_like(MASK)
    vessel[4, 0, 0] = True
    roi = placed(images, write_seg(images, [(BREAST, ~MASK), (VESSEL, vessel), (TUMOUR, MASK)]))
    np.testing.assert_array_equal(roi.tumour, MASK)
    np.testing.assert_array_equal(roi.other_tissue, vessel)


def test_legacy_codes_are_understood(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """M-03000 (SRT) is SNOMED RT for mass."""
    images = write_series(ARRAY)
    assert placed(images, write_seg(images, [(code("M-03000", "SRT"), MASK)])).tumour.any()


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        ([(BREAST, MASK)], Reason.NO_TUMOUR_SEGMENT),
        ([(TUMOUR, MASK), (code("4147007"), MASK)], Reason.SEVERAL_TUMOUR_SEGMENTS),
        ([(TUMOUR, np.zeros_like(MASK))], Reason.EMPTY_SEGMENTATION),
    ],
)
def test_an_outline_without_one_tumour_is_refused(
    write_series: WriteSeries, write_seg: WriteSeg, segments: list[tuple[Dataset, np.ndarray]], reason: Reason
) -> None:
    """No tumour, two tumours, an empty tumour."""
    images = write_series(ARRAY)
    assert reason_of(images, write_seg(images, segments)) is reason


def move(x: float = 0, y: float = 0, z: float = 0) -> Callable[[FileDataset], None]:
    """Return a change that moves every frame by so many mm."""

    def change(seg: FileDataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            position = groups.PlanePositionSequence[0].ImagePositionPatient
            groups.PlanePositionSequence[0].ImagePositionPatient = [position[0] + x, position[1] + y, position[2] + z]

    return change


def stretch(seg: FileDataset) -> None:
    """Draw on larger pixels."""
    seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [1.05, 1.0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (move(x=100.3), Reason.OUTSIDE_VOLUME),
        (move(z=4), Reason.OUTSIDE_VOLUME),
        (move(z=0.5), Reason.UNSUPPORTED_SEGMENTATION),
        (move(x=0.4), Reason.UNSUPPORTED_SEGMENTATION),
        (stretch, Reason.UNSUPPORTED_SEGMENTATION),
        (lambda seg: setattr(seg, "PatientID", "P2"), Reason.PATIENT_MISMATCH),
        (lambda seg: setattr(seg, "StudyInstanceUID", "1.2.3"), Reason.PATIENT_MISMATCH),
        (lambda seg: setattr(seg, "NumberOfFrames", 100_000), Reason.OVER_LIMITS),
        (lambda seg: setattr(seg, "Rows", 60_000), Reason.UNREADABLE_PIXELS),
        (lambda seg: setattr(seg, "PixelData", b"\0\0"), Reason.UNREADABLE_PIXELS),
        (lambda seg: delattr(seg, "SharedFunctionalGroupsSequence"), Reason.UNSUPPORTED_SEGMENTATION),
        (lambda seg: setattr(seg, "SegmentationType", "ODD"), Reason.UNSUPPORTED_SEGMENTATION),
        (lambda seg: delattr(seg.SegmentSequence[0], "SegmentNumber"), Reason.UNSUPPORTED_SEGMENTATION),
    ],
)
def test_an_outline_that_does_not_fit_is_refused(
    write_series: WriteSeries, write_seg: WriteSeg, change: Callable[[FileDataset], None], reason: Reason
) -> None:
    """Beside the images, between their voxels, of another patient, or larger than any outline."""
    images = write_series(ARRAY)
    assert reason_of(images, write_seg(images, [(TUMOUR, MASK)], change=change)) is reason


@pytest.mark.parametrize(("on_seg", "on_images"), [("1.2.3", None), ("1.2.3", ""), ("", "")])
def test_the_named_images_say_where_an_outline_lies(
    write_series: WriteSeries, write_seg: WriteSeg, on_seg: str, on_images: str | None
) -> None:
    """Without a frame of reference in common, frames that lie on the images they name are placed, with a note."""
    extra = {} if on_images is None else {"FrameOfReferenceUID": on_images}
    images = write_series(ARRAY, extra=lambda z: extra)
    roi = placed(
        images, write_seg(images, [(TUMOUR, MASK)], change=lambda seg: setattr(seg, "FrameOfReferenceUID", on_seg))
    )
    np.testing.assert_array_equal(roi.tumour, MASK)
    assert "frame of reference" in " ".join(note.text for note in roi.notes)


@pytest.mark.parametrize(("on_images", "reason"), [(None, Reason.OTHER_FRAME_OF_REFERENCE), ("", Reason.NO_GEOMETRY)])
def test_without_a_common_space_nothing_is_placed(
    write_series: WriteSeries, write_seg: WriteSeg, on_images: str | None, reason: Reason
) -> None:
    """An outline that lies a slice beside the images that it names was not drawn on them in these coordinates."""
    extra = {} if on_images is None else {"FrameOfReferenceUID": on_images}
    images = write_series(ARRAY, extra=lambda z: extra)

    def move_away(seg: FileDataset) -> None:
        seg.FrameOfReferenceUID = "1.2.3"
        move(z=1)(seg)

    assert reason_of(images, write_seg(images, [(TUMOUR, MASK)], change=move_away)) is reason


def test_one_slice_is_no_volume(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Whatever its orientation, an outline on one slice says nothing of a tumour's shape."""
    one_slice = MASK.copy()
    one_slice[[2, 4]] = False
    images = write_series(ARRAY)
    assert reason_of(images, write_seg(images, [(TUMOUR, one_slice)])) is Reason.SINGLE_SLICE


def test_a_tumour_on_every_second_slice_is_not_measured(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Slices with gaps between them are a comb, and no volume; two parts of a tumour are several slices each."""
    images = write_series(np.repeat(ARRAY, 2, axis=0))
    z = np.arange(len(images))[:, None, None]
    thick = np.repeat(MASK, 2, axis=0)
    assert reason_of(images, write_seg(images, [(TUMOUR, thick & (z % 2 == 0))])) is Reason.SINGLE_SLICE
    assert placed(images, write_seg(images, [(TUMOUR, thick & (z % 3 < 2))])).tumour.any()


@pytest.mark.parametrize("values", [(33, 49), (255, 1)])
def test_bit_flags_are_no_fractions(write_series: WriteSeries, write_seg: WriteSeg, values: tuple[int, int]) -> None:
    """Where the corners of the frames hold flags, or no value reaches one half, bytes are not shares of a tumour."""

    def flags(seg: FileDataset) -> None:
        inside = np.frombuffer(seg.PixelData, dtype=np.uint8) > 0
        outside, mark = (values[0], 0) if values[0] < 100 else (0, values[1])
        seg.PixelData = np.where(inside, mark, outside).astype(np.uint8).tobytes()

    images = write_series(ARRAY)
    with pytest.raises(RejectedInput, match="flags or labels"):
        placed(images, write_seg(images, [(TUMOUR, MASK)], kind="FRACTIONAL", change=flags))


def test_padded_frames_are_read_where_their_length_tells(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A matrix of 9 x 11 has 99 bits: twelve padded frames take 156 bytes, and 149 without padding."""
    array = np.random.default_rng(6).integers(0, 900, (14, 9, 11)).astype(np.int16)
    mask = np.zeros(array.shape, dtype=bool)
    mask[1:13, 2:6, 3:8] = True

    def pad(seg: FileDataset) -> None:
        frames = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")[: 12 * 99].reshape(12, 99)
        seg.PixelData = b"".join(np.packbits(frame, bitorder="little").tobytes() for frame in frames)

    images = write_series(array)
    roi = placed(images, write_seg(images, [(TUMOUR, mask)], change=pad))
    np.testing.assert_array_equal(roi.tumour, mask)
    assert "padded" in " ".join(note.text for note in roi.notes)


def test_bits_in_the_wrong_order_are_refused(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Each byte holds its first pixel in the highest bit: the outline would be torn into steps of eight pixels."""
    array = np.random.default_rng(5).integers(0, 900, (7, 40, 45)).astype(np.int16)
    mask = np.zeros(array.shape, dtype=bool)
    mask[2:5, 6:31, 7:36] = True
    images = write_series(array)

    def turn(seg: FileDataset) -> None:
        bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
        seg.PixelData = np.packbits(bits, bitorder="big").tobytes()

    with pytest.raises(RejectedInput, match="highest to the lowest") as refused:
        placed(images, write_seg(images, [(TUMOUR, mask)], change=turn))
    assert refused.value.reason is Reason.UNSUPPORTED_SEGMENTATION
    assert placed(images, write_seg(images, [(TUMOUR, mask)])).tumour.sum() == mask.sum()
