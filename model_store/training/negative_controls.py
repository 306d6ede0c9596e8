"""Negative controls: the same training on shuffled labels, on other voxels and on the volume alone must perform worse.

Every control is trained on the training part of each outer fold, with the settings of the published forest, and
measured on the held-out part. A signature beats a control when the corrected interval (Nadeau and Bengio) of the
difference of their AUC over the folds lies above 0. Welch et al., Radiotherapy and Oncology 130:2 (2019) show why this
is asked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import feature_values, measured_rows
from model_store.cohort.missing_values import complete_table
from model_store.errors import TrainingError
from model_store.signatures.own_columns import own_of
from model_store.statistics.fold_scores import corrected_difference, corrected_interval
from model_store.statistics.performance import Estimate, placements
from model_store.training.forest import FOLDS, Candidate, patient_folds
from model_store.training.model_families import fit
from model_store.training.nested_cross_validation import Fold

SHUFFLED_LABELS = "shuffled labels"
VOLUME_ALONE = "volume alone"
REGION_NAMES = {
    ControlRegion.SHUFFLED_VOXELS: "shuffled voxels",
    ControlRegion.ELSEWHERE: "same shape elsewhere",
}
NAMES = (SHUFFLED_LABELS, *REGION_NAMES.values(), VOLUME_ALONE)
FEWEST_SHARE = 0.8
"""Share of the training cases; a control that can be measured in fewer does not represent them."""
SHUFFLES = 4
"""Of the labels, in each repeat of the folds."""
VOLUME_COLUMNS = ("tumour_original_shape_MeshVolume", "tumour_original_shape_VoxelVolume")

Floats = NDArray[np.float64]
MapFunction = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class Control:
    """A negative control."""

    name: str
    """One of `NAMES`."""
    cases: int = 0
    auc: Estimate | None = None
    difference: Estimate | None = None
    """AUC of the signature minus that of the control, on the same folds."""
    note: str = ""
    """Why it was not measured."""
    p: float | None = None
    """Of shuffled labels: the share of shuffles that do as well as the signature; never below 1 / (shuffles + 1)
    (Phipson and Smyth, Stat Appl Genet Mol Biol 9:39, 2010)."""

    @property
    def is_beaten(self) -> bool:
        """Whether the signature does better; not where the control was not measured."""
        return self.difference is not None and self.difference.low > 0

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self) | {"beaten": self.is_beaten}


@dataclass(frozen=True)
class ControlledTraining:
    """The training whose controls are measured."""

    table: FeatureTable
    """The complete cases with the features that were offered."""
    cases: Sequence[str]
    """The name of each case."""
    folds: Sequence[Fold]
    auc: Floats
    """Of each fold."""
    candidate: Candidate


def negative_controls(
    signature: ControlledTraining,
    regions: Mapping[ControlRegion, pd.DataFrame],
    volume: Floats | None,
    seed: int,
    mapped: MapFunction = map,
) -> tuple[Control, ...]:
    """Measure every control that there is data for.

    Parameters
    ----------
    signature
        The training.
    regions
        Tables of control regions with the columns ``case``, ``reason`` and the features.
    volume
        The tumour's volume in each case; None where the feature table has none.
    seed
        Of the shuffling.
    mapped
        `map`, or one over processes.
    """
    found = [_shuffled_labels(signature, seed, mapped)]
    of_images = len(own_of(signature.table.columns)) < len(signature.table.columns)
    for kind, name in REGION_NAMES.items():
        if kind in regions:
            found.append(_region(signature, name, regions[kind], mapped))
        else:
            why = f"there is no table {kind.table} beside the feature table" if of_images else "no feature is of images"
            found.append(Control(name, note=why))
    found.append(_volume_alone(signature, volume))
    return tuple(found)


def volume_of(table: FeatureTable) -> Floats | None:
    """Return the tumour's volume in each case, None where the table lacks it."""
    name = next((one for one in VOLUME_COLUMNS if one in table.columns), None)
    volume = None if name is None else table.matrix([name])[:, 0]
    return None if volume is None or np.isnan(volume).any() else volume


def fold_auc(table: FeatureTable, folds: Sequence[Fold], candidate: Candidate, mapped: MapFunction = map) -> Floats:
    """Return the held-out AUC of each fold of forests with these settings, NaN where a class is absent."""
    return np.array(list(mapped(_held_out_auc, [(table, fold, candidate) for fold in folds])), np.float64)


def control_notes(controls: Sequence[Control]) -> list[str]:
    """Return notes for the report."""
    not_beaten = [one for one in controls if one.difference is not None and not one.is_beaten]
    return [
        f"the signature does not do better than the negative control {one.name} (AUC {one.auc}; difference "
        f"{one.difference}): it cannot be published as more than research"
        for one in not_beaten
    ]


