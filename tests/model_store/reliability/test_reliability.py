"""Which outlines are repeated ones, and which features are kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from model_store.cohort.repeated_outlines import Repetition
from model_store.errors import StudyError
from model_store.reliability.reliability import agreement_of, class_of, icc_table, repeated_by_readers
from model_store.reliability.repeated_scans import repeated_scans

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


def scans(patients: int = 6) -> pd.DataFrame:
    """Return an outline table of patients who were scanned twice; the second feature depends on the scan."""
    rng = np.random.default_rng(2)
    rows = []
    for patient in range(patients):
        size, other = rng.standard_normal(2)
        for scan in (1, 2):
            name = f"{patient}.{scan}"
            identity = (f"c{name}", f"p{patient}", f"study{name}", f"series{name}", f"c{name}")
            values = (size + 0.01 * scan, other + 3.0 * rng.standard_normal())
            rows.append((*identity, "A", 1, "", f"pixels{name}", "", *values))
    names = ("case", "patient", "study_uid", "series_uid", "lesion", "reader", "reading", "drawn", "pixel_digest")
    return pd.DataFrame(rows, columns=[*names, "reason", *FEATURES])


def listed(path: Path, *pairs: tuple[str, str]) -> Path:
    """Write a list of test and retest scans."""
    path.write_text("test,retest\n" + "".join(f"{one},{other}\n" for one, other in pairs))
    return path


def test_scans_are_paired_by_case_series_or_study(tmp_path: Path) -> None:
    """The ICC is that between the two scans, as pingouin computes ICC(A,1); a scan without features costs its pair."""
    table = scans()
    pairs = [(f"c{n}.1", f"c{n}.2") for n in range(3)]
    pairs += [("study3.1", "study3.2"), ("series4.1", "series4.2"), ("c5.1", "c5.2")]
    found = repeated_scans(table, listed(tmp_path / "retest.csv", *pairs))
    assert found.rows == tuple((2 * n, 2 * n + 1) for n in range(6))
    agreed = agreement_of(table, found, FEATURES).set_index("feature")["icc"]
    long = table.assign(subject=table["patient"], scan=[name[-1] for name in table["case"]])
    for feature in FEATURES:
        theirs = pingouin.intraclass_corr(long, "subject", "scan", feature).set_index("Type")["ICC"]
        assert agreed[feature] == pytest.approx(theirs.filter(regex=r"^ICC2$|^ICC\(A,1\)$").iloc[0], abs=1e-4)
    assert icc_table({Repetition.RETEST: agreement_of(table, found, FEATURES)}, 0.75)["kept"].tolist() == [True, False]
    table.loc[0, "reason"] = "tumour_too_small"
    assert len(repeated_scans(table, tmp_path / "retest.csv").rows) == 5


def test_every_mistake_of_a_list_of_scans_is_named(tmp_path: Path) -> None:
    """With its line: unknown, another patient, the same series, the same pixels, several lesions, named twice."""
    table = scans()
    table.loc[5, "pixel_digest"] = table.loc[4, "pixel_digest"]
    table.loc[7, ["study_uid", "lesion"]] = table.loc[6, "study_uid"], "another"
    pairs = [
        ("c0.1", "elsewhere"),
        ("c0.2", "c1.1"),
        ("c1.2", "c1.2"),
        ("c2.1", "c2.2"),
        ("study3.1", ""),
        ("c5.1", "c5.2"),
    ]
    with pytest.raises(StudyError) as error:
        repeated_scans(table, listed(tmp_path / "retest.csv", *pairs))
    for said in (
        "line 2: retest: expected a case, series or study of the extraction, found elsewhere",
        "line 3: test and retest are of different patients",
        "line 4: test and retest are of the same series",
        "line 5: test and retest have the same pixels",
        "line 6: test: has several lesions; name the case",
        "line 6: retest: expected a case, series or study of the extraction, found nothing",
        "c1.2 is in more than one place",
    ):
        assert said in str(error.value)


def test_too_few_pairs_of_scans_are_refused(tmp_path: Path) -> None:
    """Four pairs are no reliability study."""
    pairs = [(f"c{n}.1", f"c{n}.2") for n in range(4)]
    with pytest.raises(StudyError, match="4 of 4 pairs of scans could be measured, an ICC needs 5"):
        repeated_scans(scans(), listed(tmp_path / "retest.csv", *pairs))
