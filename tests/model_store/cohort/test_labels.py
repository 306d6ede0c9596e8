"""Labels as hospitals have them: other columns and words, percentages with a threshold, semicolons."""

from pathlib import Path

import pandas as pd
import pytest

from model_store.cohort.labels import reaches, read_labels
from model_store.cohort.plan import LabelTable
from model_store.errors import TrainingError


def table(folder: Path, text: str) -> Path:
    """Write a CSV."""
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_words_and_columns_are_mapped(tmp_path: Path) -> None:
    """Names of columns, several words for a phenotype in any case, a semicolon, values that are left out."""
    path = table(tmp_path, "ID;TME\n007;Inflamed\n8; desert \n9;excluded\n10;\n11;T-cell rich\n")
    labels = LabelTable(path, "ID", ";", "TME", ("inflamed", "t-cell rich"), ("desert",), ("excluded",))
    found = read_labels(labels).set_index("patient")["phenotype"]
    assert found.dropna().to_dict() == {"007": "hot", "8": "cold", "11": "hot"}
    assert list(found.index[found.isna()]) == ["9", "10"]


def test_a_percentage_becomes_a_label(tmp_path: Path) -> None:
    """CD8 of at least 20 % is hot, as in the immune phenotype cohort of Han et al.; a decimal comma is read."""
    path = table(tmp_path, "patient;CD8\na;20\nb;19,9\nc;35 %\nd;<1\ne;NE\nf;\n")
    labels = LabelTable(path, phenotype="CD8", left_out=("NE",), hot_at_least=20, separator=";")
    found = read_labels(labels).set_index("patient")["phenotype"]
    assert found.dropna().to_dict() == {"a": "hot", "b": "cold", "c": "hot", "d": "cold"}


def test_codes_of_many_digits_stay_apart(tmp_path: Path) -> None:
    """Also where an empty cell made pandas store the column as floating point."""
    path = tmp_path / "labels.parquet"
    pd.DataFrame({"patient": ["a", "b", "c"], "phenotype": [1234567.0, 1234568.0, None]}).to_parquet(path)
    found = read_labels(LabelTable(path, hot=("1234567",), cold=("1234568",))).set_index("patient")["phenotype"]
    assert found.dropna().to_dict() == {"a": "hot", "b": "cold"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("<1", False), ("<20", False), ("<50", None), (">= 50 %", True), (">5", None), ("≥20", True), ("many", None)],
)
def test_a_range_tells_only_on_one_side(value: str, expected: bool | None) -> None:
    """Below 20 is below 20; below 50 may be either."""
    assert reaches(value, 20) is expected


def test_all_strange_rows_are_named_at_once(tmp_path: Path) -> None:
    """One run shows every row, by number and without a patient."""
    path = table(tmp_path, "patient,phenotype\nSECRET1,warm\nSECRET2,hot\nSECRET3,tepid\n")
    with pytest.raises(TrainingError, match="row 1: 'warm', row 3: 'tepid'") as caught:
        read_labels(LabelTable(path))
    assert "SECRET" not in str(caught.value)


def test_a_word_has_one_meaning(tmp_path: Path) -> None:
    """The same term for hot and cold is an error in the configuration."""
    with pytest.raises(ValueError, match="each value once"):
        LabelTable(tmp_path / "x.csv", hot=("high", "Low"), cold=("low",))


def test_zeros_before_a_patients_number_stay(tmp_path: Path) -> None:
    """Whatever the column is called: feature tables name the patient 007, too."""
    path = table(tmp_path, "ID,phenotype\n007,hot\n008,cold\n")
    found = read_labels(LabelTable(path, "ID")).set_index("patient")["phenotype"]
    assert found.to_dict() == {"007": "hot", "008": "cold"}
