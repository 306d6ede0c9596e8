"""The phase that the signature's rule selects where the outline names no images."""

from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.profile import PhaseRule
from support.placed_outlines import ARRAY, MASK, TUMOUR, WriteSeg, WriteSeries, placed, reason_of
from workers.errors import Reason, RejectedInput
from workers.images.headers import read_image_headers
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase


def test_without_references_the_rule_decides(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """A profile either refuses or takes the first phase after contrast; a single phase needs no rule."""
    phases = [
        write_series(ARRAY + phase, name=f"p{phase}_", extra=lambda z, n=phase: {"InstanceNumber": 7 * n + z + 1})
        for phase in range(3)
    ]
    images = [image for phase in phases for image in phase]
    seg = write_seg(phases[1], [(TUMOUR, MASK)], refer=False)
    assert reason_of(images, seg) is Reason.UNKNOWN_PHASE
    instances = read_image_headers(Path(one.filename) for one in images)
    outline = read_outline(seg)
    assert choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST).identity.index == 2
    assert placed(phases[0], seg).tumour.any()


DCE = {"EchoTime": "2.1", "RepetitionTime": "4.6", "ScanningSequence": "GR"}
T2 = {"EchoTime": "90", "RepetitionTime": "5000", "ScanningSequence": "SE"}
DWI = {"EchoTime": "60", "RepetitionTime": "7000", "ScanningSequence": ["EP", "SE"]}


def write_study(write_series: WriteSeries, parts: str, **changes: object) -> dict[str, list[FileDataset]]:
    """Write series of one phase each, a minute apart; ``changes`` are made to each."""
    kinds = {"T": T2, "D": DWI, "O": {**DCE, "EchoTime": "4.8"}}
    written = {}
    for at, part in enumerate(parts.split()):
        attributes = {
            **kinds.get(part[0], DCE),
            "SeriesInstanceUID": f"1.2.{at + 1}",
            "AcquisitionTime": f"10{at:02d}00",
            **changes,
        }
        written[part] = write_series(
            ARRAY + at, name=part, extra=lambda z, attributes=attributes: attributes, spacing=(1.0, 1.0, 1.0)
        )
    return written


@pytest.mark.parametrize(
    ("parts", "changes", "expected"),
    [
        ("pre post1 post2", {}, "post1"),
        ("T2 pre post1", {}, "post1"),
        ("D0 D800 pre post1 post2", {}, "post1"),
        ("pre post1 Other", {}, None),
        ("T2 post", {}, None),
        ("pre post1 post2", {"EchoTime": ""}, None),
        ("pre post1 post2", {"AcquisitionTime": "100000"}, None),
    ],
)
def test_the_rule_takes_the_second_phase_of_one_plain_examination(
    write_series: WriteSeries, write_seg: WriteSeg, parts: str, changes: dict[str, object], expected: str | None
) -> None:
    """Other techniques do not count as phases, and where it is not plain what is a phase, nothing is measured."""
    written = write_study(write_series, parts, **changes)
    images = [image for series in written.values() for image in series]
    outline = read_outline(write_seg(images[:7], [(TUMOUR, MASK)], refer=False))
    instances = read_image_headers(Path(one.filename) for one in images)
    if expected is None:
        with pytest.raises(RejectedInput) as refused:
            choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
        assert refused.value.reason is Reason.UNKNOWN_PHASE
    else:
        phase = choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
        assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in written[expected]}
        assert phase.identity.index == 2


@pytest.mark.parametrize("references", ["nothing", "series", "all of the series"])
@pytest.mark.parametrize("has_pre", [True, False])
def test_a_phase_before_contrast_in_a_series_of_its_own_counts(
    write_series: WriteSeries, write_seg: WriteSeg, references: str, has_pre: bool
) -> None:
    """The dynamic series starts after contrast: its first phase is measured where another series comes before it."""
    parts = [
        write_series(
            ARRAY + at,
            name=f"p{at}_",
            extra=lambda z, at=at: {
                **DCE,
                "SeriesInstanceUID": f"1.2.{min(at, 1)}",
                "AcquisitionTime": f"10{at:02d}00",
                "InstanceNumber": 7 * at + z + 1,
            },
        )
        for at in range(3)
    ]
    dynamic = [*parts[1], *parts[2]]

    def refer(seg: FileDataset) -> None:
        item = Dataset()
        item.SeriesInstanceUID = "1.2.1"
        if references != "series":
            item.ReferencedInstanceSequence = [image_reference(one) for one in dynamic]
        seg.ReferencedSeriesSequence = [item] if references != "nothing" else []

    outline = read_outline(write_seg(parts[1], [(TUMOUR, MASK)], refer=False, change=refer))
    named, other = [Path(one.filename) for one in dynamic], [Path(one.filename) for one in parts[0]]
    received = [*named, *(other if has_pre and references != "all of the series" else [])]
    beside = [other] if has_pre and references == "all of the series" else []
    phase = choose_phase(read_image_headers(received), outline, PhaseRule.FIRST_POST_CONTRAST, beside)
    expected = parts[1] if has_pre else parts[2]
    assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in expected}


def image_reference(image: Dataset) -> Dataset:
    """Return a reference to an image."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item


def test_a_series_on_another_grid_is_no_phase(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """The same technique, seen on other voxels: the outline was not drawn there."""
    written = write_study(write_series, "pre post1")
    other = write_series(
        ARRAY, name="w", spacing=(1.3, 1.3, 1.0), extra=lambda z: {**DCE, "SeriesInstanceUID": "1.2.99"}
    )
    outline = read_outline(write_seg(written["pre"], [(TUMOUR, MASK)], refer=False))
    images = [*other, *written["pre"], *written["post1"]]
    instances = read_image_headers(Path(one.filename) for one in images)
    phase = choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)
    assert {uid for uid, _ in phase.references} == {one.SOPInstanceUID for one in written["post1"]}
