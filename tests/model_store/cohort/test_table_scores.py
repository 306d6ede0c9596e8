"""The scores of a feature table have a prediction set and a verdict."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.table_scores import score_table
from model_store.errors import SignatureError
from model_store.signatures.bundle import BundleContent, load_bundle, write_bundle
from model_store.signatures.certainty import Certainty, ThresholdInterval


def test_a_case_that_may_be_either_is_uncertain(bundle: Path, bundle_content: BundleContent, tmp_path: Path) -> None:
    """Where both classes are possible the verdict is uncertain, and the class by the threshold stays visible."""
    probes = pd.DataFrame(bundle_content.canary.inputs, columns=list(bundle_content.description.columns))
    undecided = Certainty(0.9, (0.0,) * 9, (1.0,) * 9, ThresholdInterval(0.4, 0.6, 5))
    found = score_table(
        load_bundle(write_bundle(tmp_path, described(bundle_content, undecided))), probes.assign(patient="A")
    )
    by_threshold = np.where(found["score"] >= found["threshold"], "hot", "cold")
    assert set(found["prediction_set"]) == {"hot or cold"}
    assert set(found["phenotype"]) == {"uncertain"}
    assert found["tendency"].tolist() == by_threshold.tolist()
    certain = score_table(load_bundle(bundle), probes.assign(patient="A"))
    sure = certain["prediction_set"] != "hot or cold"
    assert sure.any()
    assert certain.loc[sure, "phenotype"].tolist() == certain.loc[sure, "prediction_set"].tolist()


def test_a_signature_without_calibration_says_hot_or_cold_only(bundle_content: BundleContent, tmp_path: Path) -> None:
    """A bundle of an earlier format gives verdicts as before, and an empty prediction set."""
    probes = pd.DataFrame(bundle_content.canary.inputs, columns=list(bundle_content.description.columns))
    found = score_table(
        load_bundle(write_bundle(tmp_path, described(bundle_content, None))), probes.assign(patient="A")
    )
    assert set(found["prediction_set"]) == {""}
    assert found["phenotype"].tolist() == found["tendency"].tolist()


def described(content: BundleContent, certainty: Certainty | None) -> BundleContent:
    """Return the content with another calibration."""
    return dataclasses.replace(content, description=dataclasses.replace(content.description, certainty=certainty))


def test_a_table_of_another_profile_is_refused(bundle: Path) -> None:
    """Its columns have the same names: the column profile tells, under the present or a former name."""
    signature = load_bundle(bundle)
    row = {name: [0.0] for name in signature.columns}
    for name in (signature.profile.name, "han2024"):
        score_table(signature, pd.DataFrame(row | {"case": ["a"], "profile": [name]}))
    with pytest.raises(SignatureError, match="measured with profile han2024-near-tissue, not with profile"):
        score_table(signature, pd.DataFrame(row | {"case": ["a"], "profile": ["han2024-near-tissue"]}))
