"""Statistics against R on its dataset `lung`; `r/statistics.R` made the values (R 4.2.2)."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.statistics.correlation import spearman_interval, spearman_table
from model_store.statistics.group_comparison import Test, compare_groups, comparison_table
from model_store.statistics.multiple_testing import false_discovery_rate
from model_store.statistics.partition_agreement import agreement
from model_store.statistics.survival import cox_table, kaplan_meier, log_rank, median_survival, outcome
from model_store.statistics.survival_cut_off import optimal_cut_off

LEFT = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30, 40.1])
RIGHT = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.061, 3.14, 1.291, 51.2, 0.3])


@pytest.fixture(scope="module")
def r() -> dict[str, float]:
    """Return R's values by name."""
    with (Path(__file__).parent / "r" / "statistics.csv").open() as file:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    """Return 228 patients with advanced lung cancer (Loprinzi et al., J Clin Oncol 12:601, 1994)."""
    load_lung = pytest.importorskip("lifelines.datasets", reason="needs the study extra").load_lung
    table: pd.DataFrame = load_lung()
    return table


def column(lung: pd.DataFrame, name: str, chosen: "pd.Series[bool] | None" = None) -> np.ndarray:
    """Return a column as numbers."""
    return (lung[name] if chosen is None else lung.loc[chosen, name]).to_numpy(np.float64)


