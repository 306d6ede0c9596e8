"""How many jobs, studies and the like the ledger has, without counting them for whoever asks.

The database keeps these numbers itself, by triggers that the migrations make: a row is locked when a job or study is
made or removed, not at each step of a job.
"""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Table, select

from listener.ledger.schema import METADATA, one_of


class Counted(StrEnum):
    """What is counted."""

    JOBS = "jobs"
    STUDIES = "studies"
    INSTANCES = "instances"
    WITHOUT_OUTLINE = "without_outline"
    """Studies that were noted without one."""
    OWN_RESULT = "own_result"
    """This and the following: outlines that make no case, by `listener.ledger.set_aside_outlines.SetAside`."""
    OTHER_IMAGES = "other_images"
    OTHER_BODY_PART = "other_body_part"


totals = Table(
    "totals",
    METADATA,
    Column("what", one_of(Counted), primary_key=True),
    Column("number", BigInteger, CheckConstraint("number >= 0", name="number"), nullable=False),
)


def total(connection: Connection, what: Counted) -> int:
    """Return how many there are."""
    return int(connection.execute(select(totals.c.number).where(totals.c.what == what)).scalar_one())


def lock_study_totals(connection: Connection) -> None:
    """Wait for others that change studies, before rows of studies are locked: two that note some cannot wait in a ring.

    The order is that in which triggers change the totals. SQLite has one writer at a time anyway.
    """
    studied = totals.c.what.in_((Counted.WITHOUT_OUTLINE, Counted.STUDIES, Counted.INSTANCES))
    connection.execute(select(totals.c.what).where(studied).order_by(totals.c.what.desc()).with_for_update())
