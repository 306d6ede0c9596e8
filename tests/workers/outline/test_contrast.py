"""Whether an outlined phase lies after contrast: by brightness inside the outline, and by times of the bolus."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import FileDataset

from model_store.signatures.acceptance import AcceptanceContract
from model_store.signatures.profile import HAN2024, PhaseRule
from support.contrast_phases import (
    MASK,
    WriteSeg,
    WriteSeries,
    refusal,
    tumour_code,
    write_examination,
)
from workers.acceptance import Acceptance
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.images.headers import read_image_headers
from workers.images.phases import Phase
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase

ULTRAFAST = [*[1.0] * 6, 1.4, 1.7, 1.9, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("one_series", [True, False])
@pytest.mark.parametrize(
    ("enhancement", "outlined", "is_before"),
    [
        ([1, 1.6], 0, True),
        ([1, 1.6], 1, False),
        ([1, 1, 1.6, 1.5], 0, True),  # contrast comes with the third phase
        ([1, 1.15, 1.3, 1.5], 0, False),  # it rises from phase to phase: all of them may lie after contrast
        ([1.8, 1.6, 1.5], 0, False),  # washout
        ([1, 1, 1.6, 1.5], 1, True),
        ([1, 1, 1.6, 1.5], 2, False),
        ([1, 1, 1.6, 1.5], 3, False),
        ([1, 1.15, 1.6], 1, False),  # slow enhancement
        ([1, 1.05, 1.1], 1, False),  # no enhancement at all
        (ULTRAFAST, 3, True),
        (ULTRAFAST, 6, False),
        (ULTRAFAST, 11, False),
    ],
)
def test_brightness_tells_a_phase_before_contrast(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    one_series: bool,
    enhancement: list[float],
    outlined: int,
    is_before: bool,
) -> None:
    """A phase as dark as the first one, while the next or the last one is 30 % brighter, shows no contrast."""
    phases = write_examination(write_series, enhancement, one_series)
    found = refusal(phases, write_seg, outlined)
    assert (found is not None) == is_before
    if found:
        assert found.reason is Reason.BEFORE_CONTRAST
        assert "copy the outline to the phase after contrast" in str(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"RepetitionTime": "4.272"}, {"RepetitionTime": "4.276"}),
        ({"EchoTime": "1.70"}, {"EchoTime": "1.7"}),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM"]},
            {"ImageType": ["DERIVED", "PRIMARY", "M", "NORM", "MOCO"]},
        ),
    ],
)
def test_a_series_before_contrast_may_differ_a_little(
    write_series: WriteSeries, write_seg: WriteSeg, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Times adjusted to the prescan, or later phases registered to the first: before, neither was compared with it."""
    phases = write_examination(write_series, [1, 1.6], False, extra=lambda number: after if number else before)
    found = refusal(phases, write_seg, 0)
    assert found is not None
    assert found.reason is Reason.BEFORE_CONTRAST


@pytest.mark.parametrize("pre_in_own_series", [True, False])
@pytest.mark.parametrize(("outlined", "trained_on", "is_refused"), [(1, 2, False), (1, 1, True), (2, 2, True)])
def test_a_phase_is_numbered_among_all_series_of_the_examination(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    pre_in_own_series: bool,
    outlined: int,
    trained_on: int,
    is_refused: bool,
) -> None:
    """The first phase after contrast is the second one, also where the phase before contrast is another series."""
    series = ["1.2.3.1" if pre_in_own_series else "1.2.3.2", "1.2.3.2", "1.2.3.2"]
    phases = write_examination(
        write_series, [1, 1.6, 1.8], False, extra=lambda number: {"SeriesInstanceUID": series[number]}
    )
    accepted = Acceptance(AcceptanceContract(phases=(trained_on,)))
    found = refusal(phases, write_seg, outlined, accepted)
    assert (found.reason if found else None) is (Reason.OTHER_PHASE if is_refused else None)
    if pre_in_own_series:  # which may come later: then the number is unknown
        assert refusal(phases[1:], write_seg, outlined - 1, accepted) is None


