"""64 pixels of zeros on each side change no score: they turned hot into cold with the former profile."""

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle
from support.former_signatures import SHIPPED_AS_FORMAT_2
from workers.jobs.case import CaseInputs, examine
from workers.scoring.case_result import Phenotype, Score
from workers.stages import untimed

PIXELS = 64


def padded(image: Dataset) -> Dataset:
    """Return an image with zeros around it; its first pixel moves, so that every other one stays where it is."""
    image.PixelData = np.pad(image.pixel_array, PIXELS).tobytes()
    between_rows, between_columns = map(float, image.PixelSpacing)
    along_row, along_column = np.reshape([float(one) for one in image.ImageOrientationPatient], (2, 3))
    moved = np.array([float(one) for one in image.ImagePositionPatient]) - PIXELS * (
        along_row * between_columns + along_column * between_rows
    )
    image.ImagePositionPatient = [f"{one:.6f}" for one in moved]
    image.Rows, image.Columns = image.Rows + 2 * PIXELS, image.Columns + 2 * PIXELS
    return image


def scored(bundle: Path, seg: Path, images: list[Path]) -> Score:
    """Score a case as a worker does."""
    result = examine(CaseInputs(seg, tuple(images), None), load_bundle(bundle), untimed).result
    assert result.score is not None, result.rejection
    return result.score


def padded_outline(path: Path, images: list[Path]) -> Dataset:
    """Return an outline with zeros around each frame; ``images`` are the padded ones that it was drawn on."""
    seg = dcmread(path)
    frames = np.pad(seg.pixel_array.astype(bool), ((0, 0), (PIXELS, PIXELS), (PIXELS, PIXELS)))
    seg.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    seg.Rows, seg.Columns = seg.Rows + 2 * PIXELS, seg.Columns + 2 * PIXELS
    headers = [dcmread(image, stop_before_pixels=True) for image in images]
    position = {str(header.SOPInstanceUID): header.ImagePositionPatient for header in headers}
    for frame in seg.PerFrameFunctionalGroupsSequence:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        frame.PlanePositionSequence[0].ImagePositionPatient = position[str(source.ReferencedSOPInstanceUID)]
    return seg


def test_padding_changes_no_verdict(br06: Path, tmp_path: Path) -> None:
    """A real tumour: 0.795 hot became 0.617 cold by the whole image's z-score; now score and range stay as they are."""
    images, seg = sorted((br06 / "dce").iterdir()), br06 / "tumour_seg" / "seg.dcm"
    wider = [tmp_path / path.name for path in images]
    for source, path in zip(images, wider, strict=True):
        padded(dcmread(source)).save_as(path)
    padded_outline(seg, wider).save_as(tmp_path / "seg")

    def both(bundle: Path) -> tuple[Score, Score]:
        return scored(bundle, seg, images), scored(bundle, tmp_path / "seg", wider)

    was, became = both(SHIPPED_AS_FORMAT_2)
    assert (round(was.hot_probability, 3), was.tendency) == (0.795, Phenotype.HOT)
    assert (round(became.hot_probability, 3), became.tendency) == (0.617, Phenotype.COLD)
    before, after = both(shipped_bundle())
    assert after.hot_probability == before.hot_probability
    assert after.span == before.span