def _shuffled_labels(signature: ControlledTraining, seed: int, mapped: MapFunction) -> Control:
    """Train on labels that were shuffled among patients, several times in each repeat; a fold's AUC is their mean.

    A single shuffle of few patients may happen to resemble the labels, or to be learnt by chance.
    """
    table = signature.table
    _, first, of = np.unique(np.array(table.patients), return_index=True, return_inverse=True)
    repeats = sorted({fold.repeat for fold in signature.folds})
    tasks: list[tuple[FeatureTable, Fold, Candidate]] = []
    for repeat in repeats:
        for shuffle in range(SHUFFLES):
            labels = np.random.default_rng([seed, repeat, shuffle]).permutation(table.hot[first])[of.ravel()]
            shuffled = replace(table, hot=labels)
            splits = patient_folds(shuffled, seed + repeat)
            folds = [Fold(repeat, at, seed + repeat, training, rest) for at, (training, rest) in enumerate(splits)]
            tasks += [(shuffled, fold, signature.candidate) for fold in folds]
    auc = np.array(list(mapped(_held_out_auc, tasks)), np.float64)
    by_fold = auc.reshape(len(repeats), SHUFFLES, FOLDS)
    found = _compared(SHUFFLED_LABELS, signature.auc, by_fold.mean(axis=1).ravel(), len(table.patients))
    of_shuffles = np.nanmean(by_fold, axis=2).ravel()
    as_good = int((of_shuffles >= np.nanmean(signature.auc)).sum())
    return replace(found, p=(1 + as_good) / (1 + len(of_shuffles)))


def _region(signature: ControlledTraining, name: str, frame: pd.DataFrame, mapped: MapFunction) -> Control:
    """Train on the features of a control region, in the cases that have them."""
    table = signature.table
    own = own_of(table.columns)  # no voxels: they stay as they are
    of_images = [column for column in table.columns if column not in own]
    if missing := [column for column in ("case", *of_images) if column not in frame]:
        raise TrainingError(f"the table of the negative control {name} has no column {missing[0]}")
    rows = measured_rows(frame).drop_duplicates("case")
    rows = rows.set_index(rows["case"].astype(str))[of_images]
    measured = feature_values(rows.reindex([str(case) for case in signature.cases]))
    there = np.flatnonzero(~np.isnan(measured).all(axis=1))
    values = table.values.copy()
    values[:, [table.columns.index(column) for column in of_images]] = measured
    complete = complete_table(replace(table, values=values, redraws=None).rows(there))
    kept = there[complete.kept]
    if len(kept) < FEWEST_SHARE * len(table.patients):
        return Control(name, len(kept), note=f"it could be measured in {len(kept)} of {len(table.patients)} cases")
    new_index = np.full(len(table.patients), -1)
    new_index[kept] = np.arange(len(kept))
    folds = [
        replace(one, training=_in(new_index, one.training), held_out=_in(new_index, one.held_out))
        for one in signature.folds
    ]
    auc = fold_auc(complete.table, folds, signature.candidate, mapped)
    return _compared(name, signature.auc, auc, len(kept))


def _in(new_index: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    found = new_index[rows]
    return found[found >= 0]


def _volume_alone(signature: ControlledTraining, volume: Floats | None) -> Control:
    """Take the volume as the score, in the direction that the training part shows."""
    if volume is None:
        return Control(VOLUME_ALONE, note="the feature table has no volume of every tumour")
    hot = signature.table.hot
    auc = []
    for fold in signature.folds:
        rises = _auc(hot[fold.training], volume[fold.training]) >= 0.5
        auc.append(_auc(hot[fold.held_out], volume[fold.held_out] if rises else -volume[fold.held_out]))
    return _compared(VOLUME_ALONE, signature.auc, np.array(auc), len(hot))


def _compared(name: str, signature: Floats, control: Floats, cases: int) -> Control:
    known = np.isfinite(signature) & np.isfinite(control)
    if known.sum() < 2:
        return Control(name, cases, note="too few folds have both classes")
    difference = corrected_difference(signature[known] - control[known], FOLDS)
    return Control(name, cases, corrected_interval(control[known], FOLDS), difference)


def _held_out_auc(task: tuple[FeatureTable, Fold, Candidate]) -> float:
    table, fold, candidate = task
    held_out = table.rows(fold.held_out)
    if not held_out.hot.any() or held_out.hot.all():
        return float("nan")
    return _auc(held_out.hot, fit(table.rows(fold.training), candidate, fold.seed).probability(held_out))


def _auc(hot: NDArray[np.bool_], score: Floats) -> float:
    return float(placements(hot, score)[0].mean())
