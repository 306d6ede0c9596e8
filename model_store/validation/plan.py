"""Section ``validate`` of a study's configuration."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import LabelTable
from model_store.number_types import Count, PositiveNumber, Seed


@dataclass(frozen=True)
class CohortFiles:
    """One cohort to validate on: with labels, or a treated one without them."""

    name: str
    features: Path | None = None
    """Table with a row for each lesion."""
    labels: LabelTable | None = None
    """Without labels the cohort is a treated one: its scores are held against response, markers and outcome."""
    clinical: Path | None = None
    """Table with the column patient and those that `ValidatePlan` names."""
    own: PatientTable | None = None
    """Where the signature takes own columns: the table that has them, worded as in the training. Without `features` and
    `folder` there is nothing else."""
    folder: Path | None = None
    """Images, in place of `features`: the step extract measures them with the settings of the training cohort."""

    def __post_init__(self) -> None:
        """Refuse a cohort of which nothing is known.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if (self.features and self.folder) or not (self.features or self.folder or self.own):
            raise ValueError("expected one of features and folder, or own alone; found both, or none of them")
        if self.labels is None and self.clinical is None:
            raise ValueError("expected labels, or for a treated cohort clinical, found neither")

    @property
    def step(self) -> str:
        """Name of the folder, in the study's output, of the extraction of its images."""
        return f"extract_{self.name}"

    def table(self, output: Path) -> Path | None:
        """Return the feature table, in the study's output where its images are extracted; None without images."""
        if self.folder is None:
            return self.features
        return output / self.step / "tables" / "features.parquet"

    def files(self) -> list[Path]:
        """Return the files that are given."""
        labels = self.labels.table if self.labels else None
        own = self.own.table if self.own else None
        return [path for path in (self.features, labels, self.clinical, own) if path is not None]


@dataclass(frozen=True)
class MarkerRule:
    """A clinical column with a quantity, such as CD8 cells or PD-L1 TPS in per cent, and its threshold."""

    column: str
    at_least: PositiveNumber


class UnknownScanners(StrEnum):
    """What happens to cases of scanners that a harmonised signature does not know."""

    LEAVE_OUT = "leave_out"
    """They are left out and counted: the service does not score them either."""
    AS_MEASURED = "as_measured"
    """They are scored without harmonisation, as where a site lets the criterion ``scanner`` warn."""


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
    clinical_model: tuple[str, ...] = ()
    """Clinical columns that the signature has to add something to, in a logistic regression; they need `clinical`."""
    unknown_scanners: UnknownScanners = UnknownScanners.LEAVE_OUT
    """Of a signature that was trained with `harmonise`."""
    subgroups: tuple[str, ...] = ("subtype", "stage", "site", "scanner")
    smallest_subgroup: Count = 20
    """With fewer cases, or fewer than five of a class, a subgroup's numbers carry a warning."""
    response: str = "response"
    """Clinical column with the best response: CR, PR, SD, PD (RECIST)."""
    landmark: PositiveNumber | None = None
    """In the unit of `time`: who is without an event at that time is held against the score."""
    characteristics: tuple[str, ...] = ("age", "menopause", "subtype", "stage", "grade", "site", "scanner")
    """Columns of table 1, as far as a cohort has them; the phenotype is in it too."""
    seed: Seed = 1
    """Of Fisher's test of tables larger than 2 x 2."""
    markers: tuple[MarkerRule, ...] = ()
    """Immunohistochemistry that the score is held against."""
    time: str = "time"
    event: str = "event"
    """1 where the event was seen."""
    populations: Path | None = None
    """Table with the column patient and one for each cell population; without it the study's own."""

    def __post_init__(self) -> None:
        """Refuse cohorts with the same name.

        Raises
        ------
        ValueError
            Naming the field.
        """
        names = [cohort.name for cohort in self.cohorts]
        if len(set(names)) != len(names) or "training" in names:
            raise ValueError(f"cohorts: expected unique names other than training, found {names}")
