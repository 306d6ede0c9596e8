"""The SOP classes in which a result can be sent: its own first, then plainer objects with the same content."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage

from workers.reports.measurement_report import as_sop_class
from workers.results.result_classes import PAGES, PLAINER_REPORTS, may_go_as
from workers.results.result_roles import Fallback
from workers.targets.transport import Alternatives


class DamagedResult(Exception):
    """A result object is missing from the spool, or cannot be read."""


def alternatives(path: Path, fallback: Fallback = Fallback.DOCUMENT) -> Alternatives:
    """Return the result in ``path`` by the SOP classes in which it can be sent to a target with this setting.

    Raises
    ------
    DamagedResult
        If the file is missing or not DICOM.
    """
    try:
        dataset = dcmread(path)
    except (FileNotFoundError, InvalidDicomError) as error:
        raise DamagedResult(
            f"{path.name} is damaged or gone from the job's folder: restore it from a backup"
        ) from error
    choices: dict[str, Callable[[], Dataset]] = {dataset.SOPClassUID: lambda: dataset}
    if dataset.SOPClassUID == Comprehensive3DSRStorage:
        choices |= {uid: partial(as_sop_class, dataset, uid) for uid in PLAINER_REPORTS}
    if dataset.SOPClassUID in (Comprehensive3DSRStorage, SegmentationStorage):
        choices |= {uid: partial(make, dataset, path) for uid, make in zip(PAGES, (_as_pdf, _as_picture), strict=True)}
    return {uid: choices[uid] for uid in may_go_as(fallback, list(choices))}


def _as_pdf(dataset: Dataset, path: Path) -> Dataset:
    from workers.fallbacks.documents import as_encapsulated_pdf  # loads what draws, which few targets need

    return as_encapsulated_pdf(dataset, path)


def _as_picture(dataset: Dataset, path: Path) -> Dataset:
    from workers.fallbacks.documents import as_secondary_capture

    return as_secondary_capture(dataset, path)
