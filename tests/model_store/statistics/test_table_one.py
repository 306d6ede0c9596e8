"""Table 1: Fisher's test and standardised differences against published examples and their defining formulas."""

import numpy as np
import pandas as pd
import pytest

from model_store.statistics.composition import FISHER, FISHER_SIMULATED, association, association_table, is_quantity
from model_store.statistics.table_one import largest_difference, table_one


def expanded(counts: list[list[int]]) -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """Return group (columns) and value (rows) of each case of a table of counts."""
    rows = [(f"g{j}", f"v{i}") for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["group", "value"])
    return frame["group"], frame["value"]


def test_fisher_of_agrestis_job_satisfaction() -> None:
    """Agresti, Categorical Data Analysis (2002), p. 57, as in R's help on fisher.test: p = 0.7827."""
    group, value = expanded([[1, 2, 1, 0], [3, 3, 6, 1], [10, 10, 14, 9], [6, 7, 12, 11]])
    test, n, p = association(group, value, seed=1)
    assert (test, n) == (FISHER_SIMULATED, 96)
    assert p == pytest.approx(0.7827, abs=4 * np.sqrt(0.7827 * 0.2173 / 99_999))


def test_fisher_of_the_tea_taster() -> None:
    """Fisher's lady tasting tea, two-sided: p = 0.4857 (R's help on fisher.test)."""
    test, n, p = association(*expanded([[3, 1], [1, 3]]), seed=1)
    assert (test, n, p) == (FISHER, 8, pytest.approx(0.4857143, abs=1e-7))


def test_age_is_a_quantity_and_grade_is_not() -> None:
    """Ages are compared by their values and not as one category a year."""
    rng = np.random.default_rng(0)
    age, grade = pd.Series(rng.integers(30, 80, 60)), pd.Series(rng.integers(1, 4, 60))
    group = pd.Series(np.where(np.arange(60) % 2 == 0, "hot", "cold"))
    assert is_quantity(age)
    assert not is_quantity(grade)
    assert not is_quantity(pd.Series(["a", "b"] * 30))
    table = association_table(group, pd.DataFrame({"age": age, "grade": grade}), 1).set_index("column")
    assert table.loc["age", "test"] in ("Welch's t", "Wilcoxon rank-sum")
    assert table.loc["grade", "test"] == FISHER_SIMULATED


def test_standardised_difference_of_two_categories_is_austins() -> None:
    """With two levels it is |p1 - p2| over the root of the mean of p (1 - p)."""
    one, other = pd.Series(["yes"] * 30 + ["no"] * 70), pd.Series(["yes"] * 50 + ["no"] * 50)
    expected = 0.2 / np.sqrt((0.3 * 0.7 + 0.5 * 0.5) / 2)
    assert largest_difference({"a": one, "b": other}, pd.concat([one, other])) == pytest.approx(expected)


def test_standardised_difference_does_not_depend_on_the_level_left_out() -> None:
    """Renaming the levels changes which one is dropped, not the difference; of three cohorts the largest is given."""
    one, other = pd.Series(list("aaabbc")), pd.Series(list("abbccc"))
    renamed = {"a": "z", "b": "y", "c": "x"}
    first = largest_difference({"1": one, "2": other}, one)
    second = largest_difference({"1": one.map(renamed), "2": other.map(renamed)}, one)
    assert first == pytest.approx(second)
    assert largest_difference({"1": one, "2": other, "3": one}, one) == pytest.approx(first)


def test_table_counts_medians_and_missing_values() -> None:
    """Shares are of those who are known; a cohort without a column is not compared; quantities have quartiles."""
    patients = pd.DataFrame(
        {
            "age": [40, 50, 60, 45, 55, 65, np.nan, 70, 41, 52],
            "stage": ["I", "II", None, "I", "I", "II", None, None, None, None],
        }
    )
    cohort = pd.Series(["A"] * 3 + ["B"] * 3 + ["C"] * 4)
    table = table_one(patients, cohort, 1).set_index(["characteristic", "value"])
    assert table.loc[("patients", ""), ["A", "B", "C"]].tolist() == ["3", "3", "4"]
    assert table.loc[("age", "median (quartiles)"), "A"] == "50 (45 to 55)"
    assert table.loc[("age", "missing"), ["A", "B", "C"]].tolist() == ["0", "0", "1"]
    assert table.loc[("stage", "I"), ["A", "B", "C"]].tolist() == ["1 (50%)", "2 (67%)", "not recorded"]
    assert table.loc[("stage", "I"), "test"] == FISHER
    age = table.loc[("age", "median (quartiles)"), "standardised_difference"]
    assert age == pytest.approx(5 / 10)
