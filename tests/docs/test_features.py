"""docs/features.md lists every feature, with the code that the feature report gives it."""

import csv
import re
from pathlib import Path

from model_store.signatures.kinetics import KINETIC_NAMES
from workers.features.engine.compiled import INTENSITY_NAMES, SHAPE_NAMES
from workers.results.feature_codes import KINETICS

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {
    "Shape": "shape",
    "First order": "firstorder",
    "Grey level co-occurrence matrix (GLCM)": "glcm",
    "Grey level run length matrix (GLRLM)": "glrlm",
    "Grey level size zone matrix (GLSZM)": "glszm",
    "Grey level dependence matrix (GLDM)": "gldm",
    "Neighbouring grey tone difference matrix (NGTDM)": "ngtdm",
}


def test_every_feature_has_its_formula_and_code() -> None:
    """107 rows, each with a formula, by class."""
    listed = {}
    for section in (ROOT / "docs" / "features.md").read_text().split("\n## ")[1:]:
        title, text = section.split("\n", 1)
        if title == "Kinetics":
            continue
        for feature, formula, code in re.findall(r"^\| (\w+) \| (.+) \| (IBSI|99RADTME) ", text, re.MULTILINE):
            assert formula.strip()
            listed[f"{CLASSES[title]}_{feature}"] = code
    with (ROOT / "workers" / "results" / "feature_codes.csv").open(newline="") as file:
        coded = {f"{row['class']}_{row['feature']}": row["scheme"] for row in csv.DictReader(file)}
    assert listed == coded
    assert set(listed) == {*SHAPE_NAMES, *INTENSITY_NAMES}


def test_every_code_is_the_one_of_the_feature_report() -> None:
    """The code value, not the scheme alone."""
    page = (ROOT / "docs" / "features.md").read_text()
    with (ROOT / "workers" / "results" / "feature_codes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert re.search(rf"^\| {row['feature']} \| .+ \| {row['scheme']} {row['code']} \|$", page, re.MULTILINE), (
                row
            )


def test_kinetic_features_have_their_codes() -> None:
    """All of them, under the names of the feature report."""
    page = (ROOT / "docs" / "features.md").read_text().partition("\n## Kinetics\n")[2]
    listed = dict(re.findall(r"^\| (\w+) \| .+ \| 99RADTME (\S+) \|$", page, re.MULTILINE))
    assert listed == {name: code.value for name, code in KINETICS.items()}
    assert [f"original_kinetics_{name}" for name in listed] == list(KINETIC_NAMES)
