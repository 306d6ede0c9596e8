"""A patient without values removes no columns for all, and a column without values no patients."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.missing_values import complete_table

MakeTable = Callable[..., FeatureTable]


def test_one_patient_without_values_is_left_out_and_named(make_table: MakeTable) -> None:
    """Of 265 patients one lacks 40 columns: the patient goes, all columns stay."""
    table = make_table(1, cases=265)
    values = table.values.copy()
    values[7, :40] = np.nan
    complete = complete_table(replace(table, values=values))
    assert complete.columns_left_out == ()
    assert complete.table.columns == table.columns
    assert complete.cases_left_out == {7: table.columns[:40]}
    assert "P7" not in complete.table.patients
    assert len(complete.table.patients) == len(complete.kept) == 264


def test_a_column_that_many_lack_is_left_out(make_table: MakeTable) -> None:
    """A column that 6 % of the cases lack goes, and none of these cases."""
    table = make_table(1, cases=100)
    values = table.values.copy()
    values[:6, 3] = np.nan
    complete = complete_table(replace(table, values=values))
    assert complete.columns_left_out == (table.columns[3],)
    assert complete.cases_left_out == {}


def test_columns_that_each_lack_in_other_cases_do_not_remove_all_cases(make_table: MakeTable) -> None:
    """Each of 50 columns is missing in two other cases: columns go until nine tenths of the cases are complete."""
    table = make_table(1, cases=100)
    values = table.values.copy()
    for column in range(50):
        values[2 * column : 2 * column + 2, column] = np.nan
    complete = complete_table(replace(table, values=values))
    assert len(complete.table.patients) == 90
    assert len(complete.columns_left_out) == 45
    assert not np.isnan(complete.table.values).any()


def test_a_complete_table_stays_as_it_is(make_table: MakeTable) -> None:
    """Nothing is left out of it."""
    table = make_table(1, cases=20)
    complete = complete_table(table)
    assert np.array_equal(complete.table.values, table.values)
    assert complete.table.patients == table.patients
