"""Presentation contexts that peers proposed and did not get: why nothing comes from a sender.

One file for each calling AE title, SOP class and list of transfer syntaxes: ``refused_contexts/<hash>.json``. Its
modification time is when it was refused last, to the hour.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from listener.dicom.uids import uid_name
from listener.spool.atomic_files import make_folder, read_json, write_json
from listener.spool.spool import Spool

FOLDER = "refused_contexts"
MAX_NOTES = 500
"""A peer that proposes what it likes cannot fill the disk."""
RENEWED_AFTER_SECONDS = 3600.0
LOSSY_WORDS = (
    "Baseline",
    "Extended",
    "Lossy",
    "Near",
    "MPEG",
    "HEVC",
    "JPEG 2000 Image Compression",
    "Multi-component",
)
LOSSLESS_WORD = "Lossless Only"


@dataclass(frozen=True)
class RefusedContext:
    """A presentation context that was proposed and refused."""

    calling_ae_title: str
    sop_class_uid: str
    transfer_syntax_uids: tuple[str, ...]
    """Empty where the SOP class is not accepted, in whatever transfer syntax."""

    @property
    def is_lossy_only(self) -> bool:
        """Whether every transfer syntax that was proposed loses image information."""
        return bool(self.transfer_syntax_uids) and all(map(_is_lossy, self.transfer_syntax_uids))

    def __str__(self) -> str:
        sop_class = f"{uid_name(self.sop_class_uid)} ({self.sop_class_uid})"
        if not self.transfer_syntax_uids:
            return f"{self.calling_ae_title} offers {sop_class}, which is not accepted"
        syntaxes = ", ".join(f"{uid_name(uid)} ({uid})" for uid in self.transfer_syntax_uids)
        why = "lossy images are not measured" if self.is_lossy_only else "which is not accepted"
        return f"{self.calling_ae_title} offers {sop_class} only in {syntaxes}: {why}"


def note_refused(spool: Spool, context: RefusedContext) -> None:
    """Write down that a context was refused; what was written within the hour stays as it is.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    folder = spool.root / FOLDER
    key = "\0".join([context.calling_ae_title, context.sop_class_uid, *context.transfer_syntax_uids])
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    try:
        if time.time() - file.stat().st_mtime < RENEWED_AFTER_SECONDS:
            return
    except FileNotFoundError:
        make_folder(folder)
        if len(list(folder.iterdir())) >= MAX_NOTES:
            return
    write_json(file, asdict(context))


def refused_contexts(spool: Spool, calling_ae_title: str | None = None) -> Iterator[tuple[RefusedContext, float]]:
    """Yield what was refused (to one calling AE title) with the time of the last note, in seconds since the epoch."""
    folder = spool.root / FOLDER
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            content, moment = read_json(file), file.stat().st_mtime
            syntaxes = tuple(map(str, content["transfer_syntax_uids"]))
            found = RefusedContext(str(content["calling_ae_title"]), str(content["sop_class_uid"]), syntaxes)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if calling_ae_title in (None, found.calling_ae_title):
            yield found, moment


def _is_lossy(transfer_syntax_uid: str) -> bool:
    name = uid_name(transfer_syntax_uid)
    return any(word in name for word in LOSSY_WORDS) and LOSSLESS_WORD not in name
