"""Storage Commitment Push Model: the SCP's report, the data set of an N-EVENT-REPORT (PS3.4 section J.3.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from listener.dicom.structure_check import check_structure
from listener.dicom.structure_limits import StructureLimits
from listener.dicom.uids import InvalidUid, checked_uid

STORAGE_COMMITMENT = UID("1.2.840.10008.1.20.1")
STORAGE_COMMITMENT_INSTANCE = UID("1.2.840.10008.1.20.1.1")
"""The well-known SOP Instance of N-ACTION and N-EVENT-REPORT (PS3.4 section J.3.5)."""
LIMITS = StructureLimits(max_sequence_depth=4)
MAX_REPORT_BYTES = 1024 * 1024
"""A case has a handful of results; this leaves room for a report on some thousand instances."""


class UnreadableReport(Exception):
    """A report lacks attributes that table J.3-2 requires, or cannot be read at all."""


@dataclass(frozen=True)
class CommitmentReport:
    """The instances that an SCP takes responsibility for, and those that it does not."""

    transaction_uid: str
    committed: tuple[str, ...]
    """SOP Instance UIDs."""
    failed: Mapping[str, int]
    """Failure Reason by SOP Instance UID."""

    @classmethod
    def of(cls, event: Dataset) -> "CommitmentReport":
        """Return the report in the data set of an N-EVENT-REPORT.

        Raises
        ------
        UnreadableReport
            If a UID or a sequence is missing or malformed.
        """
        try:
            kept = _items(event.get("ReferencedSOPSequence") or [])
            lost = _items(event.get("FailedSOPSequence") or [])
            failed = {uid: int(item.get("FailureReason") or 0) for uid, item in lost}
            return cls(checked_uid(event.TransactionUID), tuple(uid for uid, _ in kept), failed)
        except InvalidUid as error:
            raise UnreadableReport(str(error)) from error
        except (AttributeError, TypeError, ValueError, RecursionError, BytesLengthException) as error:
            raise UnreadableReport(f"the report cannot be read ({type(error).__name__})") from error


def decode_report(content: bytes, transfer_syntax: UID) -> CommitmentReport:
    """Read an encoded data set.

    Raises
    ------
    UnreadableReport
        If it is not a data set, or not a report.
    """
    try:
        check_structure(content, 0, transfer_syntax, LIMITS)
        event = read_dataset(
            BytesIO(content), transfer_syntax.is_implicit_VR, transfer_syntax.is_little_endian, bytelength=len(content)
        )
    except Exception as error:  # pydicom raises what its readers happen to raise
        raise UnreadableReport(f"the report cannot be read ({type(error).__name__})") from error
    return CommitmentReport.of(event)


def _items(sequence: Iterable[Dataset]) -> list[tuple[str, Dataset]]:
    return [(checked_uid(item.ReferencedSOPInstanceUID), item) for item in sequence]
