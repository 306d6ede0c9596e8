"""One examination in the layouts that scanners and converters make of it: the same phase, the same voxels."""

import copy
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from highdicom.legacy import LegacyConvertedEnhancedMRImage
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from model_store.signatures.profile import HAN2024
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.images.frames import frames_of
from workers.images.headers import Instance
from workers.images.phases import split_series
from workers.outline.region_of_interest import RegionOfInterest

PHASES, SLICES = 3, 24


@dataclass(frozen=True)
class Examination:
    """The reference phantom as classic images by phase, as one Enhanced object, and its outline of the second phase."""

    classic: tuple[tuple[Dataset, ...], ...]
    enhanced: Dataset
    outline: Dataset


@pytest.fixture(scope="module")
def examination(shared_data: Path) -> Examination:
    """Return the phantom in both forms."""
    cases = shared_data / "field_cases"
    images = [dcmread(path) for path in (cases / "00_reference_phantom" / "images").iterdir()]
    images.sort(key=lambda image: int(image.InstanceNumber))
    return Examination(
        tuple(tuple(images[SLICES * at : SLICES * (at + 1)]) for at in range(PHASES)),
        dcmread(cases / "e02_enhanced_seg_names_no_frames" / "input" / "enh.dcm"),
        dcmread(cases / "00_reference_phantom" / "seg.dcm"),
    )


def enhanced_by_phase(
    given: Examination, *, one_series: bool, position: str = "kept", times: bool = True, numbers: bool = True
) -> list[Dataset]:
    """Return one Enhanced object a phase, with its Temporal Position Index kept, 1 in each object (one), or absent."""
    pixels = np.frombuffer(given.enhanced.PixelData, np.uint16).reshape(PHASES * SLICES, -1)
    groups = given.enhanced.PerFrameFunctionalGroupsSequence
    objects = []
    for phase in range(PHASES):
        mine = [at for at, one in enumerate(groups) if one.FrameContentSequence[0].TemporalPositionIndex == phase + 1]
        made = copy.deepcopy(given.enhanced)
        made.SOPInstanceUID = f"1.2.3.{phase}"
        made.InstanceNumber = phase + 1 if numbers else 1
        made.NumberOfFrames, made.PixelData = len(mine), pixels[mine].tobytes()
        made.PerFrameFunctionalGroupsSequence = [copy.deepcopy(groups[at]) for at in mine]
        timing, echo = Dataset(), Dataset()
        timing.RepetitionTime, timing.FlipAngle, echo.EffectiveEchoTime = "7.4", "10", 3.3
        made.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence = [timing]
        if not one_series:
            made.SeriesInstanceUID = f"1.2.4.{phase}"
        for own in made.PerFrameFunctionalGroupsSequence:
            own.MREchoSequence = [echo]
            _change_content(own.FrameContentSequence[0], position, times=times)
        objects.append(made)
    return objects


def _change_content(content: Dataset, position: str, *, times: bool) -> None:
    if position == "one":
        content.TemporalPositionIndex = 1
    elif position == "absent":
        del content.TemporalPositionIndex, content.DimensionIndexValues
    if not times:
        content.pop("FrameAcquisitionDateTime", None)
        content.pop("FrameReferenceDateTime", None)


def legacy_by_phase(given: Examination, *, one_series: bool) -> list[Dataset]:
    """Return one Legacy Converted Enhanced object a phase, as highdicom converts it."""
    return [
        LegacyConvertedEnhancedMRImage(
            list(copy.deepcopy(images)),
            series_instance_uid="1.2.5" if one_series else f"1.2.5.{at}",
            series_number=1,
            sop_instance_uid=f"1.2.6.{at}",
            instance_number=at + 1,
        )
        for at, images in enumerate(given.classic)
    ]


LAYOUTS: dict[str, Callable[[Examination], list[Dataset]]] = {
    "enhanced, one series": lambda given: enhanced_by_phase(given, one_series=True),
    "enhanced, one series, position counts within": lambda given: enhanced_by_phase(
        given, one_series=True, position="one"
    ),
    "enhanced, one series, numbers alone": lambda given: enhanced_by_phase(
        given, one_series=True, position="absent", times=False
    ),
    "enhanced, one series, times alone": lambda given: enhanced_by_phase(
        given, one_series=True, position="absent", numbers=False
    ),
    "enhanced, a series each": lambda given: enhanced_by_phase(given, one_series=False),
    "enhanced, a series each, no position": lambda given: enhanced_by_phase(given, one_series=False, position="absent"),
    "legacy converted, one series": lambda given: legacy_by_phase(given, one_series=True),
    "legacy converted, a series each": lambda given: legacy_by_phase(given, one_series=False),
}


