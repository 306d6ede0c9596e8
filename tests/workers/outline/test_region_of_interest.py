"""Outlines: read, chosen by code, placed by geometry, refused where they do not fit."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from model_store.signatures.profile import PhaseRule
from workers.errors import Reason, RejectedInput
from workers.images.headers import read_image_headers
from workers.images.volume import build_volume
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import RegionOfInterest, region_of_interest

ARRAY = np.random.default_rng(5).integers(0, 900, (7, 10, 12)).astype(np.int16)
MASK = np.zeros(ARRAY.shape, dtype=bool)
MASK[2:5, 3:7, 4:9] = True
MASK[3, 7, 4] = True
WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]


def code(value: str, scheme: str = "SCT") -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "meaning"
    return item


TUMOUR, VESSEL, BREAST = code("372087000"), code("59820001"), code("76752008")


def placed(images: list[FileDataset], seg: Path, rule: PhaseRule = PhaseRule.REFUSE) -> RegionOfInterest:
    """Read images and outline, and place it."""
    instances = read_image_headers(Path(image.filename) for image in images)
    outline = read_outline(seg)
    return region_of_interest(outline, build_volume(choose_phase(instances, outline, rule)))


def reason_of(images: list[FileDataset], seg: Path) -> Reason:
    """Return why an outline is refused; no message may hold the patient's id."""
    with pytest.raises(RejectedInput) as refused:
        placed(images, seg)
    assert "P1" not in str(refused.value)
    assert "P2" not in str(refused.value)
    return refused.value.reason


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


