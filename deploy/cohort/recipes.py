"""Studies on public cohorts: from the layout of a download to ``pairs.csv``, ``clinical.csv`` and ``study.yaml``.

MAMA-MIA (Garrucho et al., Scientific Data 2025, doi 10.1038/s41597-025-04707-4) holds 1,506 cases of I-SPY 1, I-SPY 2,
the NACT pilot and Duke, each with phases as NIfTI and an outline by experts. The original collections have none by
experts: Duke boxes, I-SPY and the NACT pilot thresholds within a volume of interest. So their recipes are its parts.
"""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.errors import WrongUsage
from model_store.files import replace_durably

CLINICAL = "clinical_and_imaging_info"
PHASE = "0001"
"""Of the file's name: 0000 is before contrast, 0001 the first phase after it."""
RENAMED = {"tumor_subtype": "subtype", "nottingham_grade": "grade"}
COLUMNS = ("age", "menopause", "subtype", "grade", "pcr", "site", "scanner")
"""Of ``clinical.csv``, as far as the cohort's table has them."""


class Recipe(StrEnum):
    """A cohort, by the beginning of its patients' names in MAMA-MIA."""

    MAMA_MIA = "mama-mia"
    DUKE = "duke"
    ISPY1 = "ispy1"
    ISPY2 = "ispy2"
    NACT_PILOT = "nact-pilot"

    @property
    def beginning(self) -> str:
        """How the names of its patients begin, in lower case."""
        return "" if self is Recipe.MAMA_MIA else self.value.split("-")[0]


@dataclass(frozen=True)
class WrittenRecipe:
    """What was found and written."""

    study: Path
    cases: int
    without_image: tuple[str, ...]
    """Patients with an outline and no first phase after contrast."""
    without_outcome: int
    """Patients whose table says nothing of the response."""


def write_recipe(recipe: Recipe, folder: Path, output: Path) -> WrittenRecipe:
    """Write a study on a downloaded cohort.

    Raises
    ------
    WrongUsage
        The folder does not have the cohort's layout.
    """
    masks = _files(folder / "segmentations" / "expert", recipe.beginning)
    if not masks:
        raise WrongUsage(
            f"{folder}: expected segmentations/expert/PATIENT.nii.gz of {recipe.value}, as in the download from "
            "Synapse (syn60868042), found none"
        )
    images = {patient: _image(folder / "images", mask, patient) for patient, mask in masks.items()}
    clinical = dict(_clinical(folder))
    output.mkdir(parents=True, exist_ok=True)
    cases = [(patient, path) for patient, path in images.items() if path is not None]
    _write(output / "pairs.csv", ("image", "mask", "patient", "site", "scanner"), [
        {
            "image": os.path.relpath(path, output),
            "mask": os.path.relpath(masks[patient], output),
            "patient": patient,
            "site": clinical.get(patient, {}).get("site") or patient.split("_")[0],
            "scanner": clinical.get(patient, {}).get("scanner", ""),
        }
        for patient, path in cases
    ])  # fmt: skip
    rows = [{"patient": patient, **clinical.get(patient, {})} for patient, _ in cases]
    known = tuple(name for name in COLUMNS if any(row.get(name) for row in rows))
    _write(output / "clinical.csv", ("patient", *known), rows)
    replace_durably(output / "study.yaml", study_text(recipe, known).encode())
    missing = tuple(patient for patient, path in images.items() if path is None)
    return WrittenRecipe(output / "study.yaml", len(cases), missing, sum(not row.get("pcr") for row in rows))


def study_text(recipe: Recipe, known: tuple[str, ...]) -> str:
    """Return the configuration of the study; the clinical model takes what the table has before the treatment."""
    before = [name for name in ("age", "subtype", "grade") if name in known]
    return f"""# {recipe.value}. No immune phenotype of these patients is published: hot stands for a pathological
# complete response, cold for none. A signature of it predicts response, and says so in its label_source.
output: study

extract:
  pairs: pairs.csv
  resample_masks: nearest

train:
  id: {recipe.value}-response
  labels: {{table: clinical.csv, phenotype: pcr, hot: ["1"], cold: ["0"]}}

validate:
  clinical: clinical.csv
  clinical_model: [{", ".join(before)}]

publish:
  data_source: MAMA-MIA (Synapse syn60868042), {recipe.value}
  label_source: Pathological complete response, not an immune phenotype
  outline_readers: The experts of MAMA-MIA
"""


def _files(folder: Path, beginning: str) -> dict[str, Path]:
    """Return the masks by patient, in capitals: folders and files differ in the case of their letters."""
    found = {path.name.removesuffix(".nii.gz").upper(): path for path in sorted(folder.glob("*.nii.gz"))}
    return {patient: path for patient, path in found.items() if patient.lower().startswith(beginning)}


def _image(folder: Path, mask: Path, patient: str) -> Path | None:
    stem = mask.name.removesuffix(".nii.gz")
    names = (
        f"{parent}/{name}_{PHASE}.nii.gz" for parent in (stem, patient) for name in (stem, patient.lower(), patient)
    )
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _clinical(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield patient and clinical values, as texts."""
    import pandas as pd

    table = folder / f"{CLINICAL}.csv"
    if table.is_file():
        frame = pd.read_csv(table, dtype=str)
    elif table.with_suffix(".xlsx").is_file():
        try:
            frame = pd.read_excel(table.with_suffix(".xlsx"), dtype=str)
        except ImportError as error:
            raise WrongUsage(
                f"{table.with_suffix('.xlsx')}: reading it needs openpyxl; install it, or save its first sheet as "
                f"{table.name} beside it"
            ) from error
    else:
        raise WrongUsage(f"{folder}: expected {CLINICAL}.xlsx or .csv, found neither")
    frame = frame.rename(columns=RENAMED)
    if missing := [name for name in ("patient_id", "pcr") if name not in frame]:
        raise WrongUsage(f"{table.name}: expected a column {missing[0]}, found {', '.join(map(str, frame.columns))}")
    maker = [name for name in ("manufacturer", "manufacturer_model", "scanner_model") if name in frame]
    for row in frame.fillna("").to_dict("records"):
        values = {name: _number(str(row[name])) for name in COLUMNS if name in row}
        values["scanner"] = " ".join(str(row[name]) for name in maker if row[name])
        yield str(row["patient_id"]).upper(), values


def _number(text: str) -> str:
    """Return 1 for 1.0: a column of whole numbers with empty cells is stored with a decimal point."""
    return text.removesuffix(".0")


def _write(path: Path, columns: tuple[str, ...], rows: list[Mapping[str, Any]] | list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
