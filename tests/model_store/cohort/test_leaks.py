"""A cohort with a leak of the labels is refused, and the message names the leak."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import labelled_cohort, read_table
from model_store.cohort.leaks import require_no_label, separation
from model_store.cohort.plan import LabelTable
from model_store.cohort.provenance import provenance, provenance_of, require_honest_selection, stamp
from model_store.cohort.repeated_outlines import Repetition
from model_store.errors import LeakError, TrainingError
from model_store.reliability.reliability import Repeats, agreement_of, ratings_table
from model_store.training.column_selection import select_columns
from model_store.training.plan import TrainPlan
from model_store.training.step import run_training, train_inputs

MakeTable = Callable[..., FeatureTable]


@pytest.fixture
def study(tmp_path: Path, make_table: MakeTable) -> Callable[..., TrainPlan]:
    """Return the maker of a plan on a cohort of 60 patients without an effect; it takes more fields of the plan."""
    table = make_table(1, cases=60, effect=0.0)
    features_of(table).to_parquet(tmp_path / "features.parquet")
    labels_of(table).to_csv(tmp_path / "labels.csv", index=False)

    def plan(**more: object) -> TrainPlan:
        quick = {"columns": (6,), "max_depths": (3,), "trees": 10, "repeats": 1, "alternatives": False}
        files = {"features": tmp_path / "features.parquet", "labels": LabelTable(tmp_path / "labels.csv")}
        return TrainPlan(**{**files, **quick, **more})  # type: ignore[arg-type]

    return plan


def features_of(table: FeatureTable) -> pd.DataFrame:
    """Return a table as the extraction writes it."""
    cases = pd.DataFrame({"case": [f"c-{p}" for p in table.patients], "patient": table.patients, "reason": ""})
    return pd.concat([cases, pd.DataFrame(table.values, columns=table.columns)], axis=1)


def labels_of(table: FeatureTable) -> pd.DataFrame:
    """Return the table of labels."""
    return pd.DataFrame({"patient": table.patients, "phenotype": np.where(table.hot, "hot", "cold")})


def chosen_with_labels(table: FeatureTable, patients: list[str] | None = None) -> pd.DataFrame:
    """Return a list of features that was chosen with the labels of these patients, and says so."""
    frame = pd.DataFrame({"feature": select_columns(table, 6)})
    origin = provenance("univariate selection", labels_of(table), patients or table.patients, used_labels=True)
    return stamp(frame, origin)


def run(plan: TrainPlan, folder: Path) -> object:
    """Train as the step does."""
    return run_training(plan, train_inputs(plan, folder))


def test_label_among_the_features_is_refused_by_value(make_table: MakeTable) -> None:
    """A column that equals the label, or any other that separates 30 from 30 cases without an error, is named."""
    table = make_table(2, cases=60, effect=0.0)
    for disguise in (table.hot.astype(float), -3.0 * table.hot + 7, table.hot + np.linspace(0, 0.5, 60)):
        values = table.values.copy()
        values[:, 17] = disguise
        with pytest.raises(LeakError, match="ring_f017 separates 30 hot from 30 cold"):
            require_no_label(replace(table, values=values))
    require_no_label(table)


def test_label_in_what_is_missing_is_refused(make_table: MakeTable) -> None:
    """A feature that only cold cases lack tells the class as well as any value."""
    table = make_table(2, cases=60, effect=0.0)
    values = table.values.copy()
    values[:, 3] = np.where(table.hot, values[:, 3], np.nan)
    with pytest.raises(LeakError, match="ring_f003"):
        require_no_label(replace(table, values=values))


def test_label_among_the_features_is_refused_by_name(make_table: MakeTable) -> None:
    """A column that has the name of a label is refused, whatever it holds."""
    table = make_table(2, cases=20)
    with pytest.raises(LeakError, match="tumour_phenotype has the name of a label"):
        require_no_label(replace(table, columns=(*table.columns[:-1], "tumour_phenotype")))


def test_few_cases_separate_by_chance(make_table: MakeTable) -> None:
    """Of 958 columns of noise some separate 4 from 4 cases: that is no label."""
    require_no_label(make_table(2, cases=8, effect=0.0))


def noise(seed: int, cases: int = 120) -> FeatureTable:
    """Return a table of 958 columns that say nothing."""
    rng = np.random.default_rng(seed)
    columns = tuple(f"{region}_f{index:03d}" for region in ("ring", "tumour") for index in range(479))
    patients = tuple(f"P{index}" for index in range(cases))
    return FeatureTable(columns, rng.normal(size=(cases, 958)), np.arange(cases) % 2 == 0, patients)


def test_a_label_with_one_wrong_case_is_refused() -> None:
    """120 patients of noise: a column that is the label but for one case (AUC 0.99), or a noisy label (0.96)."""
    table = noise(3)
    wrong = table.hot.astype(float)
    wrong[0] = 1 - wrong[0]
    noisy = table.hot + np.random.default_rng(7).normal(scale=0.42, size=120)
    for disguise in (wrong, noisy):
        values = table.values.copy()
        values[:, 17] = disguise
        with pytest.raises(LeakError, match=r"ring_f017 separates 60 hot from 60 cold .* 0\.9[69]"):
            require_no_label(replace(table, values=values))


def test_a_column_that_knows_something_of_the_label_is_named_in_a_note() -> None:
    """An AUC of 0.87 is what features may have: it trains, and is named, since no other column correlates with it."""
    table = noise(3)
    values = table.values.copy()
    values[:, 17] = table.hot + np.random.default_rng(5).normal(scale=0.65, size=120)
    found = require_no_label(replace(table, values=values))
    assert list(found.beyond) == ["ring_f017"]
    assert found.lone == ("ring_f017",)
    assert any("ring_f017" in note for note in found.notes())
    values[:, 18] = values[:, 17] * 3
    assert require_no_label(replace(table, values=values)).lone == ()


def test_noise_is_within_the_permutation_limit() -> None:
    """The limit of the best of 958 columns of 120 patients is near 0.73, and noise exceeds it in 5 % of tables."""
    found = [separation(noise(seed), seed, 200) for seed in range(40)]
    assert 0.70 < np.mean([one.limit for one in found]) < 0.75
    assert sum(bool(one.beyond) for one in found) <= 6  # P(more) = 0.004 with 40 tables at 5 %


def test_labels_are_permuted_among_patients() -> None:
    """Ten lesions of each patient are no ten cases: the limit is that of the patients."""
    table = noise(1, 20)
    lesions = replace(
        table,
        values=np.repeat(table.values, 10, axis=0),
        hot=np.repeat(table.hot, 10),
        patients=tuple(np.repeat(table.patients, 10)),
    )
    assert separation(lesions).limit == pytest.approx(separation(table).limit)


def test_features_selected_outside_the_folds_are_refused(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """A list that was chosen with the labels of the cases to train on stops the training, from the file itself."""
    chosen_with_labels(make_table(1, cases=60, effect=0.0)).to_parquet(tmp_path / "list.parquet")
    for field in ("preselected", "reliability"):
        frame = pd.read_parquet(tmp_path / "list.parquet")
        stamp(frame.assign(kept=True), provenance_of(frame)).to_parquet(tmp_path / "list.parquet")  # type: ignore[arg - type]
        with pytest.raises(LeakError, match=r"labels of 60 patients .* selected outside the folds"):
            run(study(**{field: tmp_path / "list.parquet"}), tmp_path)


def test_a_list_that_does_not_say_where_it_comes_from_is_refused(
    study: Callable[..., TrainPlan], tmp_path: Path
) -> None:
    """Without an origin it is unknown whether labels were used; a list that was chosen on these patients leaks."""
    pd.DataFrame({"feature": ["ring_f001", "ring_f002", "tumour_f001"], "kept": True}).to_csv(
        tmp_path / "list.csv", index=False
    )
    listed = {"preselected": tmp_path / "list.csv"}
    with pytest.raises(LeakError, match="does not state which cases"):
        run(study(**listed), tmp_path)
    with pytest.raises(LeakError, match="cannot be recomputed"):
        run(study(reliability=tmp_path / "list.csv"), tmp_path)
    with pytest.raises(LeakError, match=r"60 patients .* selected outside the folds"):
        run(study(**listed, preselected_origin="ours", preselected_on=tmp_path / "labels.csv"), tmp_path)


def write_icc(folder: Path, table: FeatureTable, seed: int = 4) -> pd.DataFrame:
    """Write a table of ICC and its ratings as the step reliability does; every second feature is read badly."""
    rng = np.random.default_rng(seed)
    features = features_of(table)
    again = features.head(20).copy()
    spread = np.where(np.arange(958) % 2 == 0, 0.1, 3.0)
    again[list(table.columns)] += rng.normal(size=(20, 958)) * spread
    outlines = pd.concat([features.head(20), again], ignore_index=True)
    repeats = Repeats(Repetition.INTER, tuple((row, row + 20) for row in range(20)), ("A", "B"))
    frame = agreement_of(outlines, repeats, table.columns).rename(columns={"icc": "icc_inter"})
    frame["kept"] = frame["icc_inter"] >= 0.75
    ratings_table(outlines, repeats, table.columns).to_parquet(folder / "ratings.parquet")
    frame.to_parquet(folder / "icc.parquet")
    return frame


def test_reliable_features_are_recomputed_from_the_repeated_outlines(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """A table of ICC is taken with the values that it was computed from, and not without them."""
    frame = write_icc(tmp_path, make_table(1, cases=60, effect=0.0))
    training = run(study(reliability=tmp_path / "icc.parquet"), tmp_path)
    assert set(training.cohort.table.columns) == set(frame.loc[frame["kept"], "feature"])  # type: ignore[attr-defined]
    assert "recomputed from ratings" in training.offered.origins["reliability"]  # type: ignore[attr-defined]
    (tmp_path / "ratings.parquet").unlink()
    with pytest.raises(LeakError, match="cannot be recomputed"):
        run(study(reliability=tmp_path / "icc.parquet"), tmp_path)


def test_a_forged_icc_is_refused(study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable) -> None:
    """ICC of 0.99 for features that the labels chose; the same with a list that does not follow; or forged ratings."""
    table = make_table(1, cases=60, effect=0.0)
    frame = write_icc(tmp_path, table)
    plan = study(reliability=tmp_path / "icc.parquet")
    chosen = frame["feature"].isin(select_columns(table, 10))
    forged = frame.assign(kept=chosen, icc_inter=np.where(chosen, 0.99, 0.5))
    forged.to_parquet(tmp_path / "icc.parquet")
    with pytest.raises(LeakError, match=r"the ICC \(inter\) of .* differ"):
        run(plan, tmp_path)
    frame.assign(kept=chosen).to_parquet(tmp_path / "icc.parquet")
    with pytest.raises(LeakError, match="kept is no threshold"):
        run(plan, tmp_path)
    frame.to_parquet(tmp_path / "icc.parquet")
    ratings = pd.read_parquet(tmp_path / "ratings.parquet")
    ratings[list(table.columns)] = np.random.default_rng(99).normal(size=(len(ratings), 958))
    ratings.to_parquet(tmp_path / "ratings.parquet")
    with pytest.raises(LeakError, match="20 of 20 lesions have other values than in the feature table"):
        run(plan, tmp_path)


def test_leaving_features_out_needs_its_origin(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """All but the features that the labels chose are left out: without an origin it is refused."""
    table = make_table(1, cases=60, effect=0.0)
    rest = tuple(sorted(set(table.columns) - set(select_columns(table, 20))))
    with pytest.raises(LeakError, match=r"leave_out leaves 938 features out and does not state why"):
        run(study(leave_out=rest), tmp_path)
    with pytest.raises(LeakError, match=r"60 patients .* selected outside the folds"):
        run(study(leave_out=rest, leave_out_origin="ours", leave_out_on=tmp_path / "labels.csv"), tmp_path)
    training = run(study(leave_out=table.columns[:3], leave_out_origin="Han 2024"), tmp_path)
    assert "Han 2024 (declared" in training.offered.origins["leave_out"]  # type: ignore[attr-defined]
    assert not set(table.columns[:3]) & set(training.cohort.table.columns)  # type: ignore[attr-defined]


def test_honest_lists_are_taken_and_their_origin_kept(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """Chosen on other patients, or without labels, or declared from a publication: taken, and written down."""
    other = make_table(9, cases=40, prefix="O")
    honest = chosen_with_labels(other)
    honest.to_parquet(tmp_path / "other.parquet")
    reliable = write_icc(tmp_path, make_table(1, cases=60, effect=0.0))
    plan = study(preselected=tmp_path / "other.parquet", reliability=tmp_path / "icc.parquet", all_features=False)
    training = run(plan, tmp_path)
    offered = set(training.cohort.table.columns)  # type: ignore[attr-defined]
    assert offered == set(honest["feature"]) & set(reliable.loc[reliable["kept"], "feature"])
    said = training.offered.origins  # type: ignore[attr-defined]
    assert "labels of other patients" in said["preselected"]
    assert "no labels used" in said["reliability"]
    honest.to_csv(tmp_path / "other.csv", index=False)
    declared = run(study(preselected=tmp_path / "other.csv", preselected_origin="Han 2024"), tmp_path)
    assert "Han 2024 (declared" in declared.offered.origins["preselected"]  # type: ignore[attr-defined]


def test_origin_survives_parquet(tmp_path: Path, make_table: MakeTable) -> None:
    """The origin is in the file, and one changed row gives another digest."""
    table = make_table(1, cases=20)
    frame = chosen_with_labels(table)
    frame.to_parquet(tmp_path / "x.parquet")
    read = read_table(tmp_path / "x.parquet")
    assert provenance_of(read) == provenance_of(frame)
    origin = provenance_of(read)
    assert origin is not None
    assert not set(origin.patients) & set(table.patients)
    changed = labels_of(table).replace("hot", "cold")
    assert provenance("x", changed, table.patients, used_labels=True).rows != origin.rows
    assert require_honest_selection("list", frame, ["someone else"]) == origin


def test_contradicting_labels_are_refused(make_table: MakeTable) -> None:
    """A patient who is hot and cold, a label that is neither, and labels without a measured case are errors."""
    table = make_table(1, cases=20)
    features, labels = features_of(table), labels_of(table)
    both = pd.concat([labels, pd.DataFrame({"patient": ["P0"], "phenotype": ["cold"]})])
    with pytest.raises(TrainingError, match="1 patients are both"):
        labelled_cohort(features, both)
    with pytest.raises(TrainingError, match="contains 'warm'"):
        labelled_cohort(features, labels.replace("hot", "warm"))
    with pytest.raises(TrainingError, match="same pseudonyms"):
        labelled_cohort(features, labels.assign(patient="X" + labels["patient"]))


def test_what_is_not_in_the_table_is_counted(make_table: MakeTable) -> None:
    """Cases that were not measured and those without a label are left out, and counted."""
    table = make_table(1, cases=20)
    features, labels = features_of(table), labels_of(table)
    features.loc[3, "reason"] = "tumour_too_small"
    cohort = labelled_cohort(features, labels.drop(index=[5, 6]))
    assert len(cohort.table.patients) == len(cohort.cases) == 17
    assert cohort.left_out == {"not measured": 1, "without a label": 2, "labels without a measured case": 1}
    assert list(cohort.cases["case"]) == [f"c-{patient}" for patient in cohort.table.patients]


def test_what_is_wrong_with_a_row_is_told_by_its_number(make_table: MakeTable) -> None:
    """A person finds the row without the message naming the patient, and the column of a value that is no number."""
    table = make_table(1, cases=20)
    features, labels = features_of(table), labels_of(table)
    both = pd.concat([labels, pd.DataFrame({"patient": ["P0"], "phenotype": ["cold"]})])
    with pytest.raises(TrainingError, match="in row 21"):
        labelled_cohort(features, both)
    warm = labels.copy()
    warm.loc[4, "phenotype"] = "warm"
    with pytest.raises(TrainingError, match=r"row 5 of the table of labels contains 'warm' \(1 rows are invalid\)"):
        labelled_cohort(features, warm)
    words = features.astype({table.columns[3]: object})
    words.loc[2, table.columns[3]] = "large"
    with pytest.raises(TrainingError, match=f"column {table.columns[3]} .* not numbers in 1 of 20 cases"):
        labelled_cohort(words, labels)
