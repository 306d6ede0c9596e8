"""Section ``train`` of a study's configuration."""

from dataclasses import dataclass
from pathlib import Path

from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import LabelTable
from model_store.number_types import Count, CountFromZero, DiscriminationBar, Seed
from model_store.signatures.own_columns import OwnColumn
from model_store.signatures.own_profile import read_own_profile
from model_store.signatures.profile import DEFAULT_PROFILE, PROFILES, FeatureProfile, present_name


@dataclass(frozen=True)
class TrainPlan:
    """Section ``train``. Paths that are not given lie where the earlier steps write."""

    id: str = "study"
    version: str = "1.0.0"
    """Id and version of the candidate."""
    profile: str = DEFAULT_PROFILE.name
    """The one that the features were measured with."""
    own_profile: Path | None = None
    """The file of an own profile that they were measured with (`extract.own_profile`), in place of `profile`."""
    features: Path | None = None
    """Table with a row for each lesion."""
    labels: LabelTable | None = None
    """Table with the columns patient and phenotype (hot or cold), or one whose wording is described."""
    own: PatientTable | None = None
    """Table with values of each patient that no image states, such as age or receptor status."""
    own_columns: tuple[OwnColumn, ...] = ()
    """Columns of `own` that are offered to the forest beside the features. The service cannot score with them."""
    without_images: bool = False
    """Offer the own columns alone: there is no feature table."""
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
    harmonise: bool = False
    """Harmonise features between scanners by ComBat: fitted in every fold, and frozen in the bundle, which then scores
    images of these scanners alone."""
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
    scheduler: str = ""
    """Address of a Dask scheduler (``tcp://host:8786``): its workers are taken, on any number of machines."""

    @property
    def feature_profile(self) -> FeatureProfile:
        """The profile itself.

        Raises
        ------
        StudyError
            The file of an own profile is wrong.
        """
        return read_own_profile(self.own_profile) if self.own_profile else PROFILES[present_name(self.profile)]

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
        if (self.own is None) != (not self.own_columns):
            raise ValueError("own: expected together with own_columns, and own_columns with it")
        if len({one.feature for one in self.own_columns}) != len(self.own_columns):
            raise ValueError("own_columns: expected each column once")
        if self.without_images and (self.own is None or self.features or self.reliability or self.harmonise):
            raise ValueError("without_images: expected own, and neither features, reliability nor harmonise")
        for name in ("columns", "max_depths"):
            if not getattr(self, name):
                raise ValueError(f"{name}: expected at least one number, found none")
