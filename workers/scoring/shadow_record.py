"""The outcome of the shadow signature for a scored case, as stored in ``result.json``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from listener.spool.record_file import LEFT_OUT_IF_NONE
from workers.scoring.case_result import Phenotype


class ShadowOutcome(StrEnum):
    """The outcome of the shadow signature for a scored case."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_SCORED = "not_scored"
    """A feature of the shadow signature cannot be computed."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ShadowRecord:
    """The shadow's score of a case."""

    outcome: ShadowOutcome
    name: str | None = None
    """Name of the shadow signature; None where it could not be determined."""
    digest: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """SHA-256 of its bundle, hexadecimal."""
    beside: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """Digest of the signature that scored the case."""
    hot_probability: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    threshold: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    phenotype: Annotated[Phenotype | None, LEFT_OUT_IF_NONE] = None
    """The class by its threshold: hot or cold."""
    difference: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    """Its score minus that of the case."""
    error: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """Why it did not score the case."""
