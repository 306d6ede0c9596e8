"""The results of a demo under short file names, as they arrived in the sink."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread

from deploy.configuration.load import SINK_TARGET
from listener.ledger.database import Ledger
from workers.delivery.outbox import read_delivery
from workers.results.result_roles import ResultRole


@dataclass(frozen=True)
class ArrivedResult:
    """One result object in the sink."""

    role: ResultRole
    path: Path
    picture: Path | None = None
    """The same as PNG, where it is an image."""


def collect_results(ledger: Ledger, job_id: str, pacs: Path, folder: Path) -> list[ArrivedResult]:
    """Link the objects of a job that arrived in ``pacs`` into ``folder``, by role."""
    record = read_delivery(ledger, job_id, SINK_TARGET)
    taken = record.taken if record else {}
    folder.mkdir(parents=True, exist_ok=True)
    arrived = []
    for role in reversed(ResultRole):
        source = pacs / f"{taken[role].sop_instance_uid}.dcm" if role in taken else None
        if source is not None and source.is_file():
            path = folder / f"{role.value}.dcm"
            path.unlink(missing_ok=True)  # the input may hold an outline twice
            os.link(source, path)
            picture = write_picture(path) if role is ResultRole.KEY_IMAGE else None
            arrived.append(ArrivedResult(role, path, picture))
    return arrived


def write_picture(path: Path) -> Path:
    """Write the pixels of a Secondary Capture beside it as PNG and return the path."""
    pixels = dcmread(path).pixel_array
    frame = pixels[0] if pixels.ndim == 4 else pixels
    picture = path.with_suffix(".png")
    Image.fromarray(np.ascontiguousarray(frame)).save(picture)
    return picture
