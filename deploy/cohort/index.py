"""An index of a folder of DICOM in any layout: every header is read once, and cached until its file changes."""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from deploy.cohort.cluster_tasks import run_tasks
from deploy.network.dicom_files import files_below
from listener.dicom.data_set import UNREADABLE_BYTES
from listener.dicom.own_results import is_own_result
from listener.dicom.sop_classes import is_image, is_outline
from model_store.computing.cluster import Cluster
from model_store.files import replace_durably
from workers.errors import RejectedInput
from workers.images.attributes import text
from workers.images.headers import read_header, read_plain
from workers.outline.outline import NO_RULES, is_structure_set
from workers.outline.segment_rules import SegmentRules
from workers.outline.structure_set import frame_of_reference_of
from workers.outline.tumours import drawn_on, tumours_of

IMAGE, OUTLINE, OTHER = "image", "outline", "other"
IMAGE_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "InstitutionName",
    "Manufacturer",
    "ManufacturerModelName",
]
FILES_PER_TASK = 500
FORMAT = 2
"""Of the remembered headers: those of a version that knew fewer kinds of outlines are read again."""


@dataclass(frozen=True)
class IndexedFile:
    """The attributes of one file by which cases are found."""

    path: str
    """Relative to the folder."""
    size: int
    mtime_ns: int
    kind: str = OTHER
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    patient: str = ""
    site: str = ""
    scanner: str = ""
    references: tuple[str, ...] = ()
    """Of an outline: the images that it was drawn on."""
    tumours: tuple[int, ...] = ()
    """Of an outline: the numbers of its tumours."""
    reader: str = ""
    """Of an outline: who drew it."""
    drawn: str = ""
    """Of an outline: when."""


def index_folder(
    folder: Path, cache: Path, cluster: Cluster, on_files: Callable[[int], None], rules: SegmentRules = NO_RULES
) -> list[IndexedFile]:
    """Return the MR images and outlines below a folder; ``on_files`` is called with the number of files read since.

    ``rules`` decide which segments are tumours. Results of the service are left out: a study that was scored before
    contains them.
    """
    known = {one.path: one for one in _read(cache, _form(rules))}
    current: list[IndexedFile] = []
    new: list[tuple[str, str]] = []
    for path in files_below(folder):
        name = str(path.relative_to(folder))
        status = os.stat(path)
        was = known.get(name)
        if was is not None and (was.size, was.mtime_ns) == (status.st_size, status.st_mtime_ns):
            current.append(was)
        else:
            new.append((str(folder), name))
    on_files(len(current))
    parts = [new[start : start + FILES_PER_TASK] for start in range(0, len(new), FILES_PER_TASK)]
    read = partial(_index_files, rules)
    for ended in run_tasks(cluster, read, parts):
        # A header that crashes its process takes its batch along; one by one, it takes only itself.
        found = ended.value if ended.value is not None else _one_by_one(cluster, read, ended.task)
        current.extend(found)
        on_files(len(ended.task))
    current.sort(key=lambda one: one.path)
    _write(cache, current, _form(rules))
    return [one for one in current if one.kind != OTHER]


def indexed_images(cache: Path) -> list[IndexedFile]:
    """Return the images that the last reading of a folder found."""
    return [one for one in _read(cache) if one.kind == IMAGE]


def _form(rules: SegmentRules) -> str:
    """Return the first line of the remembered headers: what decided which tumours an outline has."""
    return json.dumps({"format": FORMAT, "rules": asdict(rules)})


def _one_by_one(
    cluster: Cluster, read: Callable[[list[tuple[str, str]]], list[IndexedFile]], names: list[tuple[str, str]]
) -> list[IndexedFile]:
    endings = run_tasks(cluster, read, [[name] for name in names])
    return [one for ended in endings for one in (ended.value or [_unusable(*ended.task[0])])]


