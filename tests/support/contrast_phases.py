"""Phases of a contrast series around a tumour that takes up contrast, and why an outline on one of them is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.profile import HAN2024
from workers.acceptance import DEFAULT, Acceptance
from workers.errors import RejectedInput
from workers.features.case_input import read_case

SHAPE = (6, 10, 12)
MASK = np.zeros(SHAPE, dtype=bool)
MASK[2:5, 3:7, 4:9] = True
BREAST = np.random.default_rng(5).integers(200, 300, SHAPE).astype(np.int16)
DCE = {"EchoTime": "2.1", "RepetitionTime": "4.6", "ScanningSequence": "GR"}
WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]


def tumour_code() -> Dataset:
    """Return the code of a neoplasm."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "108369006", "SCT", "Neoplasm"
    return item


def write_examination(
    write_series: WriteSeries,
    enhancement: Sequence[float],
    one_series: bool,
    extra: Callable[[int], dict[str, Any]] = lambda number: {},
    seconds: float = 60,
) -> list[list[FileDataset]]:
    """Write phases whose tumour is so many times as bright as the first one's; ``extra(number)`` adds attributes."""
    phases = []
    for number, factor in enumerate(enhancement):
        begin = int(number * seconds)
        common = {
            **DCE,
            "SeriesInstanceUID": "1.2.3" if one_series else f"1.2.3.{number}",
            "AcquisitionTime": f"10{begin // 60:02d}{begin % 60:02d}",
            **extra(number),
        }
        array = np.where(MASK, BREAST * factor, BREAST).astype(np.int16)
        first = 1 + (number * SHAPE[0] if one_series else 0)
        attributes = [{**common, "InstanceNumber": first + z} for z in range(SHAPE[0])]
        phases.append(write_series(array, name=f"p{number}_", extra=attributes.__getitem__))
    return phases


def refusal(
    phases: Sequence[Sequence[FileDataset]], write_seg: WriteSeg, outlined: int, acceptance: Acceptance = DEFAULT
) -> RejectedInput | None:
    """Outline one phase; return why it is refused, or None."""
    series: dict[str, list[Path]] = {}
    for image in (image for phase in phases for image in phase):
        series.setdefault(image.SeriesInstanceUID, []).append(Path(image.filename))
    mine = series.pop(phases[outlined][0].SeriesInstanceUID)
    seg = write_seg(phases[outlined], [(tumour_code(), MASK)])
    try:
        read_case(mine, seg, HAN2024, other_series=list(series.values()), acceptance=acceptance)
    except RejectedInput as error:
        return error
    return None
