"""Finds the DICOM instances in a folder to be sent, and the files that are not instances."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

from listener.dicom.bare_data_set import read_bare_data_set
from listener.dicom.data_set import UnreadableDataSet
from listener.dicom.part10 import file_head

PREAMBLE_LENGTH = 128


@dataclass(frozen=True)
class DicomFile:
    """An instance in a file, as its file meta information names it, or its data set where it has none."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    bare_offset: int | None = None
    """Offset of the data set in a file without preamble; None in a file that conforms to PS3.10."""

    @contextmanager
    def part10(self) -> Iterator[Path]:
        """Yield a path to a file that conforms to PS3.10: this one, or a temporary one with the same data set."""
        if self.bare_offset is None:
            yield self.path
            return
        with NamedTemporaryFile(suffix=".dcm") as file:
            file.write(file_head(self.sop_class_uid, self.sop_instance_uid, self.transfer_syntax_uid))
            file.write(self.path.read_bytes()[self.bare_offset :])
            file.flush()
            yield Path(file.name)


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
    """Yield the kind of each file; None for a DICOMDIR, which is an index and not an instance."""
    for path in paths:
        yield _read(path)


def _read(path: Path) -> DicomFile | OtherFile | None:
    try:
        with open(path, "rb") as file:
            if file.read(PREAMBLE_LENGTH + 4)[PREAMBLE_LENGTH:] != b"DICM":
                return _read_bare(path)
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


def _read_bare(path: Path) -> DicomFile | OtherFile:
    try:
        found = read_bare_data_set(path)
    except UnreadableDataSet as error:
        return OtherFile(path, f"no Part 10 header, and as a data set: {error}")
    if found is None:
        return OtherFile(path, "not a DICOM file")
    identity = found.identity
    return DicomFile(path, identity.sop_class_uid, identity.sop_instance_uid, str(found.transfer_syntax), found.offset)