def test_two_normal_groups_are_compared_by_welch(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Both groups pass Shapiro-Wilk: Welch's t with the interval of the difference of the means."""
    age = column(lung, "age")
    found = compare_groups({"first": age[:40], "second": age[40:90]})
    assert all(group.normal_p > 0.05 for group in found.groups)
    assert found.test is Test.T
    expected = [r[f"welch.{name}"] for name in ("statistic", "p.value", "low", "high")]
    assert [found.statistic, found.p, found.low, found.high] == pytest.approx(expected, rel=1e-9)


def test_two_other_groups_are_compared_by_wilcoxon(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """With ties by the normal approximation with continuity correction, without them exactly, as wilcox.test does."""
    tied = compare_groups({"m": column(lung, "meal.cal", lung.sex == 1), "f": column(lung, "meal.cal", lung.sex == 2)})
    exact = compare_groups({"x": LEFT, "y": RIGHT})
    for found, name in ((tied, "wilcoxon.tied"), (exact, "wilcoxon.exact")):
        assert found.test is Test.WILCOXON
        assert found.statistic == r[f"{name}.statistic"]
        assert found.p == pytest.approx(r[f"{name}.p.value"], rel=1e-9)
    shift = [r[f"wilcoxon.exact.{name}"] for name in ("shift", "low", "high")]
    assert [exact.difference, exact.low, exact.high] == pytest.approx(shift, rel=1e-9)


def test_three_groups_are_compared_by_kruskal_wallis(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Ties corrected, as kruskal.test does; there is no difference of three groups."""
    found = compare_groups({str(grade): column(lung, "meal.cal", lung["ph.ecog"] == grade) for grade in (0, 1, 2)})
    assert found.test is Test.KRUSKAL
    assert [found.statistic, found.p] == pytest.approx([r["kruskal.statistic"], r["kruskal.p.value"]], rel=1e-9)
    assert np.isnan(found.difference)


@pytest.mark.parametrize(
    ("groups", "note"),
    [
        ({"a": [1.0, 2, 3, 4]}, "needs two groups"),
        ({"a": [1.0, 2, 3, 4], "b": [5.0, np.nan, 6]}, "b has 2"),
        ({"a": [1.0, 1, 1], "b": [1.0, 1, 1]}, "all values are the same"),
        ({"a": [1.0, 1, 1], "b": []}, "b has 0"),
    ],
)
def test_what_cannot_be_compared_says_why(groups: dict[str, list[float]], note: str) -> None:
    """No test, no p value, a reason."""
    found = compare_groups({name: np.array(values) for name, values in groups.items()})
    assert found.test is Test.NONE
    assert np.isnan(found.p)
    assert note in found.note


def test_constant_group_does_not_pass_for_normal() -> None:
    """Shapiro-Wilk says nothing about it, so the ranks are compared."""
    found = compare_groups({"a": np.full(5, 2.0), "b": np.array([1.0, 3, 4, 5, 6])})
    assert found.test is Test.WILCOXON


def test_table_of_comparisons_counts_its_tests(lung: pd.DataFrame) -> None:
    """Each column once, groups matched by index, q values over the columns that could be compared."""
    quantities = lung[["age", "meal.cal"]].assign(same=1.0)
    sex = lung.sex.map({1: "male", 2: "female"}).sample(frac=1, random_state=1)
    table = comparison_table(quantities, sex).set_index("name")
    direct = compare_groups({s: column(lung, "age", lung.sex == n) for s, n in (("female", 2), ("male", 1))})
    assert table.loc["age", "p"] == direct.p
    assert table.loc["age", "n_female"] == 90
    assert np.isnan(table.loc["same", "q"])
    assert table["q"].max() == table["p"].max()
    assert table["q"].min() == min(2 * table["p"].min(), table["p"].max())


def test_spearman_with_fdr(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Pairs with missing values are left out pair by pair; the q values are p.adjust's."""
    names = ("age", "ph.karno", "pat.karno", "meal.cal", "wt.loss")
    table = spearman_table(lung[list(names)], lung[list(names)]).set_index(["left", "right"])
    pairs = list(combinations(names, 2))
    for pair in pairs:
        expected = [r[f"spearman.{'.'.join(pair)}.{name}"] for name in ("rho", "p")]
        assert table.loc[pair, ["rho", "p"]].tolist() == pytest.approx(expected, rel=1e-7)
    expected = [r[f"spearman.{'.'.join(pair)}.q"] for pair in pairs]
    assert false_discovery_rate(table.loc[pairs, "p"].to_numpy()) == pytest.approx(expected, rel=1e-6)


def test_spearman_interval_holds_the_truth_as_often_as_it_says() -> None:
    """2,000 samples of 40 from a bivariate normal of known Spearman correlation: 95 % hold it, within 2 %."""
    rng, rho = np.random.default_rng(3), 0.6
    truth = 6 / np.pi * np.arcsin(rho / 2)
    held = 0
    for _ in range(2000):
        x, e = rng.normal(size=(2, 40))
        ranks = [np.argsort(np.argsort(v)) for v in (x, rho * x + np.sqrt(1 - rho**2) * e)]
        low, high = spearman_interval(float(np.corrcoef(*ranks)[0, 1]), 40)
        held += low <= truth <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.02)


def test_spearman_of_nothing_is_no_number() -> None:
    """Too few pairs or a constant column: NaN, and not one of the tests that the q values count."""
    left = pd.DataFrame({"same": [1.0] * 6, "x": [1.0, 2, 3, 4, 5, 6]})
    right = pd.DataFrame({"y": [2.0, 1, 4, 3, 6, 5]})
    table = spearman_table(left, right).set_index("left")
    assert np.isnan(table.loc["same", "rho"])
    assert table.loc["x", "q"] == table.loc["x", "p"]
    assert spearman_table(left[:3], right)["rho"].isna().all()


def test_kappa_and_adjusted_rand(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Physician and patient on whether normal activity is possible: vcd's Kappa and e1071's classAgreement."""
    both = lung[["ph.karno", "pat.karno"]].dropna() >= 80
    found = agreement(both["ph.karno"].map(str), both["pat.karno"].map(str))
    assert [found.kappa, found.adjusted_rand] == pytest.approx([r["kappa"], r["ari"]], rel=1e-9)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * r["kappa.ase"], rel=1e-6)
    assert found.n == len(both)


def test_log_rank(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Two groups and three, as survdiff."""
    by_sex = log_rank(column(lung, "time"), column(lung, "status") == 1, lung["sex"].to_numpy())
    assert [by_sex.chi_squared, by_sex.p] == pytest.approx([r["logrank.chisq"], r["logrank.p"]], rel=1e-9)
    three = lung[lung["ph.ecog"] < 3]
    by_grade = log_rank(column(three, "time"), column(three, "status") == 1, three["ph.ecog"].to_numpy())
    assert by_grade.degrees == 2
    assert [by_grade.chi_squared, by_grade.p] == pytest.approx([r["logrank3.chisq"], r["logrank3.p"]], rel=1e-9)


def test_kaplan_meier(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Survival with its log-log interval at half a year, one and one and a half, the number at risk, the median."""
    for sex in (1, 2):
        part = lung[lung.sex == sex]
        curve = kaplan_meier(column(part, "time"), column(part, "status") == 1)
        assert median_survival(curve) == r[f"km.{sex}.median"]
        for day in (180, 365, 540):
            at = curve[curve["time"] <= day].iloc[-1]
            expected = [r[f"km.{sex}.{day}.{name}"] for name in ("surv", "lower", "upper")]
            assert [at["survival"], at["low"], at["high"]] == pytest.approx(expected, rel=1e-9)
            assert (part["time"] >= day).sum() == r[f"km.{sex}.{day}.n.risk"]


def test_cox(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Hazard ratios with intervals, one variable at a time, as coxph (Efron); rows that lack the variable left out."""
    names = ["age", "sex", "ph.ecog", "wt.loss", "meal.cal"]
    table = cox_table(outcome(lung, "time", "status"), lung[names], standardise=False).set_index("name")
    for name in names:
        expected = [r[f"cox.{name}.{value}"] for value in ("hr", "low", "high", "p", "n", "events")]
        found = table.loc[name, ["hazard_ratio", "low", "high", "p", "n", "events"]].tolist()
        assert found == pytest.approx(expected, rel=1e-5)


def test_optimal_cut_off(lung: pd.DataFrame, r: dict[str, float]) -> None:
    """Cut-off, statistic and corrected p as maxstat.test (Lau94); a bound above 1 is 1."""
    whole = lung[["time", "status", "age", "ph.karno", "meal.cal"]].dropna()
    for name in ("age", "ph.karno", "meal.cal"):
        found = optimal_cut_off(column(whole, name), column(whole, "time"), column(whole, "status") == 1)
        assert found is not None
        assert found.value == r[f"maxstat.{name}.cut"]
        assert found.statistic == pytest.approx(r[f"maxstat.{name}.statistic"], rel=1e-9)
        assert found.p == pytest.approx(min(1, r[f"maxstat.{name}.p"]), rel=1e-9)
