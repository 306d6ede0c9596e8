"""What a validation refuses before it measures anything."""

from pathlib import Path

import pandas as pd
import pytest

from model_store.errors import TrainingError
from model_store.signatures.bundle import BundleContent, load_bundle
from model_store.validation.plan import CohortFiles, ValidatePlan
from model_store.validation.step import ValidateInputs, run_validation


def test_a_cohort_of_another_profile_is_refused(bundle: Path, bundle_content: BundleContent, tmp_path: Path) -> None:
    """Columns of several profiles have the same names: the AUC would be of features that the forest never saw."""
    probes = pd.DataFrame(bundle_content.canary.inputs, columns=list(bundle_content.description.columns))
    patients = [f"P{number}" for number in range(len(probes))]
    features, labels = tmp_path / "features.parquet", tmp_path / "labels.csv"
    probes.assign(patient=patients, profile="other").to_parquet(features)
    phenotypes = ["hot" if number % 2 else "cold" for number in range(len(probes))]
    pd.DataFrame({"patient": patients, "phenotype": phenotypes}).to_csv(labels, index=False)
    inputs = ValidateInputs((CohortFiles("external", features, labels),), None, None, None, None)
    with pytest.raises(TrainingError, match="cohort external: it was measured with profile other"):
        run_validation(ValidatePlan(), inputs, load_bundle(bundle), tmp_path / "out", own=False)


@pytest.mark.parametrize("lacking", ["nested_score", "nested_verdict", "phenotype", "patient"])
def test_a_table_of_training_cases_from_before_a_renaming_is_refused(
    lacking: str, bundle: Path, tmp_path: Path
) -> None:
    """With what to do: the step train writes the columns of this version."""
    row = {"patient": "P1", "phenotype": "hot", "nested_score": 0.7, "nested_verdict": "hot"}
    table = pd.DataFrame([row]).rename(columns={lacking: "nested_probability"})
    table.to_parquet(tmp_path / "cases.parquet")
    inputs = ValidateInputs((), tmp_path / "cases.parquet", None, None, None)
    with pytest.raises(TrainingError, match=f"has no column {lacking};.*run the step train again"):
        run_validation(ValidatePlan(), inputs, load_bundle(bundle), tmp_path / "out", own=True)
