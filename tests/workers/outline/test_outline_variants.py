"""One outline as different programs write it: the same tumour on the same phase, or a refusal that names the fault."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pack_bits
from pydicom.uid import EnhancedMRImageStorage, SecondaryCaptureImageStorage, SegmentationStorage, generate_uid

from deploy.simulation.phantom import Phantom, write_phantom
from listener.dicom.sop_classes import LABEL_MAP_SEGMENTATION_STORAGE
from listener.pairing.segmentation_references import outline_of
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from support.structure_sets import contours_of, write_structure_set
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.outline.tumours import tumours_of

PROFILE = load_bundle(shipped_bundle()).profile
ODD = {"slices": 24, "rows": 41, "columns": 43, "spacing_mm": (2.5, 2.0, 2.0), "tumour_diameter_mm": 24.0}
"""A matrix whose frames begin within a byte."""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a study of three phases in one series; the outline is on the second."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 7, **ODD)


@pytest.fixture(scope="module")
def images(phantom: Phantom) -> list[Path]:
    """Return the images of all phases."""
    return [path for phase in phantom.image_paths for path in phase]


@pytest.fixture(scope="module")
def expected(phantom: Phantom, images: list[Path]) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return the measured images and the tumour of the outline as the phantom has it."""
    return found_in(images, phantom.seg_path)


def found_in(images: list[Path], outline: Path) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return the measured images and the tumour; everything that the listener would wait for is there."""
    named = {uid for uids in outline_of(dcmread(outline, stop_before_pixels=True)).required.values() for uid in uids}
    lying = {str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in images}
    assert named <= lying
    volume, roi, _ = read_case(images, outline, PROFILE)
    return tuple(frame.sop_instance_uid for frame in volume.frames), roi.tumour


def masks_of(seg: Dataset) -> NDArray[np.uint8]:
    """Return the frames of a BINARY outline."""
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    return bits[: seg.NumberOfFrames * seg.Rows * seg.Columns].reshape(-1, seg.Rows, seg.Columns)


def with_frames(seg: Dataset, masks: NDArray[np.uint8], groups: list[Dataset]) -> None:
    """Replace the frames of a BINARY outline."""
    seg.NumberOfFrames, seg.PerFrameFunctionalGroupsSequence = len(masks), groups
    seg.PixelData = pack_bits(masks)


def with_bytes(seg: Dataset, kind: str, values: NDArray[np.unsignedinteger]) -> None:
    """Store the frames as whole numbers."""
    bits = values.dtype.itemsize * 8
    seg.SegmentationType, seg.BitsAllocated, seg.BitsStored, seg.HighBit = kind, bits, bits, bits - 1
    seg.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)


def sources(seg: Dataset) -> list[Dataset]:
    """Return the first source image of each frame."""
    frames = seg.PerFrameFunctionalGroupsSequence
    return [frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in frames]


def in_random_order(seg: Dataset) -> None:
    """Shuffle the frames."""
    order = np.random.default_rng(1).permutation(seg.NumberOfFrames)
    groups = seg.PerFrameFunctionalGroupsSequence
    with_frames(seg, masks_of(seg)[order], [groups[at] for at in order])


def frames_repeated(seg: Dataset) -> None:
    """Repeat two frames."""
    groups, masks = list(seg.PerFrameFunctionalGroupsSequence), masks_of(seg)
    with_frames(seg, np.concatenate([masks, masks[3:5]]), [*groups, *copy.deepcopy(groups[3:5])])


def cropped(seg: Dataset) -> None:
    """Leave out rows and columns around the tumour."""
    masks = masks_of(seg)[:, 5:35, 4:36]
    for groups in seg.PerFrameFunctionalGroupsSequence:
        x, y, z = map(float, groups.PlanePositionSequence[0].ImagePositionPatient)
        groups.PlanePositionSequence[0].ImagePositionPatient = [x, y + 4 * 2.0, z - 5 * 2.0]
    seg.Rows, seg.Columns, seg.PixelData = 30, 32, pack_bits(masks)


def without_shared_groups(seg: Dataset) -> None:
    """State in each frame what all frames share."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    for groups in seg.PerFrameFunctionalGroupsSequence:
        for element in shared:
            groups[element.tag] = copy.deepcopy(element)
    del seg.SharedFunctionalGroupsSequence


