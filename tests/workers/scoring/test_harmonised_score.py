"""A harmonised signature scores as training did: what it froze for the case's scanner, and no other scanner."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pydicom import Dataset
from sklearn.ensemble import RandomForestClassifier

from model_store.cohort.table_scores import UNKNOWN_SCANNER, score_table
from model_store.signatures.acceptance import Criterion
from model_store.signatures.estimator import from_skops, to_skops
from model_store.signatures.harmonisation import Harmonisation, LinearMaps
from model_store.signatures.profile import HAN2024
from model_store.signatures.signature import Description, Signature, SignatureStatus
from model_store.signatures.training_ranges import ranges_of
from support.result_cases import make_case
from workers.acceptance import DEFAULT, Acceptance
from workers.errors import Reason, RejectedInput
from workers.features.regions import Region, RegionMeasurement
from workers.jobs.result_objects import build_results
from workers.reports.feature_reader import read_feature_report
from workers.results.result_roles import ResultRole
from workers.scoring.applicability import feature_objections, out_of_range
from workers.scoring.drift import drift_record, scanner_name
from workers.scoring.score import score

COLUMNS = ("ring_a", "tumour_b")
SCANNER = "GE MEDICAL SYSTEMS Signa HDxt"


@pytest.fixture(scope="module")
def forest() -> RandomForestClassifier:
    """Return a forest that was fitted on values as one scanner gives them."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(150, 2))
    return RandomForestClassifier(30, max_depth=4, random_state=1).fit(rows, (rows[:, 0] > rows[:, 1]).astype(int))


@pytest.fixture(scope="module")
def signature(forest: RandomForestClassifier) -> Signature:
    """Return a signature that knows a scanner with ten times larger values."""
    description = Description(
        id="harmonised",
        version="1",
        status=SignatureStatus.RESEARCH,
        intended_use="Tests",
        research_notice="RESEARCH",
        profile=HAN2024,
        columns=COLUMNS,
        threshold=0.5,
        cohort={},
        training={},
        metrics={},
        library_versions={},
        harmonisation=Harmonisation({"ge medical systems signa hdxt": LinearMaps((0.1, 0.1), (-1.0, 0.5))}),
    )
    ranges = ranges_of(COLUMNS, np.array([[-2.0, -2.0], [2.0, 2.0]]))
    return Signature(description, "ab" * 32, from_skops(to_skops(forest)), ranges)


def regions(ring: float, tumour: float) -> tuple[RegionMeasurement, ...]:
    """Return both regions with a feature each."""
    return (
        RegionMeasurement(Region.TUMOUR, 1.0, 1000, 40, {"b": tumour}, {}),
        RegionMeasurement(Region.RING, 1.0, 1000, 40, {"a": ring}, {}),
    )


def test_the_score_is_that_of_harmonised_values(signature: Signature, forest: RandomForestClassifier) -> None:
    """Of the service and of a table alike, however the name of the scanner is written; ranges and drift follow."""
    measured = np.random.default_rng(5).normal(size=(20, 2)) * 10 + [10.0, -5.0]
    expected = forest.predict_proba(measured * 0.1 + [-1.0, 0.5])[:, 1]
    for name in (SCANNER, "ge medical systems signa-hdxt"):
        found = [score(signature, regions(ring, tumour), name) for ring, tumour in measured]
        assert [one.hot_probability for one in found] == expected.tolist()
        assert found[0].contributions[0].value in (measured[0] * 0.1 + [-1.0, 0.5]).tolist()
    frame = pd.DataFrame(measured, columns=list(COLUMNS)).assign(patient="p", scanner=SCANNER)
    assert score_table(signature, frame)["score"].tolist() == expected.tolist()
    assert out_of_range(signature, regions(10.0, -5.0), SCANNER) == []
    assert out_of_range(signature, regions(10.0, -5.0), "") == ["ring_a", "tumour_b"]
    header = Dataset()
    header.Manufacturer, header.ManufacturerModelName = "GE MEDICAL SYSTEMS", "Signa HDxt"
    assert drift_record(signature, regions(10.0, -5.0), [header]).outside == 0


@pytest.mark.parametrize("name", ["SIEMENS Skyra", ""])
def test_an_unknown_scanner_is_refused_or_marked(signature: Signature, name: str) -> None:
    """By default the case is not scored; where the site lets the criterion warn, it is scored as it was measured."""
    with pytest.raises(RejectedInput, match="does not know this one") as refused:
        DEFAULT.judge(feature_objections(signature, regions(0.5, 0.5), name))
    assert refused.value.reason is Reason.OTHER_SCANNER
    [note] = Acceptance(noted=frozenset({Criterion.SCANNER})).judge(
        feature_objections(signature, regions(0.5, 0.5), name)
    )
    assert "it knows ge medical systems signa hdxt" in note.text
    frame = pd.DataFrame({"ring_a": [0.5], "tumour_b": [0.5], "patient": "p", "scanner": name})
    told = score_table(signature, frame).iloc[0]
    assert (told["not_scored"], told["tendency"]) == (UNKNOWN_SCANNER, "")
    marked = score_table(signature, frame, as_measured=True).iloc[0]
    assert marked["score"] == score(signature, regions(0.5, 0.5), name).hot_probability
    plain = dataclasses.replace(signature, description=dataclasses.replace(signature.description, harmonisation=None))
    assert list(feature_objections(plain, regions(0.5, 0.5), name)) == []


def test_a_feature_report_names_the_scanner() -> None:
    """So that its score can be repeated from it alone."""
    case = make_case({"Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "Signa HDxt"})
    report = build_results(case.result, case.seg_header, case.measurement)[ResultRole.FEATURE_REPORT]
    assert read_feature_report(report).scanner == scanner_name(case.headers) == SCANNER
