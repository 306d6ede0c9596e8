"""C-STORE SCU for folders: sends files unchanged over one association, and returns the peer's answer for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pynetdicom import _config, build_context
from pynetdicom.association import Association

from deploy.errors import Unreachable
from deploy.network.association import associated
from deploy.network.dicom_files import DicomFile
from deploy.network.peer import Peer
from listener.dicom.uids import UID_LENGTH
from listener.scp.statuses import IN_QUARANTINE, OTHER_CONTENT
from workers.targets.store_status import DUPLICATE_SOP_INSTANCE, StoreResult, meaning_of, status_words

MAX_CONTEXTS = 128
"""In one association: their ids are the odd numbers of one byte (PS3.8 section 9.3.2.2)."""


class SendOutcome(StrEnum):
    """The outcome of one file."""

    STORED = "stored"
    DUPLICATE = "not stored again"
    """The peer has an object with this UID already."""
    REFUSED = "refused"
    """Also by a radtme that has an object with other content under this UID."""
    NOT_ACCEPTED = "not accepted"
    """The peer does not accept this SOP class in this transfer syntax."""
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """No answer, not even the second time: the peer may or may not have stored it."""


@dataclass(frozen=True)
class SentFile:
    """One file with its outcome and the peer's answer."""

    file: DicomFile
    outcome: SendOutcome
    answer: str

    @property
    def is_quarantined(self) -> bool:
        """Whether the peer, a radtme, put it into quarantine."""
        return IN_QUARANTINE in self.answer


def send_files(
    peer: Peer,
    calling_ae_title: str,
    files: Sequence[DicomFile],
    timeout_seconds: float,
    on_sent: Callable[[SentFile], None] = lambda sent: None,
) -> list[SentFile]:
    """Send files to ``peer`` and return their outcomes in order; a file with an unknown outcome is sent once more.

    Raises
    ------
    Unreachable
        If there is no association at all. One that is lost later is opened again.
    """
    # The bytes as they lie in the file: decoding and encoding could change them. pynetdicom has one setting for all.
    _config.STORE_SEND_CHUNKED_DATASET = True
    results: dict[DicomFile, SentFile] = {}
    for again in (False, True):
        left = [file for file in files if file not in results]
        for group in groups_by_context(left):
            for sent in _send_group(peer, calling_ae_title, group, timeout_seconds, may_fail=again or bool(results)):
                if sent.outcome is not SendOutcome.UNKNOWN or again:
                    results[sent.file] = sent
                    on_sent(sent)
    return [results[file] for file in files]


def groups_by_context(files: Sequence[DicomFile]) -> list[list[DicomFile]]:
    """Split the files into as few groups as fit one association each by their presentation contexts."""
    group_of: dict[tuple[str, str], int] = {}
    groups: dict[int, list[DicomFile]] = {}
    for file in files:
        number = group_of.setdefault(_context_of(file), len(group_of) // MAX_CONTEXTS)
        groups.setdefault(number, []).append(file)
    return list(groups.values())


def _context_of(file: DicomFile) -> tuple[str, str]:
    return file.sop_class_uid, file.transfer_syntax_uid


def _send_group(
    peer: Peer, calling_ae_title: str, files: Sequence[DicomFile], timeout_seconds: float, *, may_fail: bool
) -> Iterator[SentFile]:
    contexts = [build_context(*context) for context in dict.fromkeys(_context_of(file) for file in files)]
    left = list(files)
    while left:
        try:
            with associated(peer, calling_ae_title, contexts, timeout_seconds) as association:
                accepted = {
                    (str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in association.accepted_contexts
                }
                while left and association.is_established:
                    sent = _send_one(association, accepted, left.pop(0))
                    yield sent
                    if sent.outcome is SendOutcome.UNKNOWN:
                        # An error in this association must not affect the next file.
                        association.abort()
        except Unreachable as error:
            if not may_fail:
                raise
            yield from (SentFile(file, SendOutcome.UNKNOWN, error.message) for file in left)
            return
        may_fail = True


def _send_one(association: Association, accepted: set[tuple[str, str]], file: DicomFile) -> SentFile:
    if _context_of(file) not in accepted:
        return SentFile(file, SendOutcome.NOT_ACCEPTED, "not taken in this SOP class and transfer syntax")
    if len(file.sop_instance_uid) > UID_LENGTH:  # pynetdicom makes no command of it
        fault = f"its SOP Instance UID has {len(file.sop_instance_uid)} characters, {UID_LENGTH} at most"
        return SentFile(file, SendOutcome.UNREADABLE, fault)
    try:
        with file.part10() as path:
            response = association.send_c_store(path)
    except OSError as error:
        return SentFile(file, SendOutcome.UNREADABLE, error.strerror or "cannot be read")
    except RuntimeError:  # pynetdicom: the association ended before the request was out
        return SentFile(file, SendOutcome.UNKNOWN, "the association was lost")
    status = response.get("Status")
    comment = str(response.get("ErrorComment") or "")
    said = "no answer" if status is None else ": ".join(filter(None, (status_words(status), comment)))
    if status == DUPLICATE_SOP_INSTANCE:
        return SentFile(file, SendOutcome.REFUSED if OTHER_CONTENT in said else SendOutcome.DUPLICATE, said)
    match meaning_of(status):
        case StoreResult.TAKEN:
            return SentFile(file, SendOutcome.STORED, said)
        case StoreResult.REFUSED:
            return SentFile(file, SendOutcome.REFUSED, said)
        case StoreResult.TRY_AGAIN:
            # A file with a status is done; one without an answer is sent again.
            return SentFile(file, SendOutcome.UNKNOWN if status is None else SendOutcome.REFUSED, said)
