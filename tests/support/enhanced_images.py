"""Classic images as one Legacy Converted Enhanced MR object, as archives convert them; made by highdicom."""

from collections.abc import Sequence
from pathlib import Path

from highdicom.legacy import LegacyConvertedEnhancedMRImage
from pydicom import dcmread
from pydicom.uid import MRImageStorage, generate_uid

TYPE_2 = ("AccessionNumber", "StudyID", "ReferringPhysicianName", "StudyTime", "PositionReferenceIndicator")
"""What highdicom expects every image to have."""


def write_legacy_converted(path: Path, images: Sequence[Path]) -> Path:
    """Write the object that ``images`` of one series were converted to; its frames name the images."""
    headers = [dcmread(image) for image in images]
    for header in headers:
        for keyword in (
            "AccessionNumber",
            "StudyID",
            "ReferringPhysicianName",
            "StudyTime",
            "PositionReferenceIndicator",
        ):
            if keyword not in header:
                setattr(header, keyword, "")
    key = str(headers[0].SeriesInstanceUID)
    found = LegacyConvertedEnhancedMRImage(
        headers,
        series_instance_uid=generate_uid(entropy_srcs=[key, "series"]),
        series_number=77,
        sop_instance_uid=generate_uid(entropy_srcs=[key, "instance"]),
        instance_number=1,
    )
    found.save_as(path, enforce_file_format=True)
    return path


def outline_on_classic(case: Path, folder: Path) -> Path:
    """Write the case's outline as it was drawn on the classic images that the object was converted from."""
    legacy, seg = dcmread(case / "legacy.dcm"), dcmread(case / "seg.dcm")
    classic = [
        groups.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID
        for groups in legacy.PerFrameFunctionalGroupsSequence
    ]
    for groups in seg.PerFrameFunctionalGroupsSequence:
        for source in groups.DerivationImageSequence[0].SourceImageSequence:
            source.ReferencedSOPClassUID = MRImageStorage
            source.ReferencedSOPInstanceUID = classic[int(source.ReferencedFrameNumber) - 1]
            del source.ReferencedFrameNumber
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence"):
        seg.pop(keyword, None)
    path = folder / "seg.dcm"
    seg.save_as(path)
    return path
