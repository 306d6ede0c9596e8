"""Which outlines are repeated ones, and which features are kept."""

import numpy as np
import pandas as pd

from model_store.cohort.repeated_outlines import Repetition
from model_store.reliability.reliability import agreement_of, class_of, icc_table, repeated_by_readers

FEATURES = ("tumour_original_shape_Sphericity", "ring_log-sigma-2-0-mm-3D_glcm_Contrast")


def outlines(lesions: int = 8) -> pd.DataFrame:
    """Return lesions that reader A drew twice and reader B once; the second feature depends on who drew."""
    rng = np.random.default_rng(1)
    rows = []
    for lesion in range(lesions):
        size, other = rng.standard_normal(2)
        for reader, reading in (("A", 1), ("A", 2), ("B", 1)):
            noise = 0.0 if reader == "A" else 3.0 * rng.standard_normal()
            rows.append((f"l{lesion}", reader, reading, f"{lesion}{reader}{reading}", "", size, other + noise))
    return pd.DataFrame(rows, columns=["lesion", "reader", "reading", "drawn", "reason", *FEATURES])


def test_same_reader_and_two_readers_are_found_by_themselves() -> None:
    """The same reader's second reading is intra, the other reader's first one is inter."""
    found = {one.kind: one for one in repeated_by_readers(outlines())}
    assert set(found) == {Repetition.INTRA, Repetition.INTER}
    assert found[Repetition.INTRA].rows[0] == (0, 1)
    assert found[Repetition.INTER].rows[0] == (0, 2)
    assert found[Repetition.INTER].raters == ("A", "B")


def test_too_few_repeated_outlines_say_nothing() -> None:
    """Four lesions are no reliability study."""
    assert repeated_by_readers(outlines(4)) == []


def test_a_feature_is_kept_where_every_kind_reaches_the_threshold() -> None:
    """What depends on who drew the outline goes, however well a reader agrees with herself."""
    table = outlines()
    agreements = {one.kind: agreement_of(table, one, FEATURES) for one in repeated_by_readers(table)}
    icc = icc_table(agreements, 0.75)
    assert icc["kept"].tolist() == [True, False]
    assert icc["icc_intra"].min() > 0.99
    assert icc["icc_perturbed"].isna().all()
    assert icc["feature_class"].tolist() == ["shape", "glcm"]


def test_lesions_that_lack_a_feature_are_left_out_of_its_icc_alone() -> None:
    """A missing value is never 0, and costs other features nothing."""
    table = outlines()
    table.loc[0, FEATURES[0]] = np.nan
    inter = next(one for one in repeated_by_readers(table) if one.kind is Repetition.INTER)
    assert agreement_of(table, inter, FEATURES)["n"].tolist() == [7, 8]


def test_class_of_every_kind_of_column() -> None:
    """Figures are drawn by feature class, whatever the filter is called."""
    assert [class_of(name) for name in FEATURES] == ["shape", "glcm"]
