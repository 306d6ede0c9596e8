"""The key image."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import Dataset

from support.key_image_words import origin_of, words_of
from support.result_cases import CERTAINTY, SPACING_MM, make_case, rejected
from workers.errors import Reason
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.key_image.drawing import (
    AMBER,
    BAND,
    CORNER,
    HEIGHT,
    INSET,
    MARGIN,
    PANEL,
    SIDE,
    SMALLEST_INSET,
    VIOLET,
    WHITE,
    WIDTH,
    Caption,
    Contour,
    View,
    draw,
)
from workers.key_image.key_image import SHORT_DOUBTS, caption, edge_letters
from workers.key_image.training_strip import DARK, LABEL_WIDTH, Strip, draw_strip
from workers.notes import Note, warning
from workers.results.common_modules import Origin, ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.region_colours import COLOURS
from workers.results.result_roles import ResultRole
from workers.results.uids import ResultUids
from workers.scoring.case_result import Doubt, Stability
from workers.texts.drawn_text import text_width
from workers.texts.wording import ENGLISH, Language, Wording

STRIP = Strip(0.73, 0.41, (0.6, 0.8), (0.5, 0.9), (0.1, 0.2), (255, 92, 51), (51, 194, 255), (255, 92, 51))
CAPTION = Caption("title", "0.73 HOT", (255, 92, 51), ["a line"], STRIP, "RESEARCH", "footer")


def key_image() -> Dataset:
    """Return the key image of a case."""
    case = make_case()
    return build_results(case.result, case.seg_header, case.measurement)[ResultRole.KEY_IMAGE]


def test_it_is_a_plain_secondary_capture() -> None:
    """8-bit RGB, uncompressed, no patient data burnt in: shown by every viewer."""
    image = key_image()
    assert image.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (image.PhotometricInterpretation, image.BitsAllocated, image.PlanarConfiguration) == ("RGB", 8, 0)
    assert len(image.PixelData) == image.Rows * image.Columns * 3
    assert image.BurnedInAnnotation == "NO"


def test_it_shows_the_slice_with_the_most_tumour() -> None:
    """The source image is that slice."""
    case = make_case()
    areas = case.measurement.tumour.sum(axis=(1, 2))
    source = key_image().SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == case.headers[int(areas.argmax())].SOPInstanceUID


def test_both_outlines_are_drawn_in_the_colours_of_the_segmentation() -> None:
    """The reader recognises in one what the other shows."""
    pixels = key_image().pixel_array[:, :SIDE].reshape(-1, 3)
    for region in Region:
        assert (pixels == COLOURS[region]).all(axis=1).sum() > 200


def test_the_slice_is_shown_true_to_its_spacing() -> None:
    """A square in mm is a square on the picture, whatever the pixel spacing."""
    mask = np.zeros((60, 120), dtype=bool)
    mask[20:40, 40:80] = True  # 20 rows of 1 mm by 40 columns of 0.5 mm
    view = View(np.zeros((60, 120)), (1.0, 0.5), [Contour("a", mask, (255, 0, 255))], ("A", "P", "H", "F"))
    drawn = (np.asarray(draw(view, CAPTION))[:, :SIDE] == (255, 0, 255)).all(axis=2)
    height, width = (np.ptp(np.flatnonzero(drawn.any(axis=axis))) + 1 for axis in (1, 0))
    assert height == pytest.approx(width, abs=2)


def test_a_case_without_score_says_so() -> None:
    """It cannot be confused with a verdict."""
    case = make_case()
    result = rejected(Reason.SIGNATURE_UNUSABLE, case.measurement.regions)
    scored = key_image().pixel_array
    not_scored = build_results(result, case.seg_header, case.measurement)[ResultRole.KEY_IMAGE].pixel_array
    verdict = np.s_[BAND : BAND + 50, SIDE:]
    assert not (not_scored[verdict] == WHITE).all(axis=2).any()
    assert (scored[verdict] == WHITE).all(axis=2).any()


def test_a_case_that_was_not_measured_says_why_and_what_to_do() -> None:
    """Before: a target that gets key images alone got nothing of a case that was refused by its headers or phases."""
    case = make_case(image_extra={"SeriesNumber": "3", "SeriesDescription": "Doe^Jane Sag T1"})
    case.seg_header.SeriesNumber, case.seg_header.SeriesDescription = 9, "Outline of Jane Doe"
    result = rejected(Reason.BEFORE_CONTRAST)
    instance = build_results(result, case.seg_header, None, case.headers)[ResultRole.KEY_IMAGE]
    assert instance.StudyInstanceUID == case.headers[0].StudyInstanceUID
    assert "SourceImageSequence" not in instance
    assert (instance.pixel_array[BAND : BAND + 60] == AMBER).all(axis=2).any()
    origin = origin_of(case.seg_header, case.headers[:1])
    words = caption(origin, result, None)
    assert words.verdict == "NOT SCORED"
    assert list(words.lines) == [
        "The outline refers to the phase before contrast",
        "Copy the outline to the phase after contrast and send it.",
    ]
    assert words.measured_on == "Outline: series 9; Images: series 3", "a description is free text: never in pixels"
    assert caption(origin_of(Dataset(), ()), result, None).measured_on == ""
    german = replace(origin, wording=Wording(Language.GERMAN))
    assert caption(german, result, None).lines[0] != words.lines[0]


def test_warnings_are_drawn_and_said_in_every_series_description() -> None:
    """What changes how the score is to be read stands beside the slice, in amber, and where a viewer lists series."""
    case = make_case()
    notes = (Note("one remark"), warning("a long explanation", "Before contrast"))
    results = build_results(replace(case.result, notes=notes), case.seg_header, case.measurement)
    assert all(str(one.SeriesDescription).endswith("(see warnings)") for one in results.values())
    text_column = np.s_[BAND : BAND + PANEL, SIDE:]
    amber = [
        int((one.pixel_array[text_column] == AMBER).all(axis=2).sum())
        for one in (key_image(), results[ResultRole.KEY_IMAGE])
    ]
    assert amber[1] > amber[0] + 100
    assert "warnings" not in key_image().SeriesDescription


def test_more_warnings_than_fit_are_counted() -> None:
    """None is omitted silently."""
    case = make_case()
    result = replace(case.result, notes=tuple(warning(f"warning {number}") for number in range(5)))
    origin = Origin(
        case.seg_header,
        InstanceReference.of(case.seg_header),
        (),
        None,
        ResultVersion(),
        ResultUids.of("1.2", (), "", 1),
    )
    assert caption(origin, result, case.measurement).warnings[2:] == [
        "Warning: warning 2",
        "2 more warnings in the report",
    ]


@pytest.mark.parametrize(
    ("orientation", "letters"),
    [
        ((1, 0, 0, 0, 1, 0), ("R", "L", "A", "P")),
        ((0, 1, 0, 0, 0, -1), ("A", "P", "H", "F")),
        ((1, 0, 0, 0, 0, -1), ("R", "L", "H", "F")),
        ((-0.98, 0.1, 0.1, 0.1, -0.9, 0.3), ("L", "R", "P", "A")),
    ],
    ids=["axial", "sagittal", "coronal", "prone, oblique"],
)
def test_edges_are_labelled_as_the_standard_says(
    orientation: tuple[float, ...], letters: tuple[str, str, str, str]
) -> None:
    """PS3.3 C.7.6.1.1.1: x grows to the left, y to the back, z to the head."""
    assert edge_letters(orientation) == letters


def test_a_constant_slice_and_a_tumour_at_the_edge_are_drawn() -> None:
    """Nothing is divided by zero and no window leaves the slice."""
    mask = np.zeros((30, 30), dtype=bool)
    mask[0:2, 28:30] = True
    view = View(
        np.full((30, 30), 7), (SPACING_MM[1], SPACING_MM[0]), [Contour("a", mask, (1, 2, 3))], ("A", "P", "H", "F")
    )
    assert draw(view, CAPTION).size == (1024, 768)


def test_many_words_are_never_covered_by_the_small_slice() -> None:
    """An uncertain verdict with warnings takes the room of the small slice: what is written stays readable."""
    ones = np.ones((30, 30))
    view = View(ones, (1.0, 1.0), [Contour("a", np.eye(30, dtype=bool), (1, 2, 3))] * 2, ("A", "P", "H", "F"))
    for count in range(12):
        full = replace(CAPTION, lines=[f"a line with many words, number {number}" for number in range(count)])
        words = np.asarray(draw(view, full))
        alone = np.asarray(draw(replace(view, pixels=np.zeros((30, 30))), full))
        column = np.s_[BAND : BAND + PANEL, SIDE:]
        is_text = (alone[column] == WHITE).all(axis=2)
        assert (words[column][is_text] == WHITE).all()


def test_the_small_slice_stays_where_it_costs_little_text() -> None:
    """A text that ends just too low for it becomes a tenth smaller."""
    ones = np.ones((30, 30))
    view = View(ones, (1.0, 1.0), [Contour("a", np.eye(30, dtype=bool), (1, 2, 3))] * 2, ("A", "P", "H", "F"))
    full = replace(CAPTION, lines=["a line"] * 8)
    end = np.s_[BAND + PANEL - SMALLEST_INSET : BAND + PANEL, WIDTH - MARGIN - SMALLEST_INSET : WIDTH - MARGIN]
    assert (np.asarray(draw(view, full))[end] == AMBER).all(axis=2).any()


def test_a_source_without_room_ends_in_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended in a comma, as if nothing were missing; a whole one has no dots."""
    drawn: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda pen, place, text, *rest, **more: drawn.append(text))
    view = View(np.ones((9, 9)), (1.0, 1.0), [Contour("a", np.eye(9, dtype=bool), (1, 2, 3))], ("A", "P", "H", "F"))
    draw(view, replace(CAPTION, measured_on="Measured on series 2, 60 slices"))
    assert "Measured on series 2, 60 slices" in drawn
    draw(view, replace(CAPTION, measured_on="series 2, " * 60))
    assert any(text.endswith(("2...", "series...")) for text in drawn)


