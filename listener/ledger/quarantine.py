"""Why objects lie in quarantine, who sent each and when. The objects are files (`listener.spool.quarantined`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, RowMapping, Table, delete, func, select, update

from listener.ledger.database import Ledger
from listener.ledger.deliveries import JOBS_A_QUERY, batched
from listener.ledger.schema import METADATA, AnyText, UtcDateTime, put, put_if_absent, record_of, row_of


@dataclass(frozen=True, kw_only=True)
class QuarantineReason:
    """Why an object lies in quarantine. UIDs are as the sender gave them, empty where unknown."""

    reason: str
    """Coded: the name of the status that its sender got, in lower case."""
    message: str = ""
    at: datetime | None = None
    """When it came; None: now."""
    status: str = ""
    """Of the C-STORE response, such as ``0xA900``."""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""
    calling_ae_title: str = ""
    """Whose share of the quarantine it takes."""


@dataclass(frozen=True)
class QuarantinedObject:
    """An object in quarantine. Holds nothing of its header but UIDs."""

    name: str
    """Of its file, without the ending."""
    bytes: int
    since: datetime
    reason: QuarantineReason


@dataclass(frozen=True)
class Share:
    """How much of the quarantine is taken."""

    objects: int
    bytes: int


quarantine = Table(
    "quarantine",
    METADATA,
    Column("name", AnyText, primary_key=True),
    Column("bytes", BigInteger, CheckConstraint("bytes >= 0", name="bytes"), nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("message", AnyText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("status", AnyText, nullable=False),
    Column("sop_class_uid", AnyText, nullable=False),
    Column("sop_instance_uid", AnyText, nullable=False),
    Column("transfer_syntax_uid", AnyText, nullable=False),
    Column("calling_ae_title", AnyText, nullable=False),
)


def note_quarantined(ledger: Ledger, name: str, size: int, reason: QuarantineReason) -> None:
    """Write down why an object lies in quarantine."""
    row = {**row_of(reason), "at": reason.at or datetime.now(UTC), "name": name, "bytes": size}
    with ledger.writing() as connection:
        put(connection, quarantine, row)


def read_quarantined(
    ledger: Ledger, *, reason: str | None = None, before: datetime | None = None
) -> tuple[QuarantinedObject, ...]:
    """Return the objects (for a reason, or that came before a moment), the newest first."""
    query = select(quarantine).order_by(quarantine.c.at.desc(), quarantine.c.name)
    if reason is not None:
        query = query.where(quarantine.c.reason == reason)
    if before is not None:
        query = query.where(quarantine.c.at < before)
    with ledger.reading() as connection:
        return tuple(map(_object, connection.execute(query).mappings()))


def quarantine_shares(ledger: Ledger) -> Mapping[str, Share]:
    """Return what each sender has in quarantine, by calling AE title."""
    sender = quarantine.c.calling_ae_title
    query = select(sender, func.count(), func.sum(quarantine.c.bytes)).group_by(sender)
    with ledger.reading() as connection:
        return {title: Share(int(objects), int(size)) for title, objects, size in connection.execute(query)}


def quarantined_names(ledger: Ledger) -> frozenset[str]:
    """Return the names of all objects."""
    with ledger.reading() as connection:
        return frozenset(connection.execute(select(quarantine.c.name)).scalars())


def note_superseded(ledger: Ledger, name: str, reason: str, message: str, size: int) -> None:
    """Change why an object lies there: it is another one under the same name now.

    Also where nothing was known of it; of one that is known, time and sender stay.
    """
    changed = {"name": name, "reason": reason, "message": message, "bytes": size}
    row = {**row_of(QuarantineReason(reason=reason)), **changed, "at": datetime.now(UTC)}
    with ledger.writing() as connection:
        if not put_if_absent(connection, quarantine, row):
            connection.execute(update(quarantine).where(quarantine.c.name == name).values(changed))


def forget_quarantined(ledger: Ledger, names: Iterable[str]) -> None:
    """Forget objects that are removed."""
    with ledger.writing() as connection:
        for some in batched(names, JOBS_A_QUERY):
            connection.execute(delete(quarantine).where(quarantine.c.name.in_(some)))


def _object(row: RowMapping) -> QuarantinedObject:
    return QuarantinedObject(row["name"], row["bytes"], row["at"], record_of(QuarantineReason, row))
