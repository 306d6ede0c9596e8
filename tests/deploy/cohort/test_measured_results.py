"""Results of cases, as they are read back for the tables of a cohort."""

import json
from pathlib import Path

import numpy as np

from deploy.cohort.cases import OutlineCase
from deploy.cohort.measure import MeasuringTask, kept_result
from model_store.signatures.profile import DEFAULT_PROFILE
from workers.features.extraction import columns


def test_a_result_takes_the_room_of_its_numbers(tmp_path: Path) -> None:
    """All of a cohort's are held for its tables: 5,000 as read from JSON took 800 MB. What is missing is no number."""
    names = columns(DEFAULT_PROFILE)
    task = MeasuringTask(OutlineCase("case", "patient", (), ""), DEFAULT_PROFILE, tmp_path, "inputs")
    features = {name: float(number) for number, name in enumerate(names) if number != 3}
    task.path.write_text(json.dumps({"inputs": "inputs", "features": features, "ring": {"bits": "A" * 10_000}}))
    found = kept_result(task)
    assert found is not None
    assert "ring" not in found
    assert found["features"].nbytes == 8 * len(names)
    assert np.isnan(found["features"][3])
    assert found["features"][4] == 4