def outline_on(given: Examination, drawn_on: Dataset, references: str) -> Dataset:
    """Return the outline with references to the frames of an object, to the object, or to nothing."""
    outline = copy.deepcopy(given.outline)
    frames = {
        tuple(map(float, own.PlanePositionSequence[0].ImagePositionPatient)): at
        for at, own in enumerate(drawn_on.PerFrameFunctionalGroupsSequence, start=1)
    }
    for own in outline.PerFrameFunctionalGroupsSequence:
        if references == "nothing":
            del own.DerivationImageSequence
            continue
        source = own.DerivationImageSequence[0].SourceImageSequence[0]
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = drawn_on.SOPClassUID, drawn_on.SOPInstanceUID
        if references == "frames":
            place = tuple(map(float, own.PlanePositionSequence[0].ImagePositionPatient))
            source.ReferencedFrameNumber = frames[place]
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        outline.pop(keyword, None)
    for keyword in ("StudyInstanceUID", "PatientID", "FrameOfReferenceUID"):
        setattr(outline, keyword, drawn_on[keyword].value)
    return outline


def read(
    folder: Path, images: Sequence[Dataset], outline: Dataset
) -> tuple[NDArray[np.generic], RegionOfInterest, int]:
    """Write and read a case; return the grey values of its phase, the outline on them, and the phase's number."""
    folder.mkdir(exist_ok=True)
    for at, image in enumerate([*images, outline]):
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.save_as(folder / f"{at}.dcm", enforce_file_format=True)
    paths = [folder / f"{at}.dcm" for at in range(len(images))]
    volume, roi, *_ = read_case(paths[::-1], folder / f"{len(images)}.dcm", HAN2024)
    return volume.array, roi, volume.phase.index


