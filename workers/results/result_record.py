"""What a job came to: ``result.json`` in the job's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from listener.spool.job_files import RESULT_NAME
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
    threshold: float
    """From which on the case is called hot."""
    phenotype: Phenotype
    """The verdict: hot, cold or uncertain."""
    tendency: Annotated[Phenotype | None, LEFT_OUT_IF_NONE] = None
    """The class by the threshold. None in results of before there were uncertain ones: the verdict was this class."""
    prediction_set: Annotated[PredictionSet | None, LEFT_OUT_IF_NONE] = None
    """None where the signature was not calibrated."""
    coverage: Annotated[float | None, LEFT_OUT_IF_NONE] = None
    """Share of the cases of each class whose prediction set holds their class."""
    stability: Annotated[Stability | None, LEFT_OUT_IF_NONE] = None
    """None where no outlines were redrawn."""
    not_redrawn: Annotated[str | None, LEFT_OUT_IF_NONE] = None
    """Why not."""
    doubts: tuple[Doubt, ...] = ()
    """Why the verdict is uncertain."""

    @classmethod
    def of(cls, score: Score) -> "ScoreRecord":
        """Return what is kept of a score."""
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
        """Whether the score reached the threshold, however sure that was."""
        return (self.tendency or self.phenotype) is Phenotype.HOT


@dataclass(frozen=True)
class RegionRecord:
    """What was measured in one region; its features stand in the feature report."""

    region: Region
    volume_ml: float
    voxels: int
    grey_levels: int
    """Occupied bins of the original image in this region."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Features that cannot be computed, each with why."""


@dataclass(frozen=True, kw_only=True)
class ResultRecord:
    """The result of one job. Times are UTC."""

    job_id: str
    seg: SegmentationReference
    """The outline."""
    started: UtcTime
    finished: UtcTime
    outcome: ResultOutcome
    score: ScoreRecord | None = None
    """Of a scored case."""
    rejection: Rejection | None = None
    """Why the case is not scored."""
    signature: SignatureIdentity | None = None
    """That scored the case, or refused to."""
    regions: tuple[RegionRecord, ...] = ()
    """As far as they were measured."""
    notes: tuple[str, ...] = ()
    """Quality notes, as the report has them."""
    warnings: tuple[str, ...] = ()
    """Those of the notes that change how the score is to be read."""
    instances: tuple[str, ...] = ()
    """SOP Instance UIDs of the images that were measured, sorted."""
    drift: DriftRecord | None = None
    """Of a scored case that is no self-test."""
    shadow: Annotated[ShadowRecord | None, LEFT_OUT_IF_NONE] = None
    """What the shadow signature came to, where there was one."""
    objects: Mapping[ResultRole, str] = field(default_factory=dict)
    """SOP Instance UIDs of the result objects; none of an unchanged result."""
    references: Mapping[ResultRole, InstanceReference] = field(default_factory=dict)
    """The same as whole references."""
    stage_seconds: Mapping[Stage, float] = field(default_factory=dict)
    """Wall-clock seconds of each stage."""

    def has_same_findings(self, other: "ResultRecord") -> bool:
        """Tell whether another result of the same outline found the same, whenever and with whatever objects."""
        return self._findings == other._findings

    @property
    def _findings(self) -> tuple[object, ...]:
        return self.seg, self.outcome, self.score, self.rejection, self.signature, self.regions, self.instances


def read_result(job: Job) -> ResultRecord | None:
    """Return the result of a job; None where it has none.

    Raises
    ------
    UnreadableRecord
        If the file is damaged.
    """
    return read_optional(ResultRecord, job.folder / RESULT_NAME)


def read_intact_result(job: Job) -> ResultRecord | None:
    """Return the same; None also where the file is damaged, so that the job can be scored again."""
    return read_intact(ResultRecord, job.folder / RESULT_NAME)


def write_result(job: Job, record: ResultRecord) -> None:
    """Write the result of a job."""
    write_record(job.folder / RESULT_NAME, record)