def another_segment(seg: Dataset, label: str) -> Dataset:
    """Add a segment like the first one, without frames."""
    segment = copy.deepcopy(seg.SegmentSequence[0])
    segment.SegmentNumber, segment.SegmentLabel = len(seg.SegmentSequence) + 1, label
    seg.SegmentSequence.append(segment)
    return segment


def tumour_without_frames(seg: Dataset) -> None:
    """List a second tumour without contours."""
    another_segment(seg, "Tumor 2")


def unnamed_segment_without_frames(seg: Dataset) -> None:
    """Give both segments the code that viewers give all of them."""
    another_segment(seg, "Segment_2")
    for segment in seg.SegmentSequence:
        segment.SegmentLabel = f"Segment_{segment.SegmentNumber}"
        segment.SegmentedPropertyTypeCodeSequence[0].CodeValue = "85756007"
        segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Tissue"


def images_named_twice(seg: Dataset) -> None:
    """Reference each image twice, and the series too."""
    for groups in seg.PerFrameFunctionalGroupsSequence:
        named = groups.DerivationImageSequence[0].SourceImageSequence
        named.append(copy.deepcopy(named[0]))
    seg.ReferencedSeriesSequence.append(copy.deepcopy(seg.ReferencedSeriesSequence[0]))


def named_as(sop_class: str) -> Callable[[Dataset], None]:
    """Reference the images as objects of another SOP class."""

    def change(seg: Dataset) -> None:
        for element in seg.iterall():
            if element.keyword == "ReferencedSOPClassUID":
                element.value = sop_class

    return change


def frame_zero(seg: Dataset) -> None:
    """Reference a frame that classic images do not have."""
    for source in sources(seg):
        source.ReferencedFrameNumber = 0


def fractions(maximum: int, value: int, *, stated: bool = True) -> Callable[[Dataset], None]:
    """Store fractions with this maximum, the tumour with this value."""

    def change(seg: Dataset) -> None:
        kind = np.uint8 if maximum < 256 else np.uint16
        with_bytes(seg, "FRACTIONAL", (masks_of(seg).astype(np.uint16) * value).astype(kind))
        seg.SegmentationFractionalType = "PROBABILITY"
        if stated:
            seg.MaximumFractionalValue = maximum

    return change


def bytes_of_binary(value: int) -> Callable[[Dataset], None]:
    """Store a byte a pixel, the tumour with this value."""
    return lambda seg: with_bytes(seg, "BINARY", masks_of(seg) * np.uint8(value))


def label_map(label: int, *, palette: bool) -> Callable[[Dataset], None]:
    """Store the tumour as a label, as newer writers do."""

    def change(seg: Dataset) -> None:
        with_bytes(seg, "LABELMAP", masks_of(seg).astype(np.uint8 if label < 256 else np.uint16) * label)
        seg.SOPClassUID = seg.file_meta.MediaStorageSOPClassUID = LABEL_MAP_SEGMENTATION_STORAGE
        del seg.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence
        seg.SegmentSequence[0].SegmentNumber = label
        if palette:
            seg.PhotometricInterpretation = "PALETTE COLOR"
            for tag in (0x00281101, 0x00281102, 0x00281103):
                seg.add_new(tag, "US", [256, 0, 8])
                seg.add_new(tag + 0x100, "OW", bytes(range(256)))

    return change


def numbered(in_sequence: int, in_frames: int) -> Callable[[Dataset], None]:
    """Number the segment in its own item and in the frames."""

    def change(seg: Dataset) -> None:
        seg.SegmentSequence[0].SegmentNumber = in_sequence
        seg.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = in_frames

    return change