def _index_files(rules: SegmentRules, names: Iterable[tuple[str, str]]) -> list[IndexedFile]:
    return [_index_file(Path(folder), name, rules) for folder, name in names]


def _unusable(folder: str, name: str) -> IndexedFile:
    status = os.stat(Path(folder) / name)
    return IndexedFile(name, status.st_size, status.st_mtime_ns)


def _index_file(folder: Path, name: str, rules: SegmentRules) -> IndexedFile:
    path = folder / name
    status = os.stat(path)
    nothing = IndexedFile(name, status.st_size, status.st_mtime_ns)
    try:
        header = _header(path)
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, TypeError, NotImplementedError, KeyError):
        return nothing
    if is_outline(text(header, "SOPClassUID")):
        try:
            return _outline(nothing, read_header(path).dataset, rules)
        # It stays in the index, so that the measurement reports why it cannot be used.
        except (RejectedInput, *UNREADABLE_BYTES):
            return _described(nothing, header, OUTLINE)
    if not is_image(text(header, "SOPClassUID")):
        return nothing
    return _described(nothing, header, IMAGE)


def _header(path: Path) -> Dataset:
    """Return at least the attributes that the index takes."""
    with suppress(*UNREADABLE_BYTES):  # pydicom reads more
        plain = read_plain(path)  # in a third of the time
        if plain is not None:
            return plain.dataset
    return dcmread(path, stop_before_pixels=True, specific_tags=IMAGE_TAGS)


def _described(file: IndexedFile, header: Dataset, kind: str, **more: object) -> IndexedFile:
    scanner = " ".join(filter(None, (text(header, "Manufacturer"), text(header, "ManufacturerModelName"))))
    values = {
        "kind": kind,
        "sop_instance_uid": text(header, "SOPInstanceUID"),
        "study_uid": text(header, "StudyInstanceUID"),
        "series_uid": text(header, "SeriesInstanceUID"),
        "frame_of_reference_uid": text(header, "FrameOfReferenceUID"),
        "patient": str(header.get("PatientID") or ""),
        "site": str(header.get("InstitutionName") or ""),
        "scanner": scanner,
    }
    return IndexedFile(file.path, file.size, file.mtime_ns, **values, **more)  # type: ignore[arg-type]


def _outline(file: IndexedFile, header: Dataset, rules: SegmentRules) -> IndexedFile:
    if is_own_result(header):
        return file
    named = {"references": tuple(sorted({uid for uid, _ in drawn_on(header)})), "tumours": tumours_of(header, rules)}
    if not is_structure_set(header):
        reader, drawn = str(header.get("ContentCreatorName") or ""), text(header, "ContentDate")
        return _described(file, header, OUTLINE, reader=reader, drawn=f"{drawn}{text(header, 'ContentTime')}", **named)
    header.FrameOfReferenceUID = frame_of_reference_of(header)
    interpreters = {str(one.get("ROIInterpreter") or "") for one in header.get("RTROIObservationsSequence") or ()}
    reader = interpreters.pop() if len(interpreters) == 1 else ""
    drawn = f"{text(header, 'StructureSetDate')}{text(header, 'StructureSetTime')}"
    return _described(file, header, OUTLINE, reader=reader, drawn=drawn, **named)


def _read(cache: Path, form: str = "") -> list[IndexedFile]:
    """Return the remembered headers; of another form than this one, if one is given, none."""
    try:
        found, *lines = cache.read_text().splitlines()
        return [_from_json(line) for line in lines] if form in ("", found) else []
    except (OSError, ValueError, TypeError):
        return []


def _from_json(line: str) -> IndexedFile:
    values: dict[str, Any] = json.loads(line)
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return IndexedFile(**plain)


def _write(cache: Path, files: Iterable[IndexedFile], form: str) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    lines = [form, *(json.dumps(vars(one)) for one in files)]
    replace_durably(cache, "".join(f"{line}\n" for line in lines).encode())