def test_the_dots_of_a_text_without_room_stay_within_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were drawn behind a line that was full."""
    drawn: list[tuple[str, float]] = []

    def note(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, *rest: object, **more: object) -> None:
        drawn.append((text, place[0] + text_width(text, 20)))

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", note)
    view = View(np.ones((9, 9)), (1.0, 1.0), [Contour("a", np.eye(9, dtype=bool), (1, 2, 3))], ("A", "P", "H", "F"))
    for length in range(4, 12):
        draw(view, replace(CAPTION, measured_on=f"{'n' * length}, " * 80))
    cut = [right for text, right in drawn if text.endswith("...")]
    assert len(cut) == 8
    assert max(cut) <= WIDTH - MARGIN


def test_an_uncertain_verdict_has_a_colour_of_its_own() -> None:
    """Neither an outline's nor that of a case without score; the words keep score, tendency and range."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    words = words_of(case)
    assert words.verdict == "0.450 UNCERTAIN"
    assert words.verdict_colour == VIOLET
    assert VIOLET not in (*COLOURS.values(), AMBER)
    assert "tends to hot, but depends on the outline and training cases do not decide" in words.lines
    assert "Redrawn outlines 0.400 - 0.610" in words.lines
    assert "Prediction set: hot or cold" in words.lines
    pixels = build_results(case.result, case.seg_header, case.measurement)[ResultRole.KEY_IMAGE].pixel_array
    assert (pixels[BAND : BAND + 100, SIDE:] == VIOLET).all(axis=2).any()


