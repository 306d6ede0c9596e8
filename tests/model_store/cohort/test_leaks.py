"""A cohort in which the answer lies among the questions is refused, with what leaks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import labelled_cohort, read_table
from model_store.cohort.leaks import require_no_label, require_no_twins, require_other_patients
from model_store.cohort.provenance import provenance, provenance_of, require_honest_selection, stamp
from model_store.errors import LeakError, TrainingError
from model_store.training.forest import select_columns
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
        files = {"features": tmp_path / "features.parquet", "labels": tmp_path / "labels.csv"}
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
    return run_training(plan, train_inputs(plan, folder), 1)


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


def test_same_images_under_two_pseudonyms_are_refused(make_table: MakeTable) -> None:
    """A patient who is there twice under two names would be trained on and measured on."""
    table = make_table(2, cases=20)
    values = table.values.copy()
    values[7] = values[2]
    twins = replace(table, values=values)
    with pytest.raises(LeakError, match="two pseudonyms"):
        require_no_twins(twins)
    require_no_twins(replace(twins, patients=tuple("P2" if p == "P7" else p for p in twins.patients)))


def test_patient_in_training_and_test_is_refused() -> None:
    """The message counts and does not name them."""
    with pytest.raises(LeakError, match="1 patients are in the training table and in the cohort other") as caught:
        require_other_patients(["P1", "P2"], ["P2", "P3"], "the cohort other")
    assert "P2" not in str(caught.value)


def test_features_selected_outside_the_folds_are_refused(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """A list that was chosen with the labels of the cases to train on stops the training, from the file itself."""
    chosen_with_labels(make_table(1, cases=60, effect=0.0)).to_parquet(tmp_path / "list.parquet")
    for field in ("preselected", "reliability"):
        frame = pd.read_parquet(tmp_path / "list.parquet")
        stamp(frame.assign(kept=True), provenance_of(frame)).to_parquet(tmp_path / "list.parquet")  # type: ignore[arg-type]
        with pytest.raises(LeakError, match=r"labels of 60 patients .* selected outside the folds"):
            run(study(**{field: tmp_path / "list.parquet"}), tmp_path)


def test_a_list_that_does_not_say_where_it_comes_from_is_refused(
    study: Callable[..., TrainPlan], tmp_path: Path
) -> None:
    """Without an origin nobody knows whether labels were used; declared as chosen on these patients it leaks."""
    pd.DataFrame({"feature": ["ring_f001", "ring_f002", "tumour_f001"], "kept": True}).to_csv(
        tmp_path / "list.csv", index=False
    )
    listed = {"preselected": tmp_path / "list.csv"}
    for field in ("preselected", "reliability"):
        with pytest.raises(LeakError, match="does not state which cases"):
            run(study(**{field: tmp_path / "list.csv"}), tmp_path)
    with pytest.raises(LeakError, match=r"60 patients .* selected outside the folds"):
        run(study(**listed, preselected_origin="ours", preselected_on=tmp_path / "labels.csv"), tmp_path)


def test_reliable_features_are_a_threshold_on_their_icc(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """A table of ICC needs no further word where its list follows from it; one that leaves out another feature does."""
    columns = make_table(1, cases=8).columns
    icc = np.random.default_rng(0).uniform(0.3, 1, (len(columns), 2))
    icc[5] = np.nan
    frame = pd.DataFrame({"feature": columns, "icc_intra": icc[:, 0], "icc_inter": icc[:, 1], "icc_perturbed": np.nan})
    frame["kept"] = (icc >= 0.75).all(axis=1)
    frame.to_parquet(tmp_path / "icc.parquet")
    training = run(study(reliability=tmp_path / "icc.parquet"), tmp_path)
    assert set(training.cohort.table.columns) == set(frame.loc[frame["kept"], "feature"])  # type: ignore[attr-defined]
    assert "threshold on the table's own ICC" in training.selections["reliability"]  # type: ignore[attr-defined]
    for changed in (frame["kept"].idxmax(), 5):
        other = frame.copy()
        other.loc[changed, "kept"] = not other.loc[changed, "kept"]
        other.loc[frame["kept"][::-1].idxmax(), "icc_intra"] = 0.7500001
        other.to_parquet(tmp_path / "icc.parquet")
        with pytest.raises(LeakError, match="does not state which cases"):
            run(study(reliability=tmp_path / "icc.parquet"), tmp_path)


def test_honest_lists_are_taken_and_their_origin_kept(
    study: Callable[..., TrainPlan], tmp_path: Path, make_table: MakeTable
) -> None:
    """Chosen on other patients, or without labels, or declared from a publication: taken, and written down."""
    other = make_table(9, cases=40, prefix="O")
    honest = chosen_with_labels(other)
    honest.to_parquet(tmp_path / "other.parquet")
    unlabelled = provenance("reliability", labels_of(other), make_table(1, cases=60).patients, used_labels=False)
    columns = make_table(1, cases=8).columns
    stamp(pd.DataFrame({"feature": columns, "kept": [i % 2 == 0 for i in range(958)]}), unlabelled).to_parquet(
        tmp_path / "icc.parquet"
    )
    plan = study(preselected=tmp_path / "other.parquet", reliability=tmp_path / "icc.parquet", all_features=False)
    training = run(plan, tmp_path)
    offered = set(training.cohort.table.columns)  # type: ignore[attr-defined]
    assert offered == set(honest["feature"]) & set(columns[::2])
    said = training.selections  # type: ignore[attr-defined]
    assert "labels of other patients" in said["preselected"]
    assert "no labels used" in said["reliability"]
    honest.to_csv(tmp_path / "other.csv", index=False)
    declared = run(study(preselected=tmp_path / "other.csv", preselected_origin="Han 2024"), tmp_path)
    assert "Han 2024 (declared" in declared.selections["preselected"]  # type: ignore[attr-defined]


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
    """A patient who is hot and cold, a label that is neither, and labels of nobody here are errors."""
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
