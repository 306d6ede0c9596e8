"""Small DICOM objects for tests of the intake: enough header to be kept and paired, no more."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage

ROOT = "1.2.826.0.1.3680043.10.99999"
STUDY = f"{ROOT}.1"
IMAGES = f"{ROOT}.1.1"
OUTLINES = f"{ROOT}.1.2"
FRAME_OF_REFERENCE = f"{ROOT}.1.9"


def image_uid(number: int, series: str = IMAGES) -> str:
    """Return the SOP Instance UID of an image."""
    return f"{series}.{number}"


def outline_uid(number: int = 1) -> str:
    """Return the SOP Instance UID of an outline."""
    return f"{OUTLINES}.{number}"


def image(
    number: int,
    series: str = IMAGES,
    study: str = STUDY,
    frame_of_reference: str = FRAME_OF_REFERENCE,
    pixel_bytes: int = 512,
    echo_time: float = 4.2,
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "M"),
) -> Dataset:
    """Return an MR image."""
    slice_ = _object(MRImageStorage, image_uid(number, series), series, study, frame_of_reference)
    slice_.EchoTime, slice_.RepetitionTime, slice_.ImageType = echo_time, 8.5, list(image_type)
    slice_.Modality, slice_.InstanceNumber = "MR", number
    slice_.Columns = 16 if pixel_bytes < 1 << 16 else 1024
    slice_.Rows = pixel_bytes // 2 // slice_.Columns
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 12, 11, 0
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.PixelData = bytes(range(256)) * (pixel_bytes // 256)
    return slice_


def outline(
    images: Iterable[int] = (),
    number: int = 1,
    series: str = OUTLINES,
    study: str = STUDY,
    image_series: str = IMAGES,
    named_series: bool = True,
    source_images: Sequence[int] = (),
    tracking_uid: str | None = None,
    frame_of_reference: str = FRAME_OF_REFERENCE,
) -> Dataset:
    """Return a segmentation with one frame per image in ``images``, each naming its image."""
    outline_ = _object(SegmentationStorage, outline_uid(number), series, study, frame_of_reference)
    outline_.Modality = "SEG"
    numbers = list(images)
    outline_.PerFrameFunctionalGroupsSequence = Items([_frame(image_uid(one, image_series)) for one in numbers])
    if numbers and named_series:
        referenced = Dataset()
        referenced.SeriesInstanceUID = image_series
        referenced.ReferencedInstanceSequence = Items([_reference(image_uid(one, image_series)) for one in numbers])
        outline_.ReferencedSeriesSequence = Items([referenced])
    if source_images:
        outline_.SourceImageSequence = Items([_reference(image_uid(one, image_series)) for one in source_images])
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Tumour"
    if tracking_uid:
        segment.TrackingUID = tracking_uid
    outline_.SegmentSequence = Items([segment])
    outline_.Rows = outline_.Columns = 16
    outline_.BitsAllocated, outline_.BitsStored, outline_.HighBit, outline_.PixelRepresentation = 8, 8, 7, 0
    outline_.PixelData = bytes(512)
    return outline_


def _object(sop_class: UID, uid: str, series: str, study: str, frame_of_reference: str) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, uid
    object_ = Dataset()
    object_.file_meta = meta
    object_.SOPClassUID, object_.SOPInstanceUID = sop_class, uid
    object_.StudyInstanceUID, object_.SeriesInstanceUID = study, series
    object_.FrameOfReferenceUID = frame_of_reference
    object_.PatientName, object_.PatientID = "Test^Patient", "SECRET-ID"
    return object_


def _frame(uid: str) -> Dataset:
    derivation = Dataset()
    derivation.SourceImageSequence = Items([_reference(uid)])
    frame = Dataset()
    frame.DerivationImageSequence = Items([derivation])
    return frame


def _reference(uid: str, sop_class: UID = MRImageStorage) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class, uid
    return reference


def file_bytes(object_: Dataset) -> bytes:
    """Return an object as a DICOM file."""
    buffer = BytesIO()
    dcmwrite(buffer, object_, enforce_file_format=True)
    return buffer.getvalue()


def data_set_bytes(path: Path) -> bytes:
    """Return what follows the File Meta Information of a file, byte for byte."""
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def write(folder: Path, objects: Iterable[Dataset]) -> Path:
    """Write objects as files into ``folder``; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, object_ in enumerate(objects):
        (folder / f"{number:04d}.dcm").write_bytes(file_bytes(object_))
    return folder


def transcoded(path: Path, transfer_syntax: UID, target: Path) -> Path:
    """Write an uncompressed file in another transfer syntax."""
    object_ = dcmread(path)
    object_.file_meta.TransferSyntaxUID = transfer_syntax
    implicit, little = transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian
    dcmwrite(target, object_, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return target