def test_no_tendency_is_shown_for_images_that_may_be_from_before_contrast() -> None:
    """The words say why the score decides nothing, and name no class as likely."""
    words = words_of(make_case(hot_probability=0.9, certainty=CERTAINTY, after_contrast_shown=False))
    assert words.verdict == "0.900 UNCERTAIN"
    assert words.lines[0] == ENGLISH(SHORT_DOUBTS[Doubt.CONTRAST_PHASE])


@pytest.mark.parametrize("hot_probability", [0.9, 0.1])
def test_the_colours_of_the_outlines_mean_nothing_else(hot_probability: float) -> None:
    """Orange is the tumour and not hot, blue is the ring and not cold: beside the slice, only the legend has them."""
    case = make_case(hot_probability=hot_probability, certainty=CERTAINTY)
    assert words_of(case).verdict_colour not in COLOURS.values()
    pixels = build_results(case.result, case.seg_header, case.measurement)[ResultRole.KEY_IMAGE].pixel_array
    above_the_legend = pixels[: BAND + 150, SIDE:]
    for colour in COLOURS.values():
        assert not (above_the_legend == colour).all(axis=2).any()
        assert (pixels[BAND + 150 :, SIDE:] == colour).all(axis=2).any()


def test_numbers_stay_with_their_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line ended in "5.1", and the next one began with "mL"; the measured images are named however full it is."""
    drawn: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda pen, place, text, *rest, **more: drawn.append(text))
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    build_results(case.result, case.seg_header, case.measurement)
    assert "0.400 - 0.610" in " ".join(drawn)
    assert not [line for line in drawn if re.match(r"(mL|mm|- |-$)", line) or line.endswith(" -")]
    assert any(line.startswith("Measured on") for line in drawn)


def test_the_strip_shows_the_training_cases_of_both_classes() -> None:
    """Hot above the line and cold below, at their scores; the diamond lies at the score, the bar on the range."""
    picture = Image.new("RGB", (240 + LABEL_WIDTH, 140))
    hot, cold, own = (255, 0, 0), (0, 0, 255), (0, 255, 0)
    strip = Strip(0.5, 0.25, (0.4, 0.7), (0.9,) * 5, (0.1,) * 5, hot, cold, own)
    draw_strip(ImageDraw.Draw(picture), strip, (20, 10), 200 + LABEL_WIDTH)
    drawn = np.asarray(picture)
    hot_at, cold_at, range_at = (np.argwhere((drawn == colour).all(axis=2)) for colour in (hot, cold, own))
    line = range_at[:, 0].mean()
    assert hot_at[:, 0].max() < line < cold_at[:, 0].min()
    # 24 bins of 8 pixels: 0.9 lies in the 22nd, 0.1 in the 3rd.
    assert (hot_at[:, 1].min() - 20) / 200 == pytest.approx(21 / 24, abs=0.02)
    assert (cold_at[:, 1].min() - 20) / 200 == pytest.approx(2 / 24, abs=0.02)
    assert (range_at[:, 1].min() - 20) / 200 == pytest.approx(0.4, abs=0.02)
    assert (range_at[:, 1].max() - 20) / 200 == pytest.approx(0.7, abs=0.02)
    assert tuple(drawn[round(line), 20 + 100]) == (245, 245, 245)


def test_long_words_of_the_site_stay_inside_the_picture() -> None:
    """The bars make room for them, but keep most of the width."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    pen, width = ImageDraw.Draw(picture), WIDTH - SIDE - MARGIN
    draw_strip(pen, replace(STRIP, hot_word="W" * 24, cold_word="desert"), (SIDE, BAND), width)
    drawn = np.asarray(picture)
    assert not drawn[:, WIDTH - MARGIN :].any()
    assert np.ptp(np.flatnonzero((drawn == DARK).all(axis=2).any(axis=0))) > width / 2


