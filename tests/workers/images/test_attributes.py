"""Whatever bytes a device writes into an optional attribute: a number by the Standard, or absent; never a crash."""

from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from workers.errors import RejectedInput
from workers.images.attributes import numbers, optional_integer, optional_number
from workers.images.frames import Frame, frames_of
from workers.images.headers import Instance
from workers.images.phases import split_series
from workers.images.technique import derivation, other_technique
from workers.outline.phase_times import first_after_bolus, pace_seconds

SEEN = [
    b"",
    b"1,5 ",
    b"IM-12 ",
    b"NaN ",
    b"inf ",
    b"1_0 ",
    b"1\\2 ",
    b"\\\\",
    b"\0\0",
    b" 12 ",
    b"1e400 ",
    b"0x10",
    b"--1 ",
]
BYTES = st.one_of(
    st.sampled_from(SEEN), st.binary(max_size=20), st.text("0123456789+-.eE, \\_", max_size=8).map(str.encode)
)
OPTIONAL = (
    "AcquisitionDate",
    "AcquisitionDateTime",
    "AcquisitionNumber",
    "AcquisitionTime",
    "BodyPartExamined",
    "ContentTime",
    "ContrastBolusAgentSequence",
    "ContrastBolusStartTime",
    "DiffusionBValue",
    "EchoTime",
    "ImageType",
    "InstanceNumber",
    "SeriesDescription",
    "TemporalPositionIdentifier",
    "TriggerTime",
)
OF_FRAMES = {
    "FrameContentSequence": (
        "DimensionIndexValues",
        "FrameAcquisitionDateTime",
        "FrameReferenceDateTime",
        "TemporalPositionIndex",
    ),
    "CardiacSynchronizationSequence": ("NominalCardiacTriggerDelayTime",),
    "MREchoSequence": ("EffectiveEchoTime",),
    "MRImageFrameTypeSequence": ("ComplexImageComponent", "FrameType"),
}
many = settings(max_examples=300)


def put(dataset: Dataset, keyword: str, value: bytes) -> None:
    """Set an element to bytes as they come from a file."""
    tag = Tag(tag_for_keyword(keyword) or keyword)
    dataset._dict[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)


def located() -> Dataset:
    """Return the attributes that place an image."""
    dataset = Dataset()
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [1, 1]
    return dataset


def instance(dataset: Dataset, sop_class: UID) -> Instance:
    """Return an image of 4 x 4 pixels with this header."""
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID = sop_class, "1.2.3", "1.2"
    dataset.Rows = dataset.Columns = 4
    return Instance(Path("image"), dataset, ExplicitVRLittleEndian, None)


def use(image: Instance) -> tuple[Frame, ...]:
    """Use a header as it is used before its pixels are read."""
    frames = frames_of(image)
    phases = split_series(frames)
    first_after_bolus(phases)
    pace_seconds(phases)
    other_technique(image.dataset, frames[0].number)
    derivation(image.dataset, frames[0].number)
    return frames


def expected(value: bytes) -> Decimal | None:
    """Return the number that these bytes are by PS3.5 section 6.2 (DS, IS); None where they are none."""
    found = value.decode("ascii", "replace").strip(" \0")
    if not found or not set(found) <= set("0123456789+-.eE"):
        return None
    try:
        number = Decimal(found)
    except InvalidOperation:
        return None
    return number if abs(number) <= Decimal("1.7e308") else None


@many
@given(value=BYTES)
def test_an_optional_number_is_that_of_the_standard_or_absent(value: bytes) -> None:
    """Two values, a text, a decimal comma, a NaN, an underscore: none of them becomes a number."""
    dataset = Dataset()
    put(dataset, "TriggerTime", value)
    number = expected(value)
    assert optional_number(dataset, "TriggerTime") == (None if number is None else float(number))
    whole = number is not None and float(number).is_integer()
    assert optional_integer(dataset, "TriggerTime") == (int(float(number)) if whole and number is not None else None)


@many
@given(value=BYTES)
def test_a_number_that_is_needed_is_read_or_refused(value: bytes) -> None:
    """No value of a position is dropped, or taken for a number that it is not."""
    dataset = Dataset()
    put(dataset, "ImagePositionPatient", value)
    parts = value.strip(b" \0").split(b"\\") if value.strip(b" \0") else []
    wanted = [expected(part) if part.strip(b"\0") == part else None for part in parts]
    if None in wanted:
        with pytest.raises(RejectedInput, match="ImagePositionPatient"):
            numbers(dataset, "ImagePositionPatient")
    else:
        found = numbers(dataset, "ImagePositionPatient")
        assert list(found) == [float(number) for number in wanted if number is not None]


@many
@given(keyword=st.sampled_from(OPTIONAL), value=BYTES)
def test_a_classic_image_is_read_whatever_is_optional(keyword: str, value: bytes) -> None:
    """The image stays part of its stack; nothing raises."""
    dataset = located()
    put(dataset, keyword, value)
    (frame,) = use(instance(dataset, MRImageStorage))
    assert frame.plane.position == (0, 0, 0)


@many
@given(place=st.sampled_from([(group, keyword) for group in OF_FRAMES for keyword in OF_FRAMES[group]]), value=BYTES)
@pytest.mark.parametrize("shared", [True, False])
def test_a_multi_frame_image_is_read_whatever_is_optional(shared: bool, place: tuple[str, str], value: bytes) -> None:
    """The same in functional groups, where values are binary."""
    dataset, frame_groups, shared_groups = Dataset(), Dataset(), Dataset()
    shared_groups.PlanePositionSequence = [located()]
    shared_groups.PlaneOrientationSequence = shared_groups.PixelMeasuresSequence = [located()]
    macro = Dataset()
    put(macro, place[1], value)
    setattr(shared_groups if shared else frame_groups, place[0], [macro])
    dataset.SharedFunctionalGroupsSequence = [shared_groups]
    dataset.PerFrameFunctionalGroupsSequence = [frame_groups]
    (frame,) = use(instance(dataset, EnhancedMRImageStorage))
    assert frame.plane.position == (0, 0, 0)


@pytest.mark.parametrize("value", [b"\x01", b"1,5 ", bytes(7)])
@pytest.mark.parametrize(
    "keyword",
    ["DimensionIndexSequence", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"],
)
def test_damaged_functional_groups_are_refused_or_not_needed(keyword: str, value: bytes) -> None:
    """A sequence that is no sequence: refused with the image's UID, except where nothing depends on it."""
    dataset, shared_groups = Dataset(), Dataset()
    shared_groups.PlanePositionSequence = [located()]
    shared_groups.PlaneOrientationSequence = shared_groups.PixelMeasuresSequence = [located()]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared_groups], [Dataset()]
    image = instance(dataset, EnhancedMRImageStorage)
    put(dataset, keyword, value)
    if keyword == "DimensionIndexSequence":
        assert len(use(image)) == 1
    else:
        with pytest.raises(RejectedInput, match=r"1\.2\.3"):
            use(image)
