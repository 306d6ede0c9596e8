"""The words that stand beside the slice of a key image."""

from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset

from support.result_cases import ResultCase
from workers.key_image.drawing import Caption
from workers.key_image.key_image import caption
from workers.results.common_modules import Origin, ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.uids import ResultUids
from workers.texts.wording import ENGLISH, Wording


def origin_of(seg_header: Dataset, image_headers: Sequence[Dataset]) -> Origin:
    """Return the origin of results without a signature."""
    known = InstanceReference("1.2", "1.3", "1.4", "1.5")
    return Origin(seg_header, known, image_headers, None, ResultVersion(), ResultUids.of("1.2", (), "", 1))


def words_of(case: ResultCase, wording: Wording = ENGLISH) -> Caption:
    """Return the words beside the slice."""
    uids = ResultUids.of("1.2", (), "", 1)
    origin = Origin(case.seg_header, InstanceReference.of(case.seg_header), case.headers, None, ResultVersion(), uids)
    return caption(replace(origin, wording=wording), case.result, case.measurement)
