"""Intraclass correlation against a worked example, and against other programs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from model_store.statistics.intraclass_correlation import icc_agreement

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Shrout and Fleiss, Psychological Bulletin 86:420 (1979), table 2: six targets, four judges. ICC(2,1) = 0.29."""


def ratings(seed: int, subjects: int, raters: int, features: int) -> np.ndarray:
    """Return ratings whose features agree more or less, with raters who are systematically off."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((subjects, 1, features))
    bias = 0.3 * rng.standard_normal((1, raters, features))
    noise = rng.uniform(0.05, 2.0, features) * rng.standard_normal((subjects, raters, features))
    return (truth + bias + noise) * 10.0 ** rng.integers(-6, 7, features)


def test_worked_example_of_shrout_and_fleiss() -> None:
    """ICC(2,1) of the published table is 0.29, with the interval 0.02 to 0.76."""
    agreed = icc_agreement(SHROUT_FLEISS[:, :, None])
    assert agreed.icc[0] == pytest.approx(0.29, abs=0.005)
    assert (agreed.low[0], agreed.high[0]) == pytest.approx((0.019, 0.761), abs=0.001)


@pytest.mark.parametrize(("subjects", "raters"), [(30, 2), (12, 3), (8, 5)])
def test_many_features_at_once_equal_pingouin_one_by_one(subjects: int, raters: int) -> None:
    """What is computed for all features together is what a statistics package says about each."""
    pingouin = pytest.importorskip("pingouin")
    values = ratings(1, subjects, raters, 6)
    agreed = icc_agreement(values)
    for feature in range(values.shape[2]):
        long = pd.DataFrame(values[:, :, feature]).stack().rename("value").reset_index()
        table = pingouin.intraclass_corr(long, targets="level_0", raters="level_1", ratings="value")
        row = table[table["Type"].isin(["ICC2", "ICC(A,1)"])].iloc[0]
        assert agreed.icc[feature] == pytest.approx(row["ICC"], abs=1e-8)
        interval = row["CI95%"] if "CI95%" in row else row["CI95"]
        assert (agreed.low[feature], agreed.high[feature]) == pytest.approx(tuple(interval), abs=0.006)


def test_equals_psych_of_r() -> None:
    """R's psych gives the same ICC(2,1) and interval (`tests/reference/r/icc.R`; irr is not in Debian)."""
    flowers = load_iris(return_X_y=True)[0]
    expected = pd.read_csv(Path(__file__).parents[2] / "reference" / "r" / "icc.csv")
    assert len(expected) == 9
    for row in expected.itertuples():
        agreed = icc_agreement(flowers[: row.flowers, : row.readers, None])
        assert agreed.icc[0] == pytest.approx(row.icc, abs=1e-12)
        assert (agreed.low[0], agreed.high[0]) == pytest.approx((row.low, row.high), abs=1e-12)


def test_ratings_that_agree_exactly_leave_no_doubt_and_constant_ones_say_nothing() -> None:
    """A feature that never changes has no reliability: NaN, not 0 and not 1."""
    subjects = np.arange(10.0)[:, None]
    values = np.stack([np.repeat(subjects, 2, axis=1), np.full((10, 2), 3.0)], axis=2)
    agreed = icc_agreement(values)
    assert agreed.icc[0] == pytest.approx(1.0)
    assert agreed.low[0] == agreed.high[0] == 1.0
    assert np.isnan(agreed.icc[1])


def test_a_reader_who_is_off_by_a_constant_agrees_less() -> None:
    """Absolute agreement: a systematic difference between readers counts, as the paper's ICC has it."""
    rng = np.random.default_rng(3)
    one = rng.standard_normal(40)
    together = np.stack([np.stack([one, one], 1), np.stack([one, one + 2.0], 1)], axis=2)
    variance = one.var(ddof=1)
    # Rater variance of two readers who are 2 apart: 2^2 / 2.
    assert icc_agreement(together).icc[1] == pytest.approx(variance / (variance + 2.0))
