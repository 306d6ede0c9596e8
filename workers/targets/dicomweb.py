"""STOW-RS, QIDO-RS: a DICOMweb server as a target (PS3.18 sections 10.5 and 10.6).

One request for each object, in order: the segmentation first, the report that refers to it last. So every object
has a status of its own also where a server answers with a bare number, and a refused one does not block the others.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.http_client import HttpClient, HttpResponse, client_of, require_reached
from workers.targets.store_status import StoreResult, meaning_of
from workers.targets.target import Target
from workers.targets.transport import Alternatives, SentObject

REFERENCED, FAILED = "00081199", "00081198"
"""Referenced SOP Sequence and Failed SOP Sequence of the response (PS3.18 annex I)."""
REFERENCED_INSTANCE, FAILURE_REASON, SOP_INSTANCE = "00081155", "00081197", "00080018"
STORED_BEFORE = 0xB00E
"""Not in the Standard: the reason that a widely used server gives for an instance that it already has."""
NOT_FOR_US = {
    401: "does not accept our credentials, or none are configured",
    403: "does not let us store",
    404: "has no DICOMweb at this URL",
    405: "takes no objects at this URL",
    407: "is behind a proxy that wants credentials",
    410: "has no DICOMweb at this URL any more",
    501: "has no such service",
}
UNKNOWN_INSTANCE_UID = "2.25.0"
JSON = {"Accept": "application/dicom+json"}


class Stow:
    """A DICOMweb server as a target."""

    def send(
        self, target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]
    ) -> Iterator[SentObject]:
        """Send by STOW-RS and yield the server's answer for each object.

        Raises
        ------
        TransientFailure
            If there is no answer, or the server is too busy: objects without an answer do not count as taken.
        TargetRefused
            If it refuses everything from us.
        """
        with client_of(target) as server:
            for role, choices in objects.items():
                yield _store_best(server, target, role, choices)

    def probe(self, target: Target, calling_ae_title: str) -> None:
        """Query a study that does not exist."""
        with client_of(target) as server:
            answer = server.request("GET", f"/studies?StudyInstanceUID={UNKNOWN_INSTANCE_UID}&limit=1", JSON)
        require_reached(target, answer, NOT_FOR_US)

    def seen(self, target: Target, calling_ae_title: str, instances: Sequence[InstanceReference]) -> frozenset[str]:
        """Ask by QIDO-RS for each instance."""
        listed: set[str] = set()
        with client_of(target) as server:
            for one in instances:
                path = (
                    f"/studies/{one.study_uid}/series/{one.series_uid}/instances?SOPInstanceUID={one.sop_instance_uid}"
                )
                answer = server.request("GET", path, JSON)
                if answer.status in (204, 404):  # 404 also where it does not know the study
                    continue
                require_reached(target, answer, NOT_FOR_US)
                if answer.status != 200:
                    raise TransientFailure(f"{target.url} answered the search with HTTP {answer.status}")
                listed |= {_first(match, SOP_INSTANCE) for match in _items(answer.json())} & {one.sop_instance_uid}
        return frozenset(listed)


def _store_best(server: HttpClient, target: Target, role: ResultRole, choices: Alternatives) -> SentObject:
    """Send the first alternative that the server takes; without negotiation, each is tried in turn."""
    sent = None
    for build in choices.values():
        dataset = build()
        answer = _post(server, dataset)
        require_reached(target, answer, NOT_FOR_US)
        sent = SentObject(role, InstanceReference.of(dataset), *_result_of(answer, str(dataset.SOPInstanceUID)))
        if sent.answer is not StoreResult.REFUSED or not _is_unknown_class(answer, str(dataset.SOPInstanceUID)):
            return sent
    assert sent is not None  # noqa: S101 - a result is at least one object
    return sent


def _post(server: HttpClient, dataset: Dataset) -> HttpResponse:
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    content = f'multipart/related; type="application/dicom"; boundary={boundary}'
    body = head + file_of(dataset) + f"\r\n--{boundary}--\r\n".encode()
    return server.request("POST", f"/studies/{dataset.StudyInstanceUID}", {**JSON, "Content-Type": content}, body)


def file_of(dataset: Dataset) -> bytes:
    """Return the object as a DICOM file."""
    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _result_of(answer: HttpResponse, uid: str) -> tuple[StoreResult, str]:
    """Return what to do about an object after the response to its STOW-RS (PS3.18 table 10.5.3-1)."""
    said = f"HTTP {answer.status}"
    content = answer.json()
    if _holds(content, REFERENCED, uid):
        return StoreResult.TAKEN, said
    reason = _failure_reason(content, uid)
    if reason is not None:
        meaning = StoreResult.TAKEN if reason == STORED_BEFORE else meaning_of(reason)
        return meaning, f"{said}, 0x{reason:04X}"
    if answer.status == 200:
        # The status says stored, and the body does not contradict it for this object.
        return StoreResult.TAKEN, said
    if 400 <= answer.status < 500:
        return StoreResult.REFUSED, said
    return StoreResult.TRY_AGAIN, said


def _is_unknown_class(answer: HttpResponse, uid: str) -> bool:
    """Return whether the server does not take this SOP class, so that a plainer one may be taken."""
    return answer.status == 415 or _failure_reason(answer.json(), uid) == 0x0122


def _holds(content: Any, sequence: str, uid: str) -> bool:
    return any(_first(item, REFERENCED_INSTANCE) == uid for item in _sequence(content, sequence))


def _failure_reason(content: Any, uid: str) -> int | None:
    for item in _sequence(content, FAILED):
        reason = _first(item, FAILURE_REASON)
        # We send one object: a failure without a UID, as of one that could not be read, is about it.
        if _first(item, REFERENCED_INSTANCE) in (uid, None) and isinstance(reason, int) and 0 < reason <= 0xFFFF:
            return reason
    return None


def _sequence(content: Any, tag: str) -> list[Any]:
    data_set = content[0] if isinstance(content, list) and content else content
    return _items(data_set.get(tag, {}).get("Value")) if _is_element(data_set, tag) else []


def _is_element(data_set: Any, tag: str) -> bool:
    return isinstance(data_set, dict) and isinstance(data_set.get(tag), dict)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(item: Any, tag: str) -> Any:
    values = _items(item[tag].get("Value")) if _is_element(item, tag) else []
    return values[0] if values else None