@pytest.mark.parametrize("references", ["frames", "object", "nothing"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_case(examination: Examination, tmp_path: Path, layout: str, references: str) -> None:
    """The second phase, by reference or by the profile's rule, with the voxels of the classic images."""
    images = LAYOUTS[layout](examination)
    outline = outline_on(examination, images[1], references)
    array, roi, number = read(tmp_path / "case", images, outline)
    expected = np.stack([image.pixel_array for image in examination.classic[1]])
    assert number == 2
    assert sorted(plane.tobytes() for plane in array) == sorted(plane.tobytes() for plane in expected)
    assert int(roi.tumour.sum()) == int(examination.outline.pixel_array.sum())


def split_object(given: Examination, parts: Sequence[Sequence[int]]) -> list[Dataset]:
    """Return the Enhanced object of all phases as several objects, each with some of its frames."""
    pixels = np.frombuffer(given.enhanced.PixelData, np.uint16).reshape(PHASES * SLICES, -1)
    objects = []
    for at, frames in enumerate(parts):
        made = copy.deepcopy(given.enhanced)
        made.SOPInstanceUID, made.InstanceNumber = f"1.2.7.{at}", at + 1
        made.NumberOfFrames, made.PixelData = len(frames), pixels[list(frames)].tobytes()
        made.PerFrameFunctionalGroupsSequence = [
            copy.deepcopy(given.enhanced.PerFrameFunctionalGroupsSequence[frame]) for frame in frames
        ]
        objects.append(made)
    return objects


@pytest.mark.parametrize("size", [PHASES * SLICES // 4, 1], ids=["concatenation", "one frame each"])
def test_a_split_object_is_the_same_case(examination: Examination, tmp_path: Path, size: int) -> None:
    """Senders split large objects at any frame (concatenations, PS3.3 section C.7.6.16.2.2.4)."""
    images = split_object(examination, [range(at, at + size) for at in range(0, PHASES * SLICES, size)])
    outline = outline_on(examination, examination.enhanced, "nothing")
    array, roi, number = read(tmp_path / "case", images, outline)
    expected = np.stack([image.pixel_array for image in examination.classic[1]])
    assert number == 2
    assert sorted(plane.tobytes() for plane in array) == sorted(plane.tobytes() for plane in expected)
    assert int(roi.tumour.sum()) == int(examination.outline.pixel_array.sum())


def _by_dcmtk(option: str) -> Callable[[Path, Path], None]:
    def compress(plain: Path, compressed: Path) -> None:
        subprocess.run(["dcmcjpeg", option, str(plain), str(compressed)], check=True, timeout=60)

    return compress


def _by_pydicom(transfer_syntax: UID) -> Callable[[Path, Path], None]:
    def compress(plain: Path, compressed: Path) -> None:
        image = dcmread(plain)
        image.compress(transfer_syntax, generate_instance_uid=False)
        image.save_as(compressed, enforce_file_format=True)

    return compress


@pytest.mark.parametrize("basic_offset_table", [True, False])
@pytest.mark.parametrize(
    ("transfer_syntax", "compress"),
    [
        (JPEGLosslessSV1, _by_dcmtk("+e1")),
        (JPEGLossless, _by_dcmtk("+el")),
        (JPEGLSLossless, _by_pydicom(JPEGLSLossless)),
        (JPEG2000Lossless, _by_pydicom(JPEG2000Lossless)),
        (RLELossless, _by_pydicom(RLELossless)),
    ],
    ids=lambda value: value.keyword if isinstance(value, UID) else "",
)
def test_a_compressed_enhanced_object_is_the_same_case(
    examination: Examination,
    tmp_path: Path,
    transfer_syntax: UID,
    compress: Callable[[Path, Path], None],
    basic_offset_table: bool,
) -> None:
    """All phases in one object, in each lossless encoding that others write, with or without a Basic Offset Table."""
    if transfer_syntax in (JPEGLosslessSV1, JPEGLossless) and shutil.which("dcmcjpeg") is None:
        pytest.skip("needs dcmtk's dcmcjpeg")
    outline = outline_on(examination, examination.enhanced, "frames")
    expected, expected_roi, number = read(tmp_path / "plain", [examination.enhanced], outline)
    compress(tmp_path / "plain" / "0.dcm", tmp_path / "compressed.dcm")
    compressed = dcmread(tmp_path / "compressed.dcm")
    assert compressed.file_meta.TransferSyntaxUID == transfer_syntax
    frames = list(generate_frames(compressed.PixelData, number_of_frames=PHASES * SLICES))
    compressed.PixelData = encapsulate(frames, has_bot=basic_offset_table)
    compressed.save_as(tmp_path / "compressed.dcm", enforce_file_format=True)
    volume, roi, *_ = read_case([tmp_path / "compressed.dcm"], tmp_path / "plain" / "1.dcm", HAN2024)
    np.testing.assert_array_equal(volume.array, expected)
    np.testing.assert_array_equal(roi.tumour, expected_roi.tumour)
    assert volume.phase.index == number


def _by_time_offset(group: Dataset, phase: int) -> None:
    offset = Dataset()
    offset.TemporalPositionTimeOffset = 90.0 * phase
    group.TemporalPositionSequence = [offset]


def _by_dimension(group: Dataset, phase: int) -> None:
    group.FrameContentSequence[0].DimensionIndexValues = [1, 1, phase + 1]


def _by_times_of_several_forms(group: Dataset, phase: int) -> None:
    form = ("2024030110{:02d}00", "2024030110{:02d}00.000000", "2024030110{:02d}00.00")[phase]
    group.FrameContentSequence[0].FrameAcquisitionDateTime = form.format(5 + phase)


@pytest.mark.parametrize("tell", [_by_time_offset, _by_dimension, _by_times_of_several_forms])
def test_phases_of_an_enhanced_object_are_known_by_any_of_its_attributes(
    examination: Examination, tell: Callable[[Dataset, int], None]
) -> None:
    """Frames in random order, and one attribute alone that tells the phases: Temporal Position Index is optional."""
    made = copy.deepcopy(examination.enhanced)
    groups = made.PerFrameFunctionalGroupsSequence
    phases = [int(one.FrameContentSequence[0].TemporalPositionIndex) - 1 for one in groups]
    for phase, group in zip(phases, groups, strict=True):
        _change_content(group.FrameContentSequence[0], "absent", times=False)
        tell(group, phase)
    order = np.random.default_rng(4).permutation(len(phases)).tolist()
    made.PerFrameFunctionalGroupsSequence = [groups[at] for at in order]
    found = split_series(frames_of(Instance(Path(), made, made.file_meta.TransferSyntaxUID, None)))
    assert [{phases[order[(frame.number or 0) - 1]] for frame in phase.frames} for phase in found] == [{0}, {1}, {2}]


def test_enhanced_objects_that_nothing_tells_apart_are_refused(examination: Examination, tmp_path: Path) -> None:
    """Without position, times and numbers no phase is guessed, not even that of the object that the outline names."""
    images = enhanced_by_phase(examination, one_series=True, position="absent", times=False, numbers=False)
    with pytest.raises(RejectedInput, match="tell the phases apart") as refused:
        read(tmp_path / "case", images, outline_on(examination, images[1], "frames"))
    assert refused.value.reason is Reason.UNKNOWN_PHASE


def test_rescaling_may_differ_from_slice_to_slice(examination: Examination, tmp_path: Path) -> None:
    """Philips scales each image by itself: the grey values are those behind slope and intercept."""
    images = [copy.deepcopy(image) for phase in examination.classic for image in phase]
    for at, image in enumerate(images):
        steps, low = (1, 2, 4)[at % 3], -7 * (at % 5)
        stored = (image.pixel_array.astype(np.int32) - low) * steps
        image.PixelData = stored.astype(np.uint16).tobytes()
        image.BitsStored, image.HighBit = 16, 15
        image.RescaleSlope, image.RescaleIntercept = str(1 / steps), str(low)
    array, _, number = read(tmp_path / "case", images, copy.deepcopy(examination.outline))
    expected = np.stack([image.pixel_array for image in examination.classic[1]])
    assert number == 2
    assert sorted(map(np.sum, array)) == sorted(map(np.sum, expected.astype(float)))