def moved(distance_mm: float) -> Callable[[Dataset], None]:
    """Shift the frames along the rows."""

    def change(seg: Dataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            x, y, z = map(float, groups.PlanePositionSequence[0].ImagePositionPatient)
            groups.PlanePositionSequence[0].ImagePositionPatient = [x, y + distance_mm, z]

    return change


def coded(scheme: str, value: str, meaning: str, label: str = "Segment_1") -> Callable[[Dataset], None]:
    """Give the segment another type and label."""

    def change(seg: Dataset) -> None:
        kind = seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
        kind.CodingSchemeDesignator, kind.CodeValue, kind.CodeMeaning = scheme, value, meaning
        seg.SegmentSequence[0].SegmentLabel = label

    return change


def labelled_in_gb18030(seg: Dataset) -> None:
    """Name the tumour in Chinese, without a code."""
    seg.SpecificCharacterSet = "GB18030"
    del seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence
    seg.SegmentSequence[0].SegmentLabel = "病灶"


SAME = {
    "frames in random order": in_random_order,
    "frames repeated": frames_repeated,
    "frames cropped": cropped,
    "no shared groups": without_shared_groups,
    "a second tumour without frames": tumour_without_frames,
    "unnamed segments, one without frames": unnamed_segment_without_frames,
    "images and series named twice": images_named_twice,
    "named as Enhanced MR": named_as(EnhancedMRImageStorage),
    "named as Secondary Capture": named_as(SecondaryCaptureImageStorage),
    "named as segmentations": named_as(SegmentationStorage),
    "named without a class": named_as(""),
    "frame number 0 of classic images": frame_zero,
    "fractions up to 255": fractions(255, 255),
    "fractions up to 1": fractions(1, 1),
    "fractions up to 100": fractions(100, 100),
    "fractions of 16 bits": fractions(65535, 65535),
    "fractions without a maximum": fractions(255, 255, stated=False),
    "BINARY in bytes of 1": bytes_of_binary(1),
    "BINARY in bytes of 255": bytes_of_binary(255),
    "LABELMAP with a palette": label_map(7, palette=True),
    "LABELMAP of 16 bits": label_map(300, palette=False),
    "segment number 2": numbered(2, 2),
    "0.15 mm off": moved(0.15),
    "private code": coded("99ABC", "X1", "ROI"),
    "finer SNOMED code": coded("SCT", "408643008", "Infiltrating duct carcinoma of breast"),
    "RadLex": coded("RADLEX", "RID3874", "mass"),
    "label in GB18030": labelled_in_gb18030,
}
REFUSED: dict[str, tuple[Callable[[Dataset], None], Reason, str]] = {
    "fractions that are flags": (fractions(255, 1), Reason.UNSUPPORTED_SEGMENTATION, "flags or labels"),
    "fractions above their maximum": (fractions(1, 255), Reason.UNSUPPORTED_SEGMENTATION, "maximum of 1"),
    "segment number 0": (numbered(0, 0), Reason.UNSUPPORTED_SEGMENTATION, "they count from 1"),
    "frames of an undescribed segment": (numbered(1, 2), Reason.UNSUPPORTED_SEGMENTATION, "segment 2, which"),
    "half a voxel off": (moved(1.0), Reason.UNSUPPORTED_SEGMENTATION, "0.50 voxels off the grid"),
    "lymph node": (coded("SCT", "59441001", "Lymph node"), Reason.NO_TUMOUR_SEGMENT, "Lymph node"),
}


@pytest.mark.parametrize("variant", SAME)
def test_the_tumour_is_the_same(
    phantom: Phantom,
    images: list[Path],
    expected: tuple[tuple[str, ...], NDArray[np.bool_]],
    tmp_path: Path,
    variant: str,
) -> None:
    """However it is written: the same voxels on the same images."""
    seg = dcmread(phantom.seg_path)
    SAME[variant](seg)
    seg.save_as(tmp_path / "seg.dcm")
    measured, tumour = found_in(images, tmp_path / "seg.dcm")
    assert measured == expected[0]
    assert np.array_equal(tumour, expected[1])


@pytest.mark.parametrize("variant", REFUSED)
def test_what_is_wrong_is_said(phantom: Phantom, images: list[Path], tmp_path: Path, variant: str) -> None:
    """A refusal names the fault."""
    change, reason, words = REFUSED[variant]
    seg = dcmread(phantom.seg_path)
    change(seg)
    seg.save_as(tmp_path / "seg.dcm")
    with pytest.raises(RejectedInput, match=words) as refused:
        read_case(images, tmp_path / "seg.dcm", PROFILE)
    assert refused.value.reason is reason


def test_segments_that_are_all_empty_are_refused(phantom: Phantom, images: list[Path], tmp_path: Path) -> None:
    """A tumour without frames is not replaced by another segment, which no name or code calls a tumour."""
    seg = dcmread(phantom.seg_path)
    another_segment(seg, "Segment_2").SegmentedPropertyTypeCodeSequence[0].CodeValue = "85756007"
    seg.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2
    seg.save_as(tmp_path / "seg.dcm")
    with pytest.raises(RejectedInput) as refused:
        read_case(images, tmp_path / "seg.dcm", PROFILE)
    assert refused.value.reason is Reason.EMPTY_SEGMENTATION


def test_a_region_of_a_template_without_contours_is_no_tumour(phantom: Phantom, tmp_path: Path) -> None:
    """Structure sets list regions without contours: only the others are tumours of their own."""
    own = phantom.image_paths[1]
    regions = {"GTV 1": contours_of(phantom.images.tumour, own), "GTV 2": {}}
    outline = write_structure_set(tmp_path / "rs.dcm", own, regions)
    assert tumours_of(dcmread(outline)) == (1,)


COMPUTED: dict[str, dict[str, object]] = {
    "subtraction (Siemens)": {"ImageType": ["DERIVED", "PRIMARY", "M", "ND", "SUB"]},
    "subtraction (GE)": {"ImageType": ["DERIVED", "SECONDARY", "PROCESSED"]},
    "projection": {"ImageType": ["DERIVED", "SECONDARY", "MIP"]},
    "subtraction by its description": {"SeriesDescription": "Sag T1 dyn SUB 2-1"},
}


@pytest.mark.parametrize("separate", [True, False], ids=["a series a phase", "one series"])
@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("came", ["all", "before contrast", "nothing else"])
def test_an_outline_of_computed_images_is_measured_on_the_phase_of_the_rule(
    tmp_path: Path, kind: str, came: str, separate: bool
) -> None:
    """A subtraction or projection of the same slices: its originals are measured; without them, it is refused."""
    phantom = write_phantom(tmp_path / "study", 7, separate_series=separate, **ODD)
    _, before, _ = read_case([p for phase in phantom.image_paths for p in phase], phantom.seg_path, PROFILE)
    seg, computed = dcmread(phantom.seg_path), []
    uids = {str(seg.ReferencedSeriesSequence[0].SeriesInstanceUID): "1.2.3.77"}
    for pre, post in zip(*phantom.image_paths[:2], strict=True):
        image = dcmread(post)
        uids[image.SOPInstanceUID] = generate_uid(entropy_srcs=[image.SOPInstanceUID])
        difference = image.pixel_array.astype(int) - dcmread(pre).pixel_array
        image.PixelData = np.clip(difference, 0, None).astype(np.uint16).tobytes()
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uids[image.SOPInstanceUID]
        image.SeriesInstanceUID = "1.2.3.77"
        for keyword, value in COMPUTED[kind].items():
            setattr(image, keyword, value)
        computed.append(tmp_path / f"computed{len(computed)}.dcm")
        image.save_as(computed[-1])
    for element in seg.iterall():
        if element.VR == "UI":
            element.value = uids.get(str(element.value), element.value)
    seg.save_as(phantom.seg_path)
    originals = {"all": phantom.image_paths, "before contrast": phantom.image_paths[:1], "nothing else": ()}[came]
    others = [list(phase) for phase in originals] if separate else [[path for phase in originals for path in phase]]
    if came == "all":
        volume, roi, _ = read_case(computed, phantom.seg_path, PROFILE, other_series=others)
        second = {str(dcmread(path).SOPInstanceUID) for path in phantom.image_paths[1]}
        assert {frame.sop_instance_uid for frame in volume.frames} <= second
        assert np.array_equal(roi.tumour, before.tumour)
        assert "computed from others" in " ".join(note.text for note in volume.notes)
        return
    with pytest.raises(RejectedInput) as refused:
        read_case(computed, phantom.seg_path, PROFILE, other_series=others)
    assert refused.value.reason is Reason.DERIVED_IMAGES
