"""Section ``train`` of a study's configuration."""

from dataclasses import dataclass
from pathlib import Path

from model_store.cohort.plan import LabelTable
from model_store.number_types import Count, CountFromZero, DiscriminationBar, Seed
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, present_name


@dataclass(frozen=True)
class TrainPlan:
    """Section ``train``. Paths that are not given lie where the earlier steps write."""

    id: str = "study"
    version: str = "1.0.0"
    """Id and version of the candidate."""
    profile: str = DEFAULT_PROFILE.name
    """The one that the features were measured with."""
    features: Path | None = None
    """Table with a row for each lesion."""
    labels: LabelTable | None = None
    """Table with the columns patient and phenotype (hot or cold), or one whose wording is described."""
    reliability: Path | None = None
    """Table with the columns feature and kept; features that are not kept are left out."""
    all_features: bool = False
    """Train on unreliable features too."""
    preselected: Path | None = None
    """Table with a column feature: nothing else is offered."""
    preselected_origin: str = ""
    """The origin of that list (a publication, a hypothesis), unless it is a table that states it."""
    preselected_on: Path | None = None
    """Table with a column patient: the patients whose labels that list was made with. Without it: none."""
    leave_out: tuple[str, ...] = ()
    """Features that are not offered."""
    leave_out_origin: str = ""
    """Why: where that list comes from (a publication, a hypothesis)."""
    leave_out_on: Path | None = None
    """Table with a column patient: the patients whose labels that list was made with. Without it: none."""
    validation_bar: DiscriminationBar | None = None
    """Declared before the validation: the lower confidence limit of each external AUC has to be above it."""
    protocol: Path | None = None
    """File with the protocol of the validation; its hash is kept, with the date. Only with `validation_bar`."""
    columns: tuple[Count, ...] = (8, 16, 24)
    """How many features the candidates take."""
    max_depths: tuple[Count, ...] = (3, 5)
    trees: Count = 200
    alternatives: bool = True
    """Elastic net and gradient boosting, for comparison."""
    repeats: Count = 5
    """Of the nested cross-validation."""
    seed: Seed = 1
    jobs: CountFromZero = 0
    """Processes; 0 is one for each core."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if present_name(self.profile) not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(sorted(PROFILES))}, found {self.profile!r}")
        if (self.validation_bar is None) != (self.protocol is None):
            raise ValueError("validation_bar: expected together with protocol, and protocol with it")
        for name in ("columns", "max_depths"):
            if not getattr(self, name):
                raise ValueError(f"{name}: expected at least one number, found none")
