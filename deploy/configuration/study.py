"""The configuration of a study: one YAML file whose sections are the plans of its steps."""

import importlib
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from deploy.configuration.load import ConfigurationError, compose
from deploy.configuration.reader import ConfigurationReader
from deploy.errors import WrongUsage

PLANS: Mapping[str, str] = {
    "extract": "model_store.cohort.plan:ExtractPlan",
    "phenotype": "model_store.phenotype.plan:PhenotypePlan",
    "reliability": "model_store.reliability.plan:ReliabilityPlan",
    "train": "model_store.training.plan:TrainPlan",
    "validate": "model_store.validation.plan:ValidatePlan",
    "publish": "model_store.publication.plan:PublishPlan",
}
"""Where the frozen dataclass of each section lies. Its module must be quick to import: every command reads all
sections, so that one run shows every mistake.
"""
STEPS = ("extract", "phenotype", "reliability", "train", "validate", "publish")
"""In the order in which they run; each writes into ``<output>/<its name>``."""

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class StudyConfiguration:
    """What a study is told."""

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
    sections = reader.entries(compose(file), "", ("output", *STEPS))
    output = reader.given(_Output, _only("output", sections), "", environment=False)
    plans = {
        section: reader.instance(_plan_type(section), node, section)
        for section, node in sections.items()
        if section in PLANS
    }
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return StudyConfiguration(file, output.get("output", reader.base / _Output.output), plans)


@dataclass(frozen=True)
class _Output:
    """The one key that is no section."""

    output: Path = Path("study")


def _only(key: str, sections: Mapping[str, yaml.Node]) -> yaml.Node | None:
    if key not in sections:
        return None
    name = yaml.ScalarNode("tag:yaml.org,2002:str", key, sections[key].start_mark)
    return yaml.MappingNode("tag:yaml.org,2002:map", [(name, sections[key])])


def _plan_type(section: str) -> type:
    module, _, name = PLANS[section].partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found
