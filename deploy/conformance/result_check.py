"""Checks AI result objects of any maker: IOD, structure, codes, tracking, references, IHE AI Results."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import MediaStorageDirectoryStorage

from deploy.conformance.finding import CheckedObject, Finding, Level, uid
from deploy.conformance.object_rules import (
    code_findings,
    equipment_findings,
    iod_findings,
    report_findings,
    segmentation_findings,
)
from deploy.conformance.reference_rules import (
    resolving_findings,
    root_findings,
    source_findings,
    tracking_findings,
    tree_findings,
)
from deploy.network.dicom_files import files_below
from listener.dicom.data_set import UNREADABLE_BYTES, UNREADABLE_FILE

SOURCES = ("MR", "CT", "PT", "MG", "US", "DX", "CR", "NM", "XA", "RF")
"""Modalities of images that results are made from: they are read to resolve references, and not judged."""

NAMES_OF_DICOM = (".dcm", ".dicom", ".ima")
"""Endings of the names of files that are read, whatever they hold."""
PREAMBLE_LENGTH = 128
FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""How a data set without a preamble begins."""


@dataclass(frozen=True)
class CheckReport:
    """What `radtme check` found."""

    results: int
    """Number of result objects that were judged."""
    sources: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(one.level is Level.ERROR for one in self.findings)


def files_to_check(target: Path) -> list[Path]:
    """Return a file, or the files of a folder without those that are of another kind by their name and content.

    A folder of results often holds pictures and notes. A file that is named as DICOM stays.
    """
    if target.is_file():
        return [target]
    return [path for path in files_below(target) if path.suffix.lower() in NAMES_OF_DICOM or _looks_like_dicom(path)]


def _looks_like_dicom(path: Path) -> bool:
    """Return whether a file is of PS3.10 (section 7.1), or has no ending and begins as a data set."""
    with path.open("rb") as file:
        begin = file.read(PREAMBLE_LENGTH + 4)
    return begin.endswith(b"DICM") or (not path.suffix and begin.startswith(FIRST_GROUPS))


def check_results(paths: Sequence[Path]) -> CheckReport:
    """Return the findings on all result objects in these files; a file that is not DICOM is a finding.

    The directory of a medium (DICOMDIR) is no result.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, which quote values; the IOD is dciodvfy's to judge
        return _check_results(paths)


def _check_results(paths: Sequence[Path]) -> CheckReport:
    read = [_read(path) for path in paths]
    objects = [one for one in read if isinstance(one, CheckedObject) and not _is_directory(one.dataset)]
    results = [one for one in objects if str(one.dataset.get("Modality", "")) not in SOURCES]
    known = {uid(one.dataset): one for one in objects}
    findings = [one for one in read if isinstance(one, Finding)]
    for checked in results:
        findings += _guarded(checked, _object_rules(checked))
        for rule in (resolving_findings, tracking_findings, source_findings):
            findings += _guarded(checked, [lambda one, rule=rule: rule(one, known)])  # type: ignore[misc]
    findings += root_findings(results)
    return CheckReport(len(results), len(objects) - len(results), tuple(findings))


def _read(path: Path) -> CheckedObject | Finding:
    try:
        dataset = dcmread(path)
        for _ in dataset.iterall():  # decodes it
            pass
    except UNREADABLE_FILE:
        return Finding(str(path), Level.ERROR, "unreadable", "the file cannot be read as DICOM")
    return CheckedObject(path, dataset)


def _is_directory(dataset: Dataset) -> bool:
    return uid(getattr(dataset, "file_meta", Dataset()), "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage


def _object_rules(checked: CheckedObject) -> list[Callable[[CheckedObject], Iterator[Finding]]]:
    rules: list[Callable[[CheckedObject], Iterator[Finding]]] = [iod_findings, code_findings, equipment_findings]
    match str(checked.dataset.get("Modality", "")):
        case "SR":
            rules += [report_findings, tree_findings]
        case "SEG":
            rules += [segmentation_findings]
    return rules


def _guarded(
    checked: CheckedObject, rules: Sequence[Callable[[CheckedObject], Iterator[Finding]]]
) -> Iterator[Finding]:
    """Yield the findings of these rules; an object that a rule cannot read is a finding too."""
    for rule in rules:
        try:
            yield from rule(checked)
        except (AttributeError, *UNREADABLE_BYTES):
            yield checked.error("incomplete", "the object lacks an attribute that it must have, or it cannot be read")