def test_a_series_folder_without_images_is_no_phase(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """The folder of a series is made before its first image is in place: until then it holds none."""
    [images] = write_examination(write_series, [1.6], one_series=True)
    seg = write_seg(images, [(tumour_code(), MASK)])
    volume, _, _ = read_case([Path(one.filename) for one in images], seg, HAN2024, other_series=[()])
    assert volume.phase.count == 1


def begun_at(time: str) -> Callable[[int], dict[str, Any]]:
    """Every image says when the bolus began."""
    return lambda number: {"ContrastBolusStartTime": time}


def after_the_first(number: int) -> dict[str, Any]:
    """The phase before contrast has no bolus yet."""
    return {"ContrastBolusStartTime": "100130"} if number else {}


def triggered(number: int) -> dict[str, Any]:
    """One acquisition time for the series, as GE writes it, and the phase's delay as Trigger Time."""
    return {"AcquisitionTime": "100000", "TriggerTime": str(60000 * number), "ContrastBolusStartTime": "100130.5"}


@pytest.mark.parametrize(
    ("one_series", "extra"),
    [
        (True, begun_at("100130.000")),
        (False, begun_at("100130.000")),
        (True, after_the_first),
        (False, after_the_first),
        (True, triggered),
    ],
)
@pytest.mark.parametrize(("outlined", "is_before"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_phase_that_began_before_the_bolus_is_refused(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    one_series: bool,
    extra: Callable[[int], dict[str, Any]],
    outlined: int,
    is_before: bool,
) -> None:
    """Phases begin at 0, 60, 120 and 180 s, the bolus at 90 s; a tumour that does not enhance tells nothing."""
    phases = write_examination(write_series, [1, 1, 1.05, 1.1], one_series, extra)
    found = refusal(phases, write_seg, outlined)
    assert (found is not None) == is_before
    if found:
        assert found.reason is Reason.BEFORE_CONTRAST
        assert "Contrast/Bolus Start Time" in str(found)


@pytest.mark.parametrize(
    ("extra", "enhancement"),
    [
        (begun_at("100130"), [1, 1.6, 1.6, 1.6]),  # an injector's clock that is late: the tumour has enhanced
        (begun_at("093000"), [1, 1, 1, 1]),  # before all phases
        (begun_at("120000"), [1, 1, 1, 1]),  # behind all of them
        (begun_at("none"), [1, 1, 1, 1]),
        (lambda number: {"ContrastBolusStartTime": f"1001{10 * number:02d}"}, [1, 1, 1, 1]),  # another one each
        (lambda number: {"AcquisitionTime": "100000", "ContrastBolusStartTime": "100130"}, [1, 1, 1, 1]),
    ],
)
def test_a_bolus_time_that_proves_nothing_is_ignored(
    write_series: WriteSeries, write_seg: WriteSeg, extra: Callable[[int], dict[str, Any]], enhancement: list[float]
) -> None:
    """It counts where it lies between two phases, all images agree, and the pixels do not say otherwise."""
    phases = write_examination(write_series, enhancement, one_series=True, extra=extra)
    assert refusal(phases, write_seg, 1) is None


def by_rule(phases: Sequence[Sequence[FileDataset]], write_seg: WriteSeg) -> Phase:
    """Return the phase that is measured where the outline names none."""
    outline = read_outline(write_seg(phases[0], [(tumour_code(), MASK)], refer=False))
    instances = read_image_headers(Path(image.filename) for phase in phases for image in phase)
    return choose_phase(instances, outline, PhaseRule.FIRST_POST_CONTRAST)


@pytest.mark.parametrize("one_series", [True, False])
def test_the_rule_takes_the_first_phase_that_began_after_the_bolus(
    write_series: WriteSeries, write_seg: WriteSeg, one_series: bool
) -> None:
    """Two phases lie before contrast; without a bolus time the second phase would be taken for the first after it."""
    phases = write_examination(write_series, [1, 1, 1.6, 1.7], one_series, begun_at("100130"))
    chosen = by_rule(phases, write_seg)
    assert chosen.identity.index == 3
    assert "Contrast/Bolus Start Time" in " ".join(note.text for note in chosen.notes)


@pytest.mark.parametrize(
    "extra",
    [
        lambda number: {},
        lambda number: {"AcquisitionTime": "100000", "TriggerTime": str(5000 * number)},
        lambda number: {"AcquisitionTime": "", "TriggerTime": str(5000 * number)},
        lambda number: {"AcquisitionTime": ""},
    ],
    ids=["times", "one time and delays", "delays", "numbers alone"],
)
def test_the_rule_does_not_choose_among_ultrafast_phases(
    write_series: WriteSeries, write_seg: WriteSeg, extra: Callable[[int], dict[str, Any]]
) -> None:
    """Of 60 phases, 5 s apart, no header says with which the contrast arrives; an outline on one is measured."""
    enhancement = [1.0] * 12 + [1.5 + 0.01 * at for at in range(48)]
    phases = write_examination(write_series, enhancement, one_series=True, extra=extra, seconds=5)
    with pytest.raises(RejectedInput, match="60 phases") as refused:
        by_rule(phases, write_seg)
    assert refused.value.reason is Reason.UNKNOWN_PHASE
    assert refusal(phases, write_seg, 30) is None
    found = refusal(phases, write_seg, 5)
    assert found is not None
    assert found.reason is Reason.BEFORE_CONTRAST
