"""The configuration of a study: one YAML file whose sections are the plans of its steps."""

import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from deploy.configuration.load import ConfigurationError, compose
from deploy.configuration.reader import ConfigurationReader
from deploy.configuration.values import settings_from
from deploy.errors import WrongUsage
from model_store.cohort.plan import ExtractPlan
from model_store.phenotype.plan import PhenotypePlan
from model_store.publication.plan import PublishPlan
from model_store.reliability.plan import ReliabilityPlan
from model_store.training.plan import TrainPlan
from model_store.validation.plan import ValidatePlan


@dataclass(frozen=True)
class Document:
    """What the file may hold. Every command reads all sections, so that one run shows every mistake."""

    output: Path = Path("study")
    extract: ExtractPlan | None = None
    phenotype: PhenotypePlan | None = None
    reliability: ReliabilityPlan | None = None
    train: TrainPlan | None = None
    validate: ValidatePlan | None = None
    publish: PublishPlan | None = None


STEPS = ("extract", "phenotype", "reliability", "train", "validate", "publish")
"""In the order in which they run; each writes into ``<output>/<its name>``."""

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class StudyConfiguration:
    """The plans of the steps of one research study, and where they write."""

    file: Path
    output: Path
    plans: Mapping[str, Any]
    """By section; absent where the file has none."""

    def plan(self, section: str, kind: type[Plan]) -> Plan:
        """Return the plan of a section; one that is not there has its defaults.

        Raises
        ------
        WrongUsage
            The section is not there, and not everything in it has a default.
        """
        found = self.plans.get(section)
        if found is None:
            missing = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
            if missing:
                raise WrongUsage(f"{self.file}: expected a section {section} with {', '.join(missing)}")
            try:
                return kind()
            except ValueError as error:
                raise WrongUsage(f"{self.file}: expected a section {section}: {error}") from error
        return typing.cast("Plan", found)

    def folder(self, step: str) -> Path:
        """Return where a step writes."""
        return self.output / step


def load_study(file: Path) -> StudyConfiguration:
    """Read a study's configuration; relative paths start at the file's folder.

    Raises
    ------
    ConfigurationError
        With every problem, each with its file and line.
    """
    reader = ConfigurationReader(file, file.absolute().parent, {})
    read = settings_from(reader, reader.section(compose(file), Document), Document)
    if reader.problems or read is None:
        raise ConfigurationError(reader.problems)
    plans = {step: plan for step in STEPS if (plan := getattr(read, step)) is not None}
    return StudyConfiguration(file, read.output, plans)
