"""Studies on public cohorts: from the layout of a download to ``pairs.csv``, ``clinical.csv`` and ``study.yaml``.

MAMA-MIA (Garrucho et al., Scientific Data 2025, doi 10.1038/s41597-025-04707-4) holds 1,506 cases of I-SPY 1, I-SPY 2,
the NACT pilot and Duke, each with phases as NIfTI and an outline by experts. The original collections of TCIA have none
by experts; a recipe reads them where the folder is a download of the NBIA (`original_collections`).
"""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.cohort.nbia_download import is_nbia_download
from deploy.cohort.recipe_study import Source, expression_study, other_outcomes, require_responses, response_study
from deploy.cohort.spreadsheets import require_columns, spreadsheet_rows
from deploy.errors import WrongUsage
from model_store.files import replace_durably

CLINICAL = "clinical_and_imaging_info"
PHASE = "0001"
"""Of the file's name: 0000 is before contrast, 0001 the first phase after it."""
RENAMED = {"tumor_subtype": "subtype", "nottingham_grade": "grade"}
COLUMNS = ("age", "menopause", "subtype", "grade", "hr", "her2", "mp", "pcr", "site", "scanner")
"""Of ``clinical.csv``, as far as the cohort's table has them."""


class Recipe(StrEnum):
    """A public cohort: MAMA-MIA, a part of it, or an original collection of TCIA."""

    MAMA_MIA = "mama-mia"
    DUKE = "duke"
    ISPY1 = "ispy1"
    ISPY2 = "ispy2"
    NACT_PILOT = "nact-pilot"
    TCGA_BRCA = "tcga-brca"

    @property
    def beginning(self) -> str:
        """How the names of its patients begin, in lower case."""
        return "" if self is Recipe.MAMA_MIA else self.value.split("-")[0]


ORIGINALS = (Recipe.DUKE, Recipe.ISPY2, Recipe.NACT_PILOT, Recipe.TCGA_BRCA)
"""Those whose original collection is read as well."""


@dataclass(frozen=True)
class WrittenRecipe:
    """What was found and written."""

    study: Path
    cases: int
    left_out: tuple[tuple[str, str], ...]
    """Patients that the study lacks, and why."""
    without_outcome: int
    """Patients whose table says nothing of the response."""


def write_recipe(recipe: Recipe, folder: Path, output: Path, console: Console) -> WrittenRecipe:
    """Write a study on a downloaded cohort.

    Raises
    ------
    WrongUsage
        The folder does not have the cohort's layout.
    """
    if recipe in ORIGINALS and is_nbia_download(folder):
        return _original(recipe, folder, output, console)
    masks = {} if recipe is Recipe.TCGA_BRCA else _files(folder / "segmentations" / "expert", recipe.beginning)
    if not masks:
        raise _unknown_layout(recipe, folder)
    images = {patient: _image(folder / "images", mask, patient) for patient, mask in masks.items()}
    clinical = dict(_clinical(folder))
    cases = [(patient, path) for patient, path in images.items() if path is not None]
    if not cases:
        raise WrongUsage(f"{folder}: none of the {len(images)} patients has images/PATIENT/PATIENT_{PHASE}.nii.gz")
    rows = [{"patient": patient, **clinical.get(patient, {})} for patient, _ in cases]
    require_responses(folder, rows)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / "pairs.csv", ("image", "mask", "phases", "patient", "site", "scanner"), [
        {
            "image": os.path.relpath(path, output),
            "mask": os.path.relpath(masks[patient], output),
            "phases": _phases(path, output),
            "patient": patient,
            "site": clinical.get(patient, {}).get("site") or patient.split("_")[0],
            "scanner": clinical.get(patient, {}).get("scanner", ""),
        }
        for patient, path in cases
    ])  # fmt: skip
    known = tuple(name for name in COLUMNS if any(row.get(name) for row in rows))
    _write(output / "clinical.csv", ("patient", *known), rows)
    source = Source(f"MAMA-MIA (Synapse syn60868042), {recipe.value}", other_outcomes=other_outcomes(rows))
    replace_durably(output / "study.yaml", response_study(recipe.value, known, source).encode())
    missing = tuple((patient, "no first phase after contrast") for patient, path in images.items() if path is None)
    return WrittenRecipe(output / "study.yaml", len(cases), missing, sum(not row.get("pcr") for row in rows))


def _original(recipe: Recipe, folder: Path, output: Path, console: Console) -> WrittenRecipe:
    from deploy.cohort.original_collections import DICOM, write_cases

    written = write_cases(recipe.value, folder, output, console)
    if not written.rows:
        first = f", first: {written.left_out[0][1]}" if written.left_out else ""
        raise WrongUsage(f"{folder}: none of the {len(written.left_out)} patients can be used{first}")
    known = tuple(name for name in COLUMNS if any(row.get(name) for row in written.rows))
    _write(output / "clinical.csv", ("patient", *known), written.rows)
    source = Source(f"TCIA, {recipe.value}", {"folder": DICOM}, f"None: {written.made}", other_outcomes(written.rows))
    is_response = recipe is not Recipe.TCGA_BRCA
    text = response_study(recipe.value, known, source) if is_response else expression_study(recipe.value, source)
    replace_durably(output / "study.yaml", text.encode())
    without = sum(not row.get("pcr") for row in written.rows)
    return WrittenRecipe(output / "study.yaml", len(written.rows), tuple(written.left_out), without)


def _unknown_layout(recipe: Recipe, folder: Path) -> WrongUsage:
    layouts = []
    if recipe is not Recipe.TCGA_BRCA:
        layouts.append("segmentations/expert/PATIENT.nii.gz, as in the download of MAMA-MIA (Synapse syn60868042)")
    if recipe in ORIGINALS:
        layouts.append("metadata.csv or manifest-.../metadata.csv, as the NBIA retriever writes it")
    return WrongUsage(f"{folder}: expected for {recipe.value} {', or '.join(layouts)}; found no such file")


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


def _phases(image: Path, output: Path) -> str:
    """Return the name of the files of all phases, relative to the study; empty where the image is the only one."""
    name = image.name.replace(f"_{PHASE}.", "_*.")
    phases = list(image.parent.glob(name))
    return os.path.relpath(image.parent / name, output) if len(phases) > 1 else ""


def _clinical(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield patient and clinical values, as texts."""
    tables = (folder / f"{CLINICAL}.csv", folder / f"{CLINICAL}.xlsx")
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        raise WrongUsage(f"{folder}: expected {CLINICAL}.xlsx or .csv, found neither")
    rows = spreadsheet_rows(table)
    require_columns(table, rows, ("patient_id", "pcr"))
    maker = [name for name in ("manufacturer", "manufacturer_model", "scanner_model") if name in rows[0]]
    for row in ({RENAMED.get(name, name): value for name, value in one.items()} for one in rows):
        values = {name: row[name] for name in COLUMNS if name in row}
        values["scanner"] = " ".join(row[name] for name in maker if row[name])
        yield row["patient_id"].upper(), values


def _write(path: Path, columns: tuple[str, ...], rows: list[Mapping[str, Any]] | list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
