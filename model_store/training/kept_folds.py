"""Outer folds that were evaluated before a training was interrupted: kept as JSON, whose numbers are exact."""

import json
import shutil
from pathlib import Path

import numpy as np

from model_store.files import replace_durably
from model_store.training.model_families import Family
from model_store.training.nested_cross_validation import Fold, FoldResult


class KeptFolds:
    """The stored folds of one training; those of other inputs, settings or versions are not used."""

    def __init__(self, folder: Path, inputs: str) -> None:
        self._folder, self._inputs = folder, inputs

    def find(self, family: Family, fold: Fold) -> FoldResult | None:
        """Return the stored result of a fold, if it is complete and from the same inputs."""
        try:
            said = json.loads(self._path(family, fold).read_bytes())
            if said.pop("inputs") != self._inputs:
                return None
            probability = np.array(said.pop("probability"), np.float64)
            return FoldResult(fold=fold, probability=probability, columns=tuple(said.pop("columns")), **said)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, family: Family, result: FoldResult) -> None:
        """Store the result of a fold."""
        said = {name: value for name, value in vars(result).items() if name != "fold"}
        said |= {"probability": result.probability.tolist(), "columns": list(result.columns), "inputs": self._inputs}
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_durably(self._path(family, result.fold), json.dumps(said).encode())

    def forget(self) -> None:
        """Remove all of them at the end of the training."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, family: Family, fold: Fold) -> Path:
        return self._folder / f"{family.name.replace(' ', '_')}_{fold.repeat}_{fold.number}.json"
