"""The images that an outline names: they have to be there, and they tell the phase that was drawn on."""

from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.profile import PhaseRule
from support.placed_outlines import ARRAY, BREAST, MASK, TUMOUR, WriteSeg, WriteSeries, reason_of
from workers.errors import Reason
from workers.images.headers import read_image_headers
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase


def test_referenced_images_that_are_not_there_are_named(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """The outline references the images it was drawn on; without them nothing is measured."""
    images = write_series(ARRAY)
    seg = write_seg(images, [(TUMOUR, MASK)])
    assert reason_of([*images[:3], *images[4:]], seg) is Reason.MISSING_INSTANCES


def test_the_phase_that_was_drawn_on_is_measured(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Of three phases in a series, the one whose images the outline names; across two phases, none."""
    phases = [
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"InstanceNumber": 7 * n + z + 1})
        for phase in range(3)
    ]
    images = [image for phase in phases for image in phase]
    outline = read_outline(write_seg(phases[1], [(TUMOUR, MASK)]))
    chosen = choose_phase(read_image_headers(Path(one.filename) for one in images), outline, PhaseRule.REFUSE)
    assert (chosen.identity.index, chosen.identity.count) == (2, 3)
    mixed = [*phases[1][:3], *phases[2][3:]]
    assert reason_of(images, write_seg(mixed, [(TUMOUR, MASK)])) is Reason.UNKNOWN_PHASE


def two_phases(write_series: WriteSeries) -> tuple[list[FileDataset], list[FileDataset]]:
    """Two phases of one series."""
    first, second = (
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"TemporalPositionIdentifier": n + 1})
        for phase in range(2)
    )
    return first, second


def source_image(sop_class: str, uid: str) -> Dataset:
    """Return an item of a Source Image Sequence."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def chosen_index(images: list[FileDataset], seg: Path) -> int:
    """Return the number of the phase that is measured."""
    instances = read_image_headers(Path(one.filename) for one in images)
    return choose_phase(instances, read_outline(seg), PhaseRule.REFUSE).identity.index


def test_references_that_all_frames_share_are_read(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A writer that drew on one slice names it in the shared groups, and lists the whole series besides."""
    first, second = two_phases(write_series)

    def share(seg: FileDataset) -> None:
        (groups,) = seg.PerFrameFunctionalGroupsSequence
        seg.SharedFunctionalGroupsSequence[0].DerivationImageSequence = groups.DerivationImageSequence
        del groups.DerivationImageSequence
        series = Dataset()
        series.SeriesInstanceUID = first[0].SeriesInstanceUID
        series.ReferencedInstanceSequence = [
            source_image(one.SOPClassUID, one.SOPInstanceUID) for one in first + second
        ]
        seg.ReferencedSeriesSequence = [series]

    one_slice = MASK.copy()
    one_slice[[2, 4]] = False
    assert chosen_index(first + second, write_seg(second, [(TUMOUR, one_slice)], change=share)) == 2


def test_an_earlier_outline_is_no_missing_image(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A corrected outline names the one it was made from beside its images."""
    first, second = two_phases(write_series)

    def name_the_earlier(seg: FileDataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            earlier = source_image("1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.99")
            groups.DerivationImageSequence[0].SourceImageSequence.append(earlier)

    assert chosen_index(first + second, write_seg(second, [(TUMOUR, MASK)], change=name_the_earlier)) == 2


@pytest.mark.parametrize("silent", [False, True])
def test_only_the_tumour_names_the_phase(write_series: WriteSeries, write_seg: WriteSeg, silent: bool) -> None:
    """The breast was outlined on phase 1, the tumour on phase 2; where its frames are silent, the others speak."""
    first, second = two_phases(write_series)

    def tumour_on_second(seg: FileDataset) -> None:
        for groups in seg.PerFrameFunctionalGroupsSequence:
            if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2:
                (item,) = groups.DerivationImageSequence[0].SourceImageSequence
                at = [one.SOPInstanceUID for one in first].index(item.ReferencedSOPInstanceUID)
                item.ReferencedSOPInstanceUID = second[at].SOPInstanceUID
                if silent:
                    del groups.DerivationImageSequence

    seg = write_seg(first, [(BREAST, ~MASK), (TUMOUR, MASK)], change=tumour_on_second)
    assert chosen_index(first + second, seg) == (1 if silent else 2)


def test_copies_of_a_picture_do_not_make_phases(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """An archive sent two slices again under new UIDs; the ones that the outline names are kept."""
    images = write_series(ARRAY)
    copies = write_series(ARRAY, name="b")
    seg = write_seg(images, [(TUMOUR, MASK)])
    outline = read_outline(seg)
    instances = read_image_headers(Path(one.filename) for one in [*copies[2:4], *images])
    phase = choose_phase(instances, outline, PhaseRule.REFUSE)
    assert {uid for uid, _ in phase.references} == {image.SOPInstanceUID for image in images}
