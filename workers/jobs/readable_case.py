"""Removes undecodable texts from a case, so that its results do not copy them."""

from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset

from listener.dicom.patient_texts import declares_character_set
from listener.dicom.sender_character_sets import UNREADABLE_TEXT
from workers.jobs.case import Case
from workers.notes import Note
from workers.texts.readable_texts import readable

MAX_NAMED = 5


def readable_case(
    case: Case, seg_header: Dataset, image_headers: Sequence[Dataset], character_set: str
) -> tuple[Case, Dataset, Sequence[Dataset]]:
    """Return case, outline header and image headers without undecodable texts, and with a note that lists them.

    ``character_set`` is that of the sender, for headers that declare none; empty where the site configures none. Of the
    images, only the first header is changed: patient and study are taken from it.
    """
    seg, lost = readable(seg_header, character_set)
    headers, measurement = list(image_headers), case.measurement
    if headers:
        headers[0], of_image = readable(headers[0], character_set)
        lost = (*lost, *of_image)
    if measurement is not None:
        volume = replace(measurement.volume, headers=tuple(headers))
        is_declared = declares_character_set(seg_header)
        segment, of_segment = readable(measurement.tumour_segment, character_set, is_item=is_declared)
        lost = (*lost, *of_segment)
        measurement = replace(measurement, volume=volume, tumour_segment=segment)
    if not lost:
        return replace(case, measurement=measurement), seg, headers
    keywords = list(dict.fromkeys(lost))
    named = ", ".join(keywords[:MAX_NAMED]) + (f" and {len(keywords) - MAX_NAMED} more" * (len(keywords) > MAX_NAMED))
    note = Note(
        f"{UNREADABLE_TEXT}: {named}. The sender declares no character set, or a wrong one: see workers.character_sets."
    )
    result = replace(case.result, notes=(*case.result.notes, note))
    return replace(case, result=result, measurement=measurement), seg, headers
