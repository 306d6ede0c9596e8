"""Presentation contexts that peers proposed and did not get: why nothing comes from a sender.

One row for each calling AE title, SOP class and list of transfer syntaxes, with the time of the last one to the hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, Table, Text, func, select

from listener.dicom.uids import is_uid, uid_name
from listener.ledger.database import Ledger
from listener.ledger.schema import AE_TITLE, METADATA, UID, UtcDateTime, put

MAX_NOTES = 500
"""A peer that proposes what it likes cannot fill the disk."""
RENEWED_AFTER = timedelta(hours=1)
SEPARATOR = "\\"
"""Between transfer syntaxes, as between the values of a DICOM element."""
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
    def uids(self) -> tuple[str, ...]:
        """SOP class and transfer syntaxes, as the peer wrote them."""
        return (self.sop_class_uid, *self.transfer_syntax_uids)

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


refused_contexts = Table(
    "refused_contexts",
    METADATA,
    Column("calling_ae_title", AE_TITLE, primary_key=True),
    Column("sop_class_uid", UID, primary_key=True),
    Column("transfer_syntax_uids", Text, primary_key=True),
    Column("last_refused", UtcDateTime, nullable=False),
)


def note_refused(ledger: Ledger, context: RefusedContext, at: datetime | None = None) -> None:
    """Write down that a context was refused; what was written within the hour stays as it is.

    Raises
    ------
    LedgerUnavailable
        If it cannot be written.
    """
    moment = at or datetime.now(UTC)
    row = {
        "calling_ae_title": context.calling_ae_title,
        "sop_class_uid": context.sop_class_uid,
        "transfer_syntax_uids": SEPARATOR.join(context.transfer_syntax_uids),
    }
    if not context.calling_ae_title.isprintable() or not all(map(is_uid, context.uids)):
        return  # nothing that a person could act on
    table = refused_contexts
    known = select(table.c.last_refused).where(*(table.c[name] == value for name, value in row.items()))
    with ledger.reading() as connection:
        last = connection.execute(known).scalar()
        if last is None and connection.execute(select(func.count()).select_from(table)).scalar_one() >= MAX_NOTES:
            return
    if last is None or moment - last >= RENEWED_AFTER:
        with ledger.writing() as connection:
            put(connection, table, {**row, "last_refused": moment})


def read_refused(ledger: Ledger, calling_ae_title: str | None = None) -> Iterator[tuple[RefusedContext, datetime]]:
    """Yield what was refused (to one calling AE title) and when it was refused last, to the hour; the newest first."""
    query = select(refused_contexts).order_by(refused_contexts.c.last_refused.desc())
    if calling_ae_title is not None:
        query = query.where(refused_contexts.c.calling_ae_title == calling_ae_title)
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        syntaxes = tuple(filter(None, row.transfer_syntax_uids.split(SEPARATOR)))
        yield RefusedContext(row.calling_ae_title, row.sop_class_uid, syntaxes), row.last_refused


def _is_lossy(transfer_syntax_uid: str) -> bool:
    name = uid_name(transfer_syntax_uid)
    return any(word in name for word in LOSSY_WORDS) and LOSSLESS_WORD not in name