def test_it_says_what_was_measured_and_covers_nothing_with_it() -> None:
    """However long a name the series has: inside the column, above the small slice."""
    view = View(np.zeros((30, 30)), (1.0, 1.0), [Contour("a", np.eye(30, dtype=bool), (1, 2, 3))], ("A", "P", "H", "F"))
    pictures = [np.asarray(draw(view, replace(CAPTION, measured_on=f"x {'W' * n}"))) for n in (0, 8, 3000)]
    changed = [(picture != pictures[0]).any(axis=2) for picture in pictures[1:]]
    assert changed[0].any()
    rows, columns = np.nonzero(changed[1])
    assert columns.min() >= SIDE
    assert columns.max() < WIDTH - MARGIN
    assert rows.max() < BAND + PANEL - INSET


def test_its_corners_are_free() -> None:
    """Viewers write name, date and window into the corners."""
    long = replace(CAPTION, title="T" * 90, notice="N" * 90, footer="f" * 90, lines=["a line"] * 12)
    ones = np.ones((30, 30))
    view = View(ones, (1.0, 1.0), [Contour("a", np.eye(30, dtype=bool), (1, 2, 3))], ("A", "P", "H", "F"))
    for picture in (np.asarray(draw(view, long)), key_image().pixel_array):
        assert not picture[:BAND, :CORNER].any()
        assert not picture[:BAND, -CORNER:].any()
        assert not picture[HEIGHT - BAND :, :CORNER].any()
        assert not picture[HEIGHT - BAND :, -CORNER:].any()


@pytest.mark.parametrize("wording", [ENGLISH, Wording(Language.GERMAN)])
def test_a_verdict_stands_on_one_line(monkeypatch: pytest.MonkeyPatch, wording: Wording) -> None:
    """UNCERTAIN was too wide for it beside three digits, and cost the small slice."""
    drawn: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda pen, place, text, *rest, **more: drawn.append(text))
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    build_results(case.result, case.seg_header, case.measurement, wording=wording)
    assert words_of(case, wording).verdict in drawn


def test_however_many_words_there_are_they_end_above_the_band() -> None:
    """Text becomes smaller before it is cut off."""
    ones = np.zeros((30, 30))
    view = View(ones, (1.0, 1.0), [Contour("a", np.eye(30, dtype=bool), (1, 2, 3))] * 2, ("A", "P", "H", "F"))
    full = replace(CAPTION, lines=["a line with many words"] * 5, warnings=["Warning: a rather long text of it"] * 4)
    column = np.asarray(draw(view, full))[:, SIDE:]
    last = np.flatnonzero((column == AMBER).all(axis=2)[: BAND + PANEL].any(axis=1)).max()
    assert last < BAND + PANEL - 20
