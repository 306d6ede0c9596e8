"""The record of a job's result: ``result.json`` in the job's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from listener.spool.job_notes import RESULT_NAME
from listener.spool.job_record import SegmentationReference
from listener.spool.jobs import Job
from listener.spool.record_file import LEFT_OUT_IF_NONE, UtcTime, read_intact, read_optional, write_record
from model_store.signatures.certainty import PredictionSet
from workers.features.regions import Region
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.scoring.case_result import (
    Doubt,
    DriftRecord,
    NotRedrawn,
    Phenotype,
    Rejection,
    ResultOutcome,
    Score,
    SignatureIdentity,
    Stability,
)
from workers.scoring.shadow_record import ShadowRecord
from workers.stages import Stage


@dataclass(frozen=True)
class ScoreRecord:
    """The verdict."""

    hot_probability: float
    """The score, 0 to 1: a mean vote, which is not calibrated. The name is that of results which exist."""
    threshold: float
    """At or above it, the case is called hot."""
    phenotype: Phenotype
    """The verdict: hot, cold or uncertain."""
    tendency: Annotated[Phenotype | None, LEFT_OUT_IF_NONE] = None
    """The class by the threshold. None in results of versions without uncertain verdicts: there, the verdict is this
    class."""
    prediction_set: Annotated[PredictionSet | None, LEFT_OUT_IF_NONE] = None
    """None where the signature has no calibration."""
    coverage: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    """Share of the cases of each class whose prediction set contains their class."""
    stability: Annotated[Stability | None, LEFT_OUT_IF_NONE] = None
    """None where no outlines were redrawn."""
    not_redrawn: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """The reason why no outlines were redrawn."""
    doubts: tuple[Doubt, ...] = ()
    """The reasons why the verdict is uncertain."""

    @classmethod
    def of(cls, score: Score) -> "ScoreRecord":
        """Return the record of a score."""
        redrawn = score.stability
        return cls(
            score.hot_probability,
            score.threshold,
            score.phenotype,
            score.tendency,
            score.prediction_set,
            score.certainty.coverage if score.certainty else None,
            redrawn if isinstance(redrawn, Stability) else None,
            redrawn.why if isinstance(redrawn, NotRedrawn) else None,
            score.doubts,
        )

    @property
    def is_hot(self) -> bool:
        """Whether the score is at or above the threshold, regardless of certainty."""
        return (self.tendency or self.phenotype) is Phenotype.HOT


@dataclass(frozen=True)
class RegionRecord:
    """The measurements of one region; its features are in the feature report."""

    region: Region
    volume_ml: float
    voxels: int
    grey_levels: int
    """Number of occupied bins of the original image in this region."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Features that cannot be computed, each with the reason."""


@dataclass(frozen=True)
class OutlineCorrection:
    """A corrected outline, compared with the tumour of the result that it replaces."""

    outline: str
    """SOP Instance UID of the earlier outline."""
    dice: float | None = None
    """Dice coefficient of the two tumours; None where the earlier one was not measured on the same grid."""
    volume_ratio: float | None = None
    """Volume of the corrected tumour divided by that of the earlier one."""

    def __str__(self) -> str:
        if self.dice is None:
            return "The outline corrects an earlier one, which was not measured on the same slices."
        return f"The outline corrects an earlier one: Dice {self.dice:.2f}, {self.volume_ratio:.2f} times its volume."


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """The result of one job. Times are UTC."""

    job_id: str
    seg: SegmentationReference
    """The reference to the outline."""
    started: UtcTime
    finished: UtcTime
    outcome: ResultOutcome
    score: ScoreRecord | None = None
    """Of a scored case."""
    rejection: Rejection | None = None
    """The reason why the case is not scored."""
    signature: SignatureIdentity | None = None
    """The signature that scored the case, or refused it."""
    regions: tuple[RegionRecord, ...] = ()
    """The regions that were measured."""
    notes: tuple[str, ...] = ()
    """Quality notes, as in the report."""
    warnings: tuple[str, ...] = ()
    """The notes that affect the interpretation of the score."""
    instances: tuple[str, ...] = ()
    """SOP Instance UIDs of the images that were measured, sorted."""
    drift: DriftRecord | None = None
    """Of a scored case that is not a self-test."""
    shadow: Annotated[ShadowRecord | None, LEFT_OUT_IF_NONE] = None
    """The outcome of the shadow signature; None without one."""
    objects: Mapping[ResultRole, str] = field(default_factory=dict)
    """SOP Instance UIDs of the result objects by role; empty for an unchanged result."""
    references: Mapping[ResultRole, InstanceReference] = field(default_factory=dict)
    """References to the result objects by role."""
    correction: Annotated[OutlineCorrection | None, LEFT_OUT_IF_NONE] = None
    """How far the outline differs from the one that it corrects; None where it corrects none."""
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Targets whose filter holds the result back, each with the reason."""
    stage_seconds: Mapping[Stage, float] = field(default_factory=dict)
    """Wall-clock seconds of each stage."""

    def has_same_findings(self, other: "ResultRecord") -> bool:
        """Return whether another result of the same outline has the same findings, regardless of times and objects."""
        return self._findings == other._findings

    def outcome_columns(self) -> dict[str, str | float | None]:
        """Return what the ledger says of the result, by column: by it, cases are searched and counted."""
        return {
            "outcome": self.outcome.value,
            "reason": self.rejection.reason.value if self.rejection else None,
            "score": self.score.hot_probability if self.score else None,
        }

    @property
    def _findings(self) -> tuple[object, ...]:
        verdict = self.outcome, self.score, self.rejection, self.signature, self.warnings
        return self.seg, *verdict, self.regions, self.instances


def read_result(job: Job) -> ResultRecord | None:
    """Return the result of a job; None where there is none.

    Raises
    ------
    UnreadableRecord
        If the file is damaged.
    """
    return read_optional(ResultRecord, job.folder / RESULT_NAME)


def read_intact_result(job: Job) -> ResultRecord | None:
    """Return the result of a job; None also where the file is damaged, so that the job can be scored again."""
    return read_intact(ResultRecord, job.folder / RESULT_NAME)


def write_result(job: Job, record: ResultRecord) -> None:
    """Write the result of a job."""
    write_record(job.folder / RESULT_NAME, record)
