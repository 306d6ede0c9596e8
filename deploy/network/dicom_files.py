"""What lies in a folder that someone wants to send: DICOM instances, and the files that are none."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

PREAMBLE_LENGTH = 128


@dataclass(frozen=True)
class DicomFile:
    """An instance in a file, as its file meta information names it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True)
class OtherFile:
    """A file that cannot be sent, with why."""

    path: Path
    reason: str


def files_below(folder: Path) -> list[Path]:
    """Return the files in ``folder`` and below, sorted by path; a single file stands for itself."""
    if folder.is_file():
        return [folder]
    return sorted(Path(root) / name for root, _, names in os.walk(folder) for name in names)


def read_all(paths: Sequence[Path]) -> Iterator[DicomFile | OtherFile | None]:
    """Yield what each file is; None for a DICOMDIR, which is an index and no instance."""
    for path in paths:
        yield _read(path)


def _read(path: Path) -> DicomFile | OtherFile | None:
    try:
        with open(path, "rb") as file:
            if file.read(PREAMBLE_LENGTH + 4)[PREAMBLE_LENGTH:] != b"DICM":
                return OtherFile(path, "not a DICOM file")
        meta = read_file_meta_info(path)
    except OSError as error:
        return OtherFile(path, error.strerror or "cannot be read")
    except (InvalidDicomError, EOFError, ValueError, KeyError, NotImplementedError):
        return OtherFile(path, "damaged file meta information")
    if meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        return None
    names = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
    missing = [name for name in names if not meta.get(name)]
    if missing:
        return OtherFile(path, f"no {', '.join(missing)} in its file meta information")
    return DicomFile(
        path, str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID)
    )
