"""What the shadow signature came to beside a scored case: what ``result.json`` keeps of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from listener.spool.record_file import LEFT_OUT_IF_NONE
from workers.scoring.case_result import Phenotype


class ShadowOutcome(StrEnum):
    """What the shadow came to, beside a case that was scored."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_SCORED = "not_scored"
    """A feature that it takes cannot be computed."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ShadowRecord:
    """The shadow's score of a case."""

    outcome: ShadowOutcome
    name: str | None = None
    """Of the shadow signature; None where that could not be found out."""
    digest: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """SHA-256 of its bundle, hexadecimal."""
    beside: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """Digest of the signature that scored the case."""
    hot_probability: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    threshold: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    phenotype: Annotated[Phenotype | None, LEFT_OUT_IF_NONE] = None
    """The class by its threshold: hot or cold."""
    difference: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    """Its hot probability less that of the case."""
    error: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """Why it did not score."""