def test_referenced_images_that_are_not_there_are_named(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """The outline references the images it was drawn on; without them nothing is measured."""
    images = write_series(ARRAY)
    seg = write_seg(images, [(TUMOUR, MASK)])
    assert reason_of([*images[:3], *images[4:]], seg) is Reason.MISSING_INSTANCES


def test_the_phase_that_was_drawn_on_is_measured(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Of three phases in a series, the one whose images the outline names; across two phases, none."""
    phases = [
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"InstanceNumber": 7 * n + z + 1})
        for phase in range(3)
    ]
    images = [image for phase in phases for image in phase]
    outline = read_outline(write_seg(phases[1], [(TUMOUR, MASK)]))
    chosen = choose_phase(read_image_headers(Path(one.filename) for one in images), outline, PhaseRule.REFUSE)
    assert (chosen.identity.index, chosen.identity.count) == (2, 3)
    mixed = [*phases[1][:3], *phases[2][3:]]
    assert reason_of(images, write_seg(mixed, [(TUMOUR, MASK)])) is Reason.UNKNOWN_PHASE


def two_phases(write_series: WriteSeries) -> tuple[list[FileDataset], list[FileDataset]]:
    """Two phases of one series."""
    first, second = (
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"TemporalPositionIdentifier": n + 1})
        for phase in range(2)
    )
    return first, second


def source_image(sop_class: str, uid: str) -> Dataset:
    """Return an item of a Source Image Sequence."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def chosen_index(images: list[FileDataset], seg: Path) -> int:
    """Return the number of the phase that is measured."""
    instances = read_image_headers(Path(one.filename) for one in images)
    return choose_phase(instances, read_outline(seg), PhaseRule.REFUSE).identity.index


def test_references_that_all_frames_share_are_read(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A writer that drew on one slice names it in the shared groups, and lists the whole series besides."""
    first, second = two_phases(write_series)

    def share(seg: FileDataset) -> None:
        (groups,) = seg.PerFrameFunctionalGroupsSequence
        seg.SharedFunctionalGroupsSequence[0].DerivationImageSequence = groups.DerivationImageSequence
        del groups.DerivationImageSequence
        series = Dataset()
        series.SeriesInstanceUID = first[0].SeriesInstanceUID
        series.ReferencedInstanceSequence = [
            source_image(one.SOPClassUID, one.SOPInstanceUID) for one in first + second
        ]
        seg.ReferencedSeriesSequence = [series]

    one_slice = MASK.copy()
    one_slice[[2, 4]] = False
    assert chosen_index(first + second, write_seg(second, [(TUMOUR, one_slice)], change=share)) == 2


def test_an_earlier_outline_is_no_missing_image(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A corrected outline names the one it was made from beside its images."""
    first, second = two_phases(write_series)

    def name_the_earlier(seg: FileDataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            earlier = source_image("1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.99")
            groups.DerivationImageSequence[0].SourceImageSequence.append(earlier)

    assert chosen_index(first + second, write_seg(second, [(TUMOUR, MASK)], change=name_the_earlier)) == 2


@pytest.mark.parametrize("silent", [False, True])
def test_only_the_tumour_names_the_phase(write_series: WriteSeries, write_seg: WriteSeg, silent: bool) -> None:
    """The breast was outlined on phase 1, the tumour on phase 2; where its frames are silent, the others speak."""
    first, second = two_phases(write_series)

    def tumour_on_second(seg: FileDataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2:
                (item,) = groups.DerivationImageSequence[0].SourceImageSequence
                at = [one.SOPInstanceUID for one in first].index(item.ReferencedSOPInstanceUID)
                item.ReferencedSOPInstanceUID = second[at].SOPInstanceUID
                if silent:
                    del groups.DerivationImageSequence

    seg = write_seg(first, [(BREAST, ~MASK), (TUMOUR, MASK)], change=tumour_on_second)
    assert chosen_index(first + second, seg) == (1 if silent else 2)


def test_without_references_the_rule_decides(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A profile either refuses or takes the first phase after contrast; a single phase needs no rule."""
    phases = [
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"InstanceNumber": 7 * n + z + 1})
        for phase in range(3)
    ]
    images = [image for phase in phases for image in phase]
    seg = write_seg(phases[1], [(TUMOUR, MASK)], refer=False)
    assert reason_of(images, seg) is Reason.UNKNOWN_PHASE
    instances = read_image_headers(Path(one.filename) for one in images)
    outline = read_outline(seg)
    assert choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST).identity.index == 2
    assert placed(phases[0], seg).tumour.any()


DCE = {"EchoTime": "2.1", "RepetitionTime": "4.6", "ScanningSequence": "GR"}
T2 = {"EchoTime": "90", "RepetitionTime": "5000", "ScanningSequence": "SE"}
DWI = {"EchoTime": "60", "RepetitionTime": "7000", "ScanningSequence": ["EP", "SE"]}


def write_study(write_series: WriteSeries, parts: str, **changes: object) -> dict[str, list[FileDataset]]:
    """Write series of one phase each, a minute apart; ``changes`` are made to each."""
    kinds = {"T": T2, "D": DWI, "O": {**DCE, "EchoTime": "4.8"}}
    written = {}
    for at, part in enumerate(parts.split()):
        attributes = {
            **kinds.get(part[0], DCE),
            "SeriesInstanceUID": f"1.2.{at + 1}",
            "AcquisitionTime": f"10{at:02d}00",
            **changes,
        }
        written[part] = write_series(
            ARRAY + at, name=part, extra=lambda z, attributes=attributes: attributes, spacing=(1.0, 1.0, 1.0)
        )
    return written


@pytest.mark.parametrize(
    ("parts", "changes", "expected"),
    [
        ("pre post1 post2", {}, "post1"),
        ("T2 pre post1", {}, "post1"),
        ("D0 D800 pre post1 post2", {}, "post1"),
        ("pre post1 Other", {}, None),
        ("T2 post", {}, None),
        ("pre post1 post2", {"EchoTime": ""}, None),
        ("pre post1 post2", {"AcquisitionTime": "100000"}, None),
    ],
)
def test_the_rule_takes_the_second_phase_of_one_plain_examination(
    write_series: WriteSeries, write_seg: WriteSeg, parts: str, changes: dict[str, object], expected: str | None
) -> None:
    """Other techniques do not count as phases, and where it is not plain what is a phase, nothing is measured."""
    written = write_study(write_series, parts, **changes)
    images = [image for series in written.values() for image in series]
    outline = read_outline(write_seg(images[:7], [(TUMOUR, MASK)], refer=False))
    instances = read_image_headers(Path(one.filename) for one in images)
    if expected is None:
        with pytest.raises(RejectedInput) as refused:
            choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
        assert refused.value.reason is Reason.UNKNOWN_PHASE
    else:
        phase = choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
        assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in written[expected]}
        assert phase.identity.index == 2


@pytest.mark.parametrize("references", ["nothing", "series", "all of the series"])
@pytest.mark.parametrize("has_pre", [True, False])
def test_a_phase_before_contrast_in_a_series_of_its_own_counts(
    write_series: WriteSeries, write_seg: WriteSeg, references: str, has_pre: bool
) -> None:
    """The dynamic series starts after contrast: its first phase is measured where another series comes before it."""
    parts = [
        write_series(
            ARRAY + at,
            name=f"p{at}_",
            extra=lambda z, at=at: {
                **DCE,
                "SeriesInstanceUID": f"1.2.{min(at, 1)}",
                "AcquisitionTime": f"10{at:02d}00",
                "InstanceNumber": 7 * at + z + 1,
            },
        )
        for at in range(3)
    ]
    dynamic = [*parts[1], *parts[2]]

    def refer(seg: FileDataset) -> None:
        item = Dataset()
        item.SeriesInstanceUID = "1.2.1"
        if references != "series":
            item.ReferencedInstanceSequence = [image_reference(one) for one in dynamic]
        seg.ReferencedSeriesSequence = [item] if references != "nothing" else []

    outline = read_outline(write_seg(parts[1], [(TUMOUR, MASK)], refer=False, change=refer))
    named, other = [Path(one.filename) for one in dynamic], [Path(one.filename) for one in parts[0]]
    received = [*named, *(other if has_pre and references != "all of the series" else [])]
    beside = [other] if has_pre and references == "all of the series" else []
    phase = choose_phase(read_image_headers(received), outline, PhaseRule.FIRST_POST_CONTRAST, beside)
    expected = parts[1] if has_pre else parts[2]
    assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in expected}


def image_reference(image: Dataset) -> Dataset:
    """Return a reference to an image."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item


def test_a_series_on_another_grid_is_no_phase(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """The same technique, seen on other voxels: the outline was not drawn there."""
    written = write_study(write_series, "pre post1")
    other = write_series(
        ARRAY, name="w", spacing=(1.3, 1.3, 1.0), extra=lambda z: {**DCE, "SeriesInstanceUID": "1.2.99"}
    )
    outline = read_outline(write_seg(written["pre"], [(TUMOUR, MASK)], refer=False))
    images = [*other, *written["pre"], *written["post1"]]
    instances = read_image_headers(Path(one.filename) for one in images)
    phase = choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
    assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in written["post1"]}


def test_copies_of_a_picture_do_not_make_phases(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """An archive sent two slices again under new UIDs; the ones that the outline names are kept."""
    images = write_series(ARRAY)
    copies = write_series(ARRAY, name="b")
    seg = write_seg(images, [(TUMOUR, MASK)])
    outline = read_outline(seg)
    instances = read_image_headers(Path(one.filename) for one in [*copies[2:4], *images])
    phase = choose_phase(instances, outline, PhaseRule.REFUSE)
    assert {uid for uid, _ in phase.references} == {image.SOPInstanceUID for image in images}


CYRILLIC, GREEK = "ISO_IR 144", "ISO_IR 126"


@pytest.mark.parametrize(
    ("image", "seg", "is_same"),
    [
        ({"PatientID": "A"}, {"PatientID": "A"}, True),
        ({"PatientID": "A"}, {"PatientID": "A "}, True),
        ({"PatientID": "A"}, {"PatientID": "B"}, False),
        ({"PatientID": "A"}, {"PatientID": "a"}, False),
        ({"PatientID": "A"}, {"PatientID": ""}, False),
        ({"PatientID": ""}, {"PatientID": "A"}, False),
        ({"PatientID": "A"}, {"PatientID": None}, False),
        ({"PatientID": None}, {"PatientID": "A"}, False),
        ({"PatientID": None}, {"PatientID": None}, True),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A", "IssuerOfPatientID": "Y"}, False),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A", "IssuerOfPatientID": "X"}, True),
        ({"PatientID": "A", "IssuerOfPatientID": "X"}, {"PatientID": "A"}, True),
        ({"PatientID": "A"}, {"PatientID": "A", "IssuerOfPatientID": "Y"}, True),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0416\u0416"},
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0424\u0424"},
            False,
        ),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": "\u0416"},
            {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "\u0416"},
            True,
        ),
        (
            {"SpecificCharacterSet": CYRILLIC, "PatientID": b"\xb6\xb6".decode("iso8859_5")},
            {"SpecificCharacterSet": GREEK, "PatientID": b"\xb6\xb6".decode("iso8859_7")},
            False,
        ),
        ({"StudyInstanceUID": "1.2.3"}, {"StudyInstanceUID": "1.2.4"}, False),
        ({"StudyInstanceUID": None}, {"StudyInstanceUID": "1.2.4"}, False),
        ({"StudyInstanceUID": "1.2.4"}, {"StudyInstanceUID": None}, False),
    ],
)
def test_an_outline_of_another_patient_or_study_is_refused(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    image: dict[str, str | None],
    seg: dict[str, str | None],
    is_same: bool,
) -> None:
    """Compared in Unicode: equal bytes in two character sets are two patients.

    A missing ID is not that of the other side; an issuer counts where both name one.
    """
    images = write_series(ARRAY)
    path = write_seg(images, [(TUMOUR, MASK)])
    for target, changes in [*((one, image) for one in images), (dcmread(path), seg)]:
        for keyword, value in changes.items():
            if value is None:
                if keyword in target:
                    del target[keyword]
            else:
                setattr(target, keyword, value)
        target.save_as(target.filename)
    if is_same:
        assert placed(images, path).tumour.any()
    else:
        assert reason_of(images, path) is Reason.PATIENT_MISMATCH


def test_ids_that_cannot_be_decoded_are_equal_to_nothing(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Two different bytes that UTF-8 does not know would both be read as its replacement character."""
    images = write_series(ARRAY)
    path = write_seg(images, [(TUMOUR, MASK)])
    for file, byte in ((path, b"\xb6"), *((Path(one.filename), b"\xb7") for one in images)):
        header = dcmread(file)
        header.SpecificCharacterSet, header.PatientID = "ISO_IR 192", "XQXQ"
        header.save_as(file)
        file.write_bytes(file.read_bytes().replace(b"XQXQ", 4 * byte))
    with pytest.warns(UserWarning, match="Failed to decode"):
        assert reason_of(images, path) is Reason.UNREADABLE_OBJECT
