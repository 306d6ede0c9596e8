"""Section ``validate`` of a study's configuration."""

from dataclasses import dataclass
from pathlib import Path

from model_store.number_types import Count


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
    smallest_subgroup: Count = 20
    """With fewer cases, or fewer than five of a class, a subgroup's numbers carry a warning."""
    response: str = "response"
    """Clinical column with CR, PR, SD, PD (RECIST)."""
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
