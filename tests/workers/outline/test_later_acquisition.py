"""An outline on a phase before contrast whose flip angle, slices, matrix or position differ from the later phases."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset

from model_store.signatures.profile import HAN2024
from tests.workers.conftest import code
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.images.volume import Volume

SHAPE = (12, 40, 44)
GRID = np.indices(SHAPE)
MASK = ((GRID[0] - 6) / 3) ** 2 + ((GRID[1] - 20) / 6) ** 2 + ((GRID[2] - 22) / 6) ** 2 <= 1
BREAST = np.random.default_rng(5).integers(200, 300, SHAPE).astype(np.float64)
DCE = {"EchoTime": "2.1", "RepetitionTime": "4.6", "ScanningSequence": "GR", "FlipAngle": "10", "Modality": "MR"}
AGENT = {"ContrastBolusAgent": "Gadobutrol"}
"""Scanners write it into every series of the examination, those before contrast included."""
WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]
Pixels = NDArray[np.float64]


def phase(
    write: WriteSeries, number: int, array: Pixels, origin: tuple[float, float, float], **more: str
) -> list[Path]:
    """Write one phase as a series of its own; phases follow each other by a minute."""
    spacing = tuple(
        old * was / now for old, was, now in zip((1.0, 1.0, 1.0), SHAPE[::-1], array.shape[::-1], strict=True)
    )
    attributes: dict[str, Any] = {
        **DCE,
        **AGENT,
        "SeriesInstanceUID": f"1.2.3.{number}",
        "SeriesNumber": str(number),
        "AcquisitionTime": f"10{number:02d}00",
        **more,
    }
    return [
        Path(image.filename)
        for image in write(
            array.astype(np.int16), name=f"p{number}_", spacing=spacing, origin=origin, extra=lambda z: attributes
        )
    ]


def measured(write_series: WriteSeries, write_seg: WriteSeg, others: Sequence[list[Path]]) -> Volume:
    """Return the volume of an outline on the first phase, with other series in its study."""
    mine = phase(write_series, 1, BREAST, (0, 0, 0))
    seg = write_seg([dcmread(path) for path in mine], [(code("108369006", meaning="Neoplasm"), MASK)])
    volume, _, _ = read_case(mine, seg, HAN2024, other_series=others)
    return volume


def enhanced(factor: float, around: float = 1) -> Pixels:
    """Return the breast with its tumour so many times as bright, and everything around it, too."""
    return np.where(MASK, BREAST * factor, BREAST * around)


def finer(array: Pixels) -> Pixels:
    """Return the same tissue with half as many slices and twice as many columns."""
    return np.repeat(array[::2], 2, axis=2)


def moved(array: Pixels) -> Pixels:
    """Return the same tissue 3 voxels further, for images that begin 3 mm earlier."""
    return np.roll(array, 3, axis=1)


@pytest.mark.parametrize(
    ("later", "origin", "attributes"),
    [
        (enhanced(1.8), (0, 0, 0), {"FlipAngle": "12"}),
        (enhanced(1.8), (0, 0, 0.4), {}),
        (moved(enhanced(1.8)), (0, -3, 0), {}),
        (finer(enhanced(1.8)), (-0.25, 0, 0.5), {}),
        (enhanced(1.9, 1.1), (0, 0, 0), {"FlipAngle": "15", "RepetitionTime": "4.8"}),
        (enhanced(1.8), (0, 0, 0), {"SequenceVariant": "SP"}),
        (enhanced(1.8), (0, 0, 0), {"ImageType": ["ORIGINAL", "PRIMARY", "M", "FFE"]}),
    ],
    ids=["flip angle", "between slices", "moved", "other matrix", "several", "sequence variant", "image type"],
)
def test_a_phase_before_contrast_is_refused_though_later_ones_differ(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    later: Pixels,
    origin: tuple[float, float, float],
    attributes: dict[str, Any],
) -> None:
    """The header names the agent, and no phase fits voxel by voxel: earlier versions scored this without a word."""
    other = phase(write_series, 2, later, origin, **attributes)
    with pytest.raises(
        RejectedInput, match=r"before contrast: inside it series 2, acquired later, is [789]\d% "
    ) as found:
        measured(write_series, write_seg, [other])
    assert found.value.reason is Reason.BEFORE_CONTRAST


@pytest.mark.parametrize(
    ("later", "attributes"),
    [
        (enhanced(1.8), {"RepetitionTime": "7.5"}),
        (enhanced(1.8), {"ScanOptions": "FS", "FlipAngle": "12"}),
        (enhanced(0.9, 0.5), {"FlipAngle": "12"}),
        (enhanced(1.8, 1.7), {"FlipAngle": "12"}),
        (enhanced(1.8), {"FrameOfReferenceUID": "1.2.9", "FlipAngle": "12"}),
    ],
    ids=["weighting", "fat suppression", "darker scale", "brighter scale", "other frame of reference"],
)
def test_what_is_no_proof_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, later: Pixels, attributes: dict[str, Any]
) -> None:
    """The score stands, and says that its phase may be before contrast; it names no class where it is uncertain."""
    volume = measured(write_series, write_seg, [phase(write_series, 2, later, (0, 0, 0), **attributes)])
    assert not volume.is_shown_after_contrast
    assert [note.short() for note in volume.notes] == ["The phase may be before contrast"]


@pytest.mark.parametrize(
    ("later", "origin", "attributes"),
    [
        (enhanced(1.1), (0, 0, 0), {"FlipAngle": "12"}),  # the outlined phase is after contrast, too
        (enhanced(0.8), (0, 0, 0), {"FlipAngle": "12"}),  # washout
        (enhanced(1.8), (0, 0, 0), {"FlipAngle": "12", "AcquisitionTime": "095900"}),  # acquired earlier
        (enhanced(1.8), (0, 0, 400), {"FlipAngle": "12"}),  # other slices
        (enhanced(1.8), (0, 0, 0), {"EchoTime": "90", "ScanningSequence": "SE"}),
        (enhanced(1.8), (0, 0, 0), {"FlipAngle": "12", "ImageType": ["DERIVED", "SECONDARY", "SUB"]}),
        (enhanced(1.8), (0, 0, 0), {"RepetitionTime": "7.5", "FrameOfReferenceUID": "1.2.9"}),
    ],
    ids=["persistent", "washout", "earlier", "elsewhere", "T2", "subtraction", "another series in another space"],
)
def test_what_says_nothing_about_contrast_changes_nothing(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    later: Pixels,
    origin: tuple[float, float, float],
    attributes: dict[str, Any],
) -> None:
    """The phase is measured as before: its header names the agent."""
    volume = measured(write_series, write_seg, [phase(write_series, 2, later, origin, **attributes)])
    assert volume.is_shown_after_contrast
    assert volume.notes == ()


def test_a_later_series_that_cannot_be_read_changes_nothing(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """One image lacks its pixels, and another file is no image."""
    other = phase(write_series, 2, enhanced(1.8), (0, 0, 0), FlipAngle="12")
    other[5].write_bytes(other[5].read_bytes()[:-500])
    broken = other[0].with_name("broken.dcm")
    broken.write_bytes(b"no image")
    assert measured(write_series, write_seg, [other, [broken], []]).is_shown_after_contrast
