"""A signature has to find more in its data than the same training finds in data that hold less."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable
from model_store.errors import TrainingError
from model_store.training.forest import Candidate
from model_store.training.negative_controls import (
    NAMES,
    Control,
    ControlledTraining,
    control_notes,
    fold_auc,
    negative_controls,
)
from model_store.training.nested_cross_validation import outer_folds

MakeTable = Callable[..., FeatureTable]
CANDIDATE = Candidate(columns=6, max_depth=3, min_samples_leaf=4, trees=10)


def training_of(table: FeatureTable) -> ControlledTraining:
    """Return a training on two repeats of five folds."""
    folds = outer_folds(table, 2, 1)
    cases = [f"case {patient}" for patient in table.patients]
    return ControlledTraining(table, cases, folds, fold_auc(table, folds, CANDIDATE), CANDIDATE)


def region_table(table: FeatureTable) -> pd.DataFrame:
    """Return a table of a control region, in another order than the training's."""
    frame = pd.DataFrame(table.values, columns=table.columns)
    frame.insert(0, "reason", "")
    frame.insert(0, "case", [f"case {patient}" for patient in table.patients])
    return frame.iloc[::-1]


def by_name(controls: tuple[Control, ...]) -> dict[str, Control]:
    """Return controls by their name."""
    assert tuple(one.name for one in controls) == NAMES
    return {one.name: one for one in controls}


def test_an_effect_beats_every_control_and_noise_none(make_table: MakeTable) -> None:
    """Eight features tell the classes apart: shuffled labels, other voxels and a volume of noise say nothing."""
    noise = make_table(5, cases=120, effect=0.0)
    regions = {kind: region_table(noise) for kind in ControlRegion}
    volume = noise.values[:, 20]
    found = by_name(negative_controls(training_of(make_table(1, cases=120, effect=1.0)), regions, volume, 1))
    for one in found.values():
        assert one.is_beaten
        assert one.auc is not None
        assert one.auc.low < 0.5 < one.auc.high
        assert one.cases == 120
    assert control_notes(tuple(found.values())) == []
    assert found["shuffled labels"].p == 1 / 9  # 4 shuffles in each of 2 repeats: none is as good
    nothing = by_name(negative_controls(training_of(noise), regions, volume, 1))
    assert not any(one.is_beaten for one in nothing.values())
    assert len(control_notes(tuple(nothing.values()))) == 4


def test_a_signature_of_the_volume_does_not_beat_the_volume(make_table: MakeTable) -> None:
    """Where the effect is the volume, in either direction, the signature is no better than the volume alone."""
    table = make_table(1, cases=120, effect=0.0)
    volume = table.values[:, 30] + 1.5 * table.hot
    table.values[:, 30:36] = volume[:, None] + 0.1 * np.random.default_rng(1).normal(size=(120, 6))
    for direction in (1, -1):
        found = by_name(negative_controls(training_of(table), {}, direction * volume, 1))
        assert found["shuffled labels"].is_beaten
        assert not found["volume alone"].is_beaten
        assert found["volume alone"].auc is not None
        assert found["volume alone"].auc.value > 0.8


def test_a_signature_that_needs_no_texture_does_not_beat_shuffled_voxels(make_table: MakeTable) -> None:
    """Features that stay when voxels are shuffled make a control as good as the signature."""
    table = make_table(1, cases=120, effect=1.0)
    found = by_name(
        negative_controls(training_of(table), {ControlRegion.SHUFFLED_VOXELS: region_table(table)}, None, 1)
    )
    assert not found["shuffled voxels"].is_beaten
    assert found["shuffled voxels"].difference is not None
    assert found["shuffled voxels"].difference.value == pytest.approx(0, abs=1e-12)


def test_what_was_not_measured_is_not_beaten(make_table: MakeTable) -> None:
    """Without a table, enough cases or the volume, a control is noted as not beaten; a wrong table is an error."""
    table = make_table(1, cases=60, effect=1.0)
    training = training_of(table)
    few = region_table(table)
    few["reason"] = np.where(np.arange(60) < 20, "no_place", "")
    found = by_name(negative_controls(training, {ControlRegion.ELSEWHERE: few}, None, 1))
    for name, note in (
        ("shuffled voxels", "no table control_shuffled_voxels"),
        ("same shape elsewhere", "measured in 40 of 60 cases"),
        ("volume alone", "no volume"),
    ):
        assert not found[name].is_beaten
        assert note in found[name].note
    with pytest.raises(TrainingError, match="has no column ring_f000"):
        negative_controls(training, {ControlRegion.ELSEWHERE: few.drop(columns="ring_f000")}, None, 1)
