"""Sections ``train``, ``validate`` and ``publish`` of a study's configuration."""

from dataclasses import dataclass
from pathlib import Path

from model_store.profile import HAN2024, PROFILES


@dataclass(frozen=True)
class TrainPlan:
    """Section ``train``. Paths that are not given lie where the earlier steps write."""

    id: str = "study"
    version: str = "1.0.0"
    """Id and version of the signature that may come of it."""
    profile: str = HAN2024.name
    """The one that the features were measured with."""
    features: Path | None = None
    """Table with a row for each lesion."""
    labels: Path | None = None
    """Table with the columns patient and phenotype (hot or cold)."""
    reliability: Path | None = None
    """Table with the columns feature and kept; features that are not kept are left out."""
    all_features: bool = False
    """Train on unreliable features too."""
    preselected: Path | None = None
    """Table with a column feature: nothing else is offered."""
    preselected_origin: str = ""
    """Where that list comes from (a publication, a hypothesis), if it is no table of ours that says so itself."""
    preselected_on: Path | None = None
    """Table with a column patient: whose labels that list was made with. Without it: nobody's here."""
    leave_out: tuple[str, ...] = ()
    """Features that are not offered."""
    columns: tuple[int, ...] = (8, 16, 24)
    """How many features the candidates take."""
    max_depths: tuple[int, ...] = (3, 5)
    trees: int = 200
    alternatives: bool = True
    """Elastic net and gradient boosting, for comparison."""
    repeats: int = 5
    """Of the nested cross-validation."""
    seed: int = 1
    jobs: int = 0
    """Processes; 0 is one for each core."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if self.profile not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(sorted(PROFILES))}, found {self.profile!r}")
        for name in ("columns", "max_depths"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise ValueError(f"{name}: expected numbers above 0, found {list(getattr(self, name))}")
        for name, least in (("trees", 1), ("repeats", 1), ("jobs", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, found {getattr(self, name)}")


@dataclass(frozen=True)
class CohortFiles:
    """One labelled cohort to validate on."""

    name: str
    features: Path
    labels: Path
    clinical: Path | None = None
    """Table with the column patient and those that `ValidatePlan` names."""


@dataclass(frozen=True)
class ValidatePlan:
    """Section ``validate``."""

    signature: str = ""
    """A bundle's folder, or the name of a published one; without it the one that was trained in this study."""
    cohorts: tuple[CohortFiles, ...] = ()
    training_cases: Path | None = None
    """Table with the column patient, of those who were trained on; without it the study's own."""
    clinical: Path | None = None
    """Of the training cohort: the same columns."""
    subgroups: tuple[str, ...] = ("subtype", "stage", "site", "scanner")
    smallest_subgroup: int = 20
    """With fewer cases, or fewer than five of a class, a subgroup's numbers carry a warning."""
    response: str = "response"
    """Clinical column with CR, PR, SD, PD (RECIST)."""
    time: str = "time"
    event: str = "event"
    """1 where the event was seen."""
    populations: Path | None = None
    """Table with the column patient and one for each cell population; without it the study's own."""

    def __post_init__(self) -> None:
        """Refuse cohorts that cannot be told apart.

        Raises
        ------
        ValueError
            Naming the field.
        """
        names = [cohort.name for cohort in self.cohorts]
        if len(set(names)) != len(names) or "training" in names:
            raise ValueError(f"cohorts: expected names of their own, other than training, found {names}")


@dataclass(frozen=True)
class PublishPlan:
    """Section ``publish``: what the model card says that no number can."""

    intended_use: str = "Research on the tumour immune phenotype. Not for decisions about a patient."
    not_for: str = "Care of patients; tumours or scanners unlike those of the training cases; other organs."
    data_source: str = ""
    """Where the cases come from."""
    data_period: str = ""
    """From when to when the patients were examined."""
    setting: str = ""
    """How many centres, of which kind, and where."""
    eligibility: str = ""
    """Who was included, and who was not."""
    treatments: str = ""
    """What the patients received before the images, and before the outcome."""
    participants: str = ""
    """What they are like: age, stage, subtype."""
    outline_readers: str = ""
    """Who drew the outlines, with which training, and how."""
    label_source: str = ""
    """How the phenotype was found out."""
    label_assessors: str = ""
    """Who judged what of it needed judgement."""
    healthcare_context: str = ""
    """Where in the care of patients it would stand, and why it is needed."""
    registration: str = ""
    ethics: str = ""
    funding: str = ""
    limitations: tuple[str, ...] = ()
    contact: str = ""
    protocol: str = ""
    """Where the protocol of the validation stands that was written before it."""
    conflicts_of_interest: str = ""
    patient_involvement: str = ""
    sample_size: str = ""
    """Why so many cases."""
    blinding: str = ""
    """Whether those who labelled, and those who drew, knew of the other."""
    data_sharing: str = ""
    validated: bool = False
    """Measured on patients of another site, with a protocol written before. Else every result carries the notice."""
    research_notice: str = "RESEARCH - not validated - not for clinical use"
    activate: bool = False
    """Let it score as soon as it is published."""

    def __post_init__(self) -> None:
        """Refuse a validated signature without a protocol, and another one without a notice.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if self.validated and not self.protocol.strip():
            raise ValueError("protocol: expected where the protocol stands, because validated is set")
        if not self.validated and not self.research_notice.strip():
            raise ValueError("research_notice: expected a notice, because validated is not set")
