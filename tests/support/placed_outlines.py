"""A small outline on a small series, and what placing it gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.profile import PhaseRule
from workers.errors import Reason, RejectedInput
from workers.images.headers import read_image_headers
from workers.images.volume import build_volume
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase
from workers.outline.region_of_interest import RegionOfInterest, region_of_interest

ARRAY = np.random.default_rng(5).integers(0, 900, (7, 10, 12)).astype(np.int16)
MASK = np.zeros(ARRAY.shape, dtype=bool)
MASK[2:5, 3:7, 4:9] = True
MASK[3, 7, 4] = True
WriteSeries = Callable[..., list[FileDataset]]
WriteSeg = Callable[..., Path]


def code(value: str, scheme: str = "SCT") -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "meaning"
    return item


TUMOUR, VESSEL, BREAST = code("372087000"), code("59820001"), code("76752008")


def placed(images: list[FileDataset], seg: Path, rule: PhaseRule = PhaseRule.REFUSE) -> RegionOfInterest:
    """Read images and outline, and place it."""
    instances = read_image_headers(Path(image.filename) for image in images)
    outline = read_outline(seg)
    return region_of_interest(outline, build_volume(choose_phase(instances, outline, rule)))


def reason_of(images: list[FileDataset], seg: Path) -> Reason:
    """Return why an outline is refused; no message may hold the patient's id."""
    with pytest.raises(RejectedInput) as refused:
        placed(images, seg)
    assert "P1" not in str(refused.value)
    assert "P2" not in str(refused.value)
    return refused.value.reason
