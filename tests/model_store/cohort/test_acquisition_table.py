"""The acquisition table: a row for each site and scanner, by worked cases."""

import numpy as np
import pandas as pd

from model_store.cohort.acquisition_table import acquisition_table


def test_values_are_summed_up_and_what_is_not_stated_is_counted() -> None:
    """One value stands alone, several as median with range; techniques and phases with their counts."""
    lesions = pd.DataFrame(
        {
            "site": ["North", "North", "North", "South"],
            "scanner": ["A", "A", "A", "B"],
            "phase": [2.0, 2.0, 3.0, np.nan],
            "technique": ["GR SP", "GR SP", "", "GR"],
            "repetition_time_ms": [5.0, 6.5, 5.5, 7.0],
            "echo_time_ms": [2.5, 2.5, np.nan, np.nan],
        }
    )
    north, south = acquisition_table(lesions).to_dict("records")
    assert north == {
        "site": "North",
        "scanner": "A",
        "lesions": 3,
        "phase": "2: 2, 3: 1",
        "technique": "GR SP, not stated: 1",
        "repetition_time_ms": "5.5 (5 to 6.5)",
        "echo_time_ms": "2.5, not stated: 1",
    }
    assert (south["phase"], south["technique"], south["echo_time_ms"]) == ("", "GR", "")


def test_a_cohort_without_a_measured_lesion_has_no_rows() -> None:
    """The head stays, so that the file can be read."""
    table = acquisition_table(pd.DataFrame({"site": [], "scanner": [], "echo_time_ms": []}))
    assert list(table.columns) == ["site", "scanner", "lesions", "echo_time_ms"]
    assert table.empty
