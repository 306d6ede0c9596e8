"""Whether an outlined phase lies after contrast: by brightness inside the outline, and by what headers say."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from model_store.signatures.acceptance import AcceptanceContract
from model_store.signatures.profile import HAN2024, PhaseRule
from workers.acceptance import DEFAULT, Acceptance
from workers.errors import Reason, RejectedInput
from workers.features.case_input import read_case
from workers.images.contrast_agent import names_an_agent, said_before_contrast
from workers.images.frames import frames_of
from workers.images.headers import read_header, read_image_headers
from workers.images.phases import Phase
from workers.notes import Note, Severity
from workers.outline.outline import read_outline
from workers.outline.phase_selection import choose_phase

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


def read(
    write_series: WriteSeries,
    write_seg: WriteSeg,
    levels: list[int],
    outlined: int,
    **attributes: Any,
) -> tuple[Note, ...]:
    """Write phases whose tumour has these levels, read the case outlined on one of them, and return its notes.

    It is shown to be after contrast exactly where there is no note.
    """
    noise = np.random.default_rng(5)
    phases: list[list[FileDataset]] = []
    for number, level in enumerate(levels):
        array = noise.normal(100, 5, SHAPE)
        array[MASK] = noise.normal(level, 5, MASK.sum())
        when = {"TemporalPositionIdentifier": number + 1, "AcquisitionTime": f"10{number:02d}00"}
        extra = {**(when if len(levels) > 1 else {}), "ContrastBolusAgent": "Gadobutrol", **attributes}
        phases.append(write_series(array.astype(np.int16), name=f"p{number}-", extra=lambda z, extra=extra: extra))
    paths = [Path(image.filename) for phase in phases for image in phase]
    volume, _, _ = read_case(paths, write_seg(phases[outlined], [(tumour_code(), MASK)]), HAN2024)
    assert volume.array[MASK].mean() == pytest.approx(levels[outlined], abs=2)
    assert volume.is_shown_after_contrast == (not volume.notes)
    return volume.notes


@pytest.mark.parametrize(("levels", "outlined"), [([100, 101, 103], 1), ([200, 150], 1)])
def test_a_tumour_without_enhancement_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, levels: list[int], outlined: int
) -> None:
    """It may not take up contrast, or the phases are in another order: no contradiction, but no certain verdict."""
    [note] = read(write_series, write_seg, levels, outlined)
    assert note.severity is Severity.WARNING
    assert "does not enhance" in note.text


@pytest.mark.parametrize(("around", "is_shown"), [(1.0, True), (1.2, True), (1.7, False)])
def test_a_tumour_that_brightens_with_everything_around_it_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, around: float, is_shown: bool
) -> None:
    """Another scale of grey values does so, and noise; a breast takes up less agent than its tumour."""
    images = []
    for number, factor in enumerate((1.0, around)):
        array = np.where(MASK, BREAST * (1.7 if number else 1), BREAST * factor).astype(np.int16)
        attributes = {**DCE, "AcquisitionTime": f"10{number:02d}00", "SeriesInstanceUID": f"1.2.3.{number}"}
        images.append(write_series(array, name=f"p{number}_", extra=lambda z, values=attributes: values))
    seg = write_seg(images[1], [(tumour_code(), MASK)])
    mine, other = ([Path(image.filename) for image in part] for part in reversed(images))
    volume, _, _ = read_case(mine, seg, HAN2024, other_series=[other])
    assert volume.is_shown_after_contrast == is_shown
    assert [note.short() for note in volume.notes] == ([] if is_shown else ["The outline does not enhance"])


def test_without_phase_and_agent_a_warning_says_that_nothing_is_known(
    write_series: WriteSeries, write_seg: WriteSeg
) -> None:
    """A single phase whose header names no contrast agent is measured, so that its verdict can be uncertain."""
    [note] = read(write_series, write_seg, [150], 0, ContrastBolusAgent="")
    assert note.severity is Severity.WARNING
    assert "No evidence" in note.text
    assert read(write_series, write_seg, [150], 0) == ()


@pytest.mark.parametrize(
    ("attributes", "warned"),
    [
        ({"TemporalPositionIdentifier": 1, "NumberOfTemporalPositions": 5}, True),
        ({"TemporalPositionIdentifier": 2, "NumberOfTemporalPositions": 5}, False),
        ({"TemporalPositionIdentifier": 1, "NumberOfTemporalPositions": 1}, False),
        ({"AcquisitionTime": "100000", "ContrastBolusStartTime": "100130"}, True),
        ({"AcquisitionTime": "100200", "ContrastBolusStartTime": "100130"}, False),
    ],
)
def test_the_first_phase_alone_is_a_warning(
    write_series: WriteSeries, write_seg: WriteSeg, attributes: dict[str, Any], warned: bool
) -> None:
    """Without another phase nothing shows whether it enhances; a header that calls it the first makes it doubtful."""
    notes = read(write_series, write_seg, [150], 0, **attributes)
    expected = ["The phase may be before contrast"] if warned else []
    assert [note.short() for note in notes if note.severity is Severity.WARNING] == expected


def test_enhancement_outweighs_a_header(write_series: WriteSeries, write_seg: WriteSeg) -> None:
    """Headers repeat what holds before the injection: a tumour that has grown 80 % brighter has contrast."""
    before = usage(ContrastBolusAgentAdministered="NO")
    assert read(write_series, write_seg, [100, 180], 1, SharedFunctionalGroupsSequence=before) == ()
    with pytest.raises(RejectedInput, match="Administered NO"):
        read(write_series, write_seg, [150], 0, SharedFunctionalGroupsSequence=before)


def usage(**attributes: str) -> list[Dataset]:
    """Return functional groups with one item of Contrast/Bolus Usage Sequence."""
    item, group = Dataset(), Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    group.ContrastBolusUsageSequence = [item]
    return [group]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, ""),
        ({"ContrastBolusAgent": "NONE"}, ""),  # so does br06, after contrast
        ({"SeriesDescription": "T1 fl3d pre contrast"}, "'pre contrast'"),
        ({"SeriesDescription": "T1 nativ"}, "'nativ'"),
        ({"SeriesDescription": "T1 pre and post contrast"}, ""),
        ({"SeriesDescription": "T1 fs prep dyn"}, ""),
        ({"SeriesDescription": "Prescan normalised"}, ""),
        (
            {"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentPhase="PRE_CONTRAST")},
            "Agent Phase PRE_CONTRAST",
        ),
        ({"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentAdministered="NO")}, "Administered NO"),
        ({"SharedFunctionalGroupsSequence": usage(ContrastBolusAgentPhase="POST_CONTRAST")}, ""),
    ],
    ids=str,
)
def test_what_headers_say(write_series: WriteSeries, attributes: dict[str, Any], words: str) -> None:
    """Agent, its phase, and the description of a series of one phase (PS3.3 C.7.6.4, C.7.6.16.2.12)."""
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: attributes)
    [frame] = frames_of(read_header(Path(image.filename)))
    found = said_before_contrast(frame, is_alone=True)
    assert bool(found) == bool(words)
    assert words in found


@pytest.mark.parametrize(
    ("description", "is_before"),
    [
        ("T1 pre FS", True),
        ("AX T1 W/O", True),
        ("t1 ohne KM fs", True),
        ("t1_dyn_pre_fs", True),
        ("DCE PRE", True),
        ("dyn_" * 8000 + "end", False),
        ("T1 vor KM", True),
        ("T1 sans injection", True),
        ("T1 unenhanced", True),
        ("T1平扫", True),
        ("pre/post dyn", False),
        ("dyn pre-op", False),
        ("T1 vor und nach KM", False),
        ("T1 pre-menopausal", False),
        ("AX T1 w/o FS", False),
        ("t1 without fat sat", False),
        ("T1 ohne Fettsaettigung", False),
        ("T1 pre-op", False),
        ("AX T1 PRE CHEMO", False),
    ],
)
def test_a_description_without_fat_saturation_or_before_a_therapy_says_nothing(
    write_series: WriteSeries, description: str, is_before: bool
) -> None:
    """Only contrast is meant: a single phase after contrast must not be refused for these words."""
    extra = {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": description}
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: extra)
    [frame] = frames_of(read_header(Path(image.filename)))
    assert bool(said_before_contrast(frame, is_alone=True)) == is_before


@pytest.mark.parametrize(("flavor", "is_before"), [("PRE_CONTRAST", True), ("POST_CONTRAST", False)])
def test_an_image_type_may_say_the_phase(write_series: WriteSeries, flavor: str, is_before: bool) -> None:
    """The third value in Enhanced MR images (PS3.3 section C.8.16.1.3)."""
    image_type = ["ORIGINAL", "PRIMARY", flavor, "NONE"]
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: {"ImageType": image_type})
    [frame] = frames_of(read_header(Path(image.filename)))
    assert bool(said_before_contrast(frame, is_alone=False)) == is_before
    assert names_an_agent(frame) != is_before


def test_a_description_of_several_phases_says_nothing_of_one(write_series: WriteSeries) -> None:
    """It is the series' description."""
    [image] = write_series(np.full((1, 4, 4), 9, np.int16), extra=lambda z: {"SeriesDescription": "T1 pre contrast"})
    [frame] = frames_of(read_header(Path(image.filename)))
    assert not said_before_contrast(frame, is_alone=False)
    assert not names_an_agent(frame)
