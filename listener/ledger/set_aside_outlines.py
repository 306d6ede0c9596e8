"""Outlines that are kept and make no case: our own results, and what was drawn on no breast MR.

The row goes with its study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Column, Connection, Index, Table, delete, exists, select

from listener.ledger.database import Ledger
from listener.ledger.schema import (
    AE_TITLE,
    METADATA,
    UID,
    AnyText,
    UtcDateTime,
    one_of,
    put_if_absent,
    record_of,
    row_of,
)
from listener.ledger.totals import Counted, totals


class SetAside(StrEnum):
    """Why an outline makes no case."""

    OWN_RESULT = "own_result"
    """It is a result of radtme."""
    OTHER_IMAGES = "other_images"
    """It was drawn on images that are never accepted, such as CT."""
    OTHER_BODY_PART = "other_body_part"
    """Its headers, or those of its images, name another part of the body than the breast."""


@dataclass(frozen=True)
class SetAsideOutline:
    """An outline that makes no case."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    reason: SetAside
    message: str
    calling_ae_title: str | None
    at: datetime


set_aside_outlines = Table(
    "set_aside_outlines",
    METADATA,
    Column("study_uid", UID, primary_key=True),
    Column("series_uid", UID, primary_key=True),
    Column("sop_instance_uid", UID, primary_key=True),
    Column("reason", one_of(SetAside), nullable=False),
    Column("message", AnyText, nullable=False),
    Column("calling_ae_title", AE_TITLE),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "reason", "at"),
)


def set_aside(
    ledger: Ledger,
    uids: tuple[str, str, str],
    reason: SetAside,
    message: str,
    calling_ae_title: str | None,
) -> bool:
    """Note that an outline (study, series and SOP Instance UID) makes no case; False where that is noted already."""
    return note_set_aside(ledger, SetAsideOutline(*uids, reason, message, calling_ae_title, datetime.now(UTC)))


def note_set_aside(ledger: Ledger, outline: SetAsideOutline) -> bool:
    """Note that an outline makes no case; False where that is noted already."""
    with ledger.writing() as connection:
        return put_if_absent(connection, set_aside_outlines, row_of(outline))


def is_set_aside(ledger: Ledger, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool:
    """Tell whether it is noted that an outline makes no case."""
    columns = set_aside_outlines.c
    query = select(
        exists().where(
            columns.study_uid == study_uid,
            columns.series_uid == series_uid,
            columns.sop_instance_uid == sop_instance_uid,
        )
    )
    with ledger.reading() as connection:
        return bool(connection.execute(query).scalar())


def read_set_aside(ledger: Ledger, study_uid: str | None = None) -> tuple[SetAsideOutline, ...]:
    """Return the outlines (of one study) that make no case, the newest first."""
    query = select(set_aside_outlines).order_by(set_aside_outlines.c.at.desc())
    if study_uid is not None:
        query = query.where(set_aside_outlines.c.study_uid == study_uid)
    with ledger.reading() as connection:
        return tuple(record_of(SetAsideOutline, row) for row in connection.execute(query).mappings())


def newest_foreign(ledger: Ledger, most: int) -> tuple[SetAsideOutline, ...]:
    """Return the newest outlines that make no case and are no results of radtme, so many of each reason at most."""
    found: list[SetAsideOutline] = []
    with ledger.reading() as connection:
        for reason in SetAside:
            if reason is not SetAside.OWN_RESULT:
                mine = select(set_aside_outlines).where(set_aside_outlines.c.reason == reason)
                newest = mine.order_by(set_aside_outlines.c.at.desc()).limit(most)
                found += [record_of(SetAsideOutline, row) for row in connection.execute(newest).mappings()]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def set_aside_counts(ledger: Ledger) -> Mapping[SetAside, int]:
    """Return how many outlines make no case, by reason; a reason without any is left out."""
    query = select(totals).where(totals.c.what.in_(list(map(Counted, SetAside))), totals.c.number > 0)
    with ledger.reading() as connection:
        return {SetAside(what): number for what, number in connection.execute(query)}


def forget_set_aside(connection: Connection, study_uid: str) -> None:
    """Forget the outlines of a study that is removed, as a part of a transaction."""
    connection.execute(delete(set_aside_outlines).where(set_aside_outlines.c.study_uid == study_uid))
