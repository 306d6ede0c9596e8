"""Studies on the original collections of TCIA, as the NBIA distributes them: DICOM, a list of series, spreadsheets."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from rich.console import Console

from deploy.cohort.collection_outlines import BOX, Voxels, enhancing_in_box, functional_tumour, lesion, unflagged
from deploy.cohort.nbia_download import DownloadedSeries, downloaded_series, first_studies, same_patient, spreadsheet
from deploy.cohort.recipe_study import require_responses
from deploy.cohort.spreadsheets import missing_columns, require_columns, spreadsheet_rows
from deploy.errors import CommandError, WrongUsage
from deploy.outlining.mask import LabelledRegion, Mask
from deploy.outlining.phase import outlined_phase, phases_below
from deploy.outlining.seg_from_mask import outline_segmentation, write_outline
from deploy.terminal import stepping
from listener.dicom.data_set import UNREADABLE_BYTES
from workers.errors import RejectedInput
from workers.images.phases import Phase, across_series
from workers.images.volume import Grid, build_volume

DICOM, OUTLINE = "dicom", "outline.dcm"
NEEDED = {"patient": "with the patient", "pcr": "with the pathological complete response"}
"""Of a table of responses."""
Rows = Mapping[str, Mapping[str, str]]
"""A spreadsheet by `same_patient`."""


@dataclass(frozen=True)
class Examination:
    """The first examination of a patient: its dynamic series, and everything in it."""

    patient: str
    dynamic: Sequence[DownloadedSeries]
    series: Sequence[DownloadedSeries]

    def one(self, what: str) -> DownloadedSeries:
        """Return the series whose description fits.

        Raises
        ------
        CommandError
            There is none, or there are several.
        """
        found = [one for one in self.series if re.search(what, one.description, re.IGNORECASE)]
        if len(found) != 1:
            raise CommandError(f"expected one series called {what}, found {len(found)}")
        return found[0]


Outline = Callable[[Examination, Sequence[Phase]], Voxels]
"""From an examination and its phases in the order of time."""


@dataclass(frozen=True)
class Collection:
    """What is known of a collection."""

    dynamic: str
    """Descriptions of the series with the phases of the dynamic examination."""
    outlines: Callable[[Path], Outline]
    """From the folder of the download; what is missing in it for all patients is refused."""
    made: str
    """How outlines are made, in words."""
    clinical: Callable[[Path], Rows] | None = None
    """Patients with pcr, age, subtype, as far as the collection has them; None: it has no responses."""


def _nact_pilot(examination: Examination, phases: Sequence[Phase]) -> Voxels:
    ser = build_volume(_single(phases_below(examination.one(r"\bSER\b").folder)))
    return functional_tumour(_file(examination.one("VOI .*Segmentation")), ser)


def _ispy2(examination: Examination, phases: Sequence[Phase]) -> Voxels:
    return unflagged(_file(examination.one("Analysis Mask")), build_volume(phases[0]).grid)


def _duke(folder: Path) -> Outline:
    path = spreadsheet(folder, "Annotation_Boxes")
    rows = spreadsheet_rows(path)
    require_columns(path, rows, ("Patient ID", *BOX))
    boxes = {row["Patient ID"]: row for row in reversed(rows)}

    def outline(examination: Examination, phases: Sequence[Phase]) -> Voxels:
        if len(phases) < 2:
            raise CommandError(f"expected the phases before and after contrast, found {len(phases)}")
        if examination.patient not in boxes:
            raise CommandError("Annotation_Boxes has no box of this patient")
        return enhancing_in_box(build_volume(phases[0]), build_volume(phases[1]), boxes[examination.patient])

    return outline


def _tcga_brca(folder: Path) -> Outline:
    lesions = sorted(folder.rglob("*.les"))
    if not lesions:
        raise WrongUsage(f"{folder}: expected the lesion files (.les) of TCGA-Breast-Radiogenomics in it, found none")

    def outline(examination: Examination, phases: Sequence[Phase]) -> Voxels:
        found = [path for path in lesions if path.name.startswith(examination.patient)]
        if not found:
            raise CommandError("there is no lesion file (.les) of this patient")
        return lesion(found[0], build_volume(phases[0]).grid)

    return outline


def _clinical(beginning: str, patient: str, names: Mapping[str, str], header: int = 0) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        path = spreadsheet(folder, beginning)
        rows = spreadsheet_rows(path, header)
        patterns = {"patient": patient, **names}
        wanted = {
            ours: next((one for one in rows[0] if re.fullmatch(theirs, one, re.IGNORECASE)), "")
            for ours, theirs in patterns.items()
        }
        if missing := [one for one in NEEDED if not wanted[one]]:
            raise missing_columns(path, rows, [NEEDED[one] for one in missing])
        return {
            same_patient(row[wanted["patient"]]): {ours: row[theirs] for ours, theirs in wanted.items() if theirs}
            for row in rows
            if same_patient(row[wanted["patient"]])
        }

    return read


COLLECTIONS = {
    "nact-pilot": Collection(
        r"^(?!.*(: (SER|PE)|Segmentation)).*",
        lambda folder: _nact_pilot,
        "SER above 0 in the volume of interest",
        clinical=_clinical("shared_clinical_and_RFS", r"patient.?id", {"pcr": r".*\bpcr\b.*", "age": "age.*"}),
    ),
    "ispy2": Collection(
        r"VOLSER.*original DCE",
        lambda folder: _ispy2,
        "the analysis mask of the functional tumour volume",
        clinical=_clinical(
            "ISPY2-Imaging-Cohort-1-Clinical-Data",
            r"patient.?id",
            {"pcr": "pcr", "age": "age.*", "hr": "hr", "her2": "her2", "mp": "mp"},
        ),
    ),
    "duke": Collection(
        r"dyn|pass|\bph ?[0-9]",
        _duke,
        "what enhances in the annotation box, parted by Otsu's threshold",
        clinical=_clinical(
            "Clinical_and_Other_Features",
            r"patient.?id",
            {
                "pcr": r"overall near-complete response: +stricter definition",
                "subtype": "mol subtype",
                "grade": "nottingham grade",
            },
            header=1,
        ),
    ),
    "tcga-brca": Collection(
        r"^(?!.*(sub|mip|loc|scout|t2|stir)).*",
        _tcga_brca,
        "the lesion files of TCGA-Breast-Radiogenomics",
    ),
}


@dataclass(frozen=True)
class WrittenCases:
    """The cases of a collection."""

    rows: list[dict[str, str]]
    """Their clinical values."""
    left_out: list[tuple[str, str]]
    """Patients without a case, and why."""
    made: str


def write_cases(name: str, folder: Path, output: Path, console: Console) -> WrittenCases:
    """Write a folder with the dynamic series (as links) and an outline for each patient of a collection.

    A patient whose first examination cannot be used is left out, with the reason. Outlines of an earlier run are kept.

    Raises
    ------
    WrongUsage
        There is no examination, or a spreadsheet of the collection is not there or lacks a column.
    """
    collection = COLLECTIONS[name]
    examinations = first_studies(downloaded_series(folder))
    if not examinations:
        raise WrongUsage(f"{folder}: its {name} list names no series that is there")
    outline = collection.outlines(folder)
    clinical: Rows = {}
    if collection.clinical is not None:
        clinical = collection.clinical(folder)
        require_responses(folder, [clinical.get(same_patient(patient), {}) for patient in examinations])
    rows, left_out = [], []
    with stepping(console, "outlining tumours", len(examinations)) as step:
        for patient, series in examinations.items():
            images = [one for one in series if one.modality == "MR"]
            dynamic = [one for one in images if re.search(collection.dynamic, one.description, re.IGNORECASE)]
            place = output / DICOM / patient
            try:
                if not (place / OUTLINE).exists():
                    _write_case(Examination(patient, dynamic, series), outline, place)
                rows.append({**clinical.get(same_patient(patient), {}), "patient": patient})
            except (CommandError, RejectedInput) as error:
                left_out.append((patient, getattr(error, "message", str(error))))
            except (InvalidDicomError, *UNREADABLE_BYTES) as error:  # its text may quote an element
                left_out.append((patient, f"a file of it cannot be read ({type(error).__name__})"))
            step()
    return WrittenCases(rows, left_out, collection.made)


def _write_case(examination: Examination, outline: Outline, place: Path) -> None:
    if not examination.dynamic:
        raise CommandError("its first examination has no dynamic series that is known by its description")
    phases = across_series([phase for one in examination.dynamic for phase in phases_below(one.folder)])
    voxels = outline(examination, phases)
    if not voxels.any():
        raise CommandError("its outline is empty")
    outlined = outlined_phase(_mask(examination.patient, voxels, build_volume(phases[0]).grid), phases)
    place.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(examination.dynamic, start=1):
        for file in one.files:
            link = place / f"{number}-{file.name}"
            link.unlink(missing_ok=True)
            link.symlink_to(file.absolute())
    write_outline(outline_segmentation(_mask(examination.patient, voxels, outlined.grid), outlined), place / OUTLINE)


def _mask(patient: str, voxels: Voxels, grid: Grid) -> Mask:
    region = LabelledRegion(1, "Tumour", voxels)
    return Mask(Path(patient), (region,), grid.shape, grid.origin_mm, grid.spacing_mm, grid.direction)


def _single(phases: Sequence[Phase]) -> Phase:
    if len(phases) != 1:
        raise CommandError(f"expected a map of one phase, found {len(phases)}")
    return phases[0]


def _file(series: DownloadedSeries) -> Path:
    if len(series.files) != 1:
        raise CommandError(f"expected one segmentation, found {len(series.files)}")
    return series.files[0]
