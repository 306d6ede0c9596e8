"""The words of the key image: what they say of a case, in the language and with the names of the site."""

import re
from dataclasses import replace

import numpy as np
import pytest

from model_store.signatures.acceptance import Criterion
from support.key_image_words import origin_of, words_of
from support.result_cases import CERTAINTY, ResultCase, make_case, rejected
from workers.acceptance import HEADINGS
from workers.errors import Reason
from workers.features.measured_ring import LEFT_OUT
from workers.features.measurement import LEVELS
from workers.features.regions import Region
from workers.features.ring import Cause
from workers.key_image.drawing import (
    LEGIBLE,
    Contour,
    _fitting,
)
from workers.key_image.key_image import _view, caption
from workers.notes import Note, phrase, warning
from workers.results.source_slices import source_slices
from workers.scoring.case_result import Stability
from workers.texts.wording import ENGLISH, Language, Wording


@pytest.mark.parametrize(("reason", "points"), [(Reason.OTHER_PHASE, True), (Reason.SINGLE_SLICE, False)])
def test_a_remedy_that_needs_the_explanation_says_where_it_is(reason: Reason, points: bool) -> None:
    """The key image leaves the explanation out, which may quote headers; some remedies point to it."""
    case = make_case()
    lines = caption(origin_of(case.seg_header, case.headers[:1]), rejected(reason), None).lines
    assert ("The explanation is in the report." in lines) is points


def test_it_says_what_moved_the_score_and_what_the_ring_lacks() -> None:
    """In words; a case without score has nothing that moved it."""
    case = make_case()
    noted = replace(case, result=replace(case.result, notes=(Note("a text", heading="Ring without 12% in air"),)))
    assert words_of(noted).details == [
        "Moved most, towards hot: Ring, Contrast of GLCM, LoG 3 mm",
        "Ring without 12% in air",
    ]
    assert words_of(replace(case, result=rejected(Reason.ENGINES_DIFFER))).details == []


@pytest.mark.parametrize("language", Language)
def test_the_site_s_words_for_hot_and_cold_stand_everywhere(language: Language) -> None:
    """They stood in the verdict alone; strip, tendency, threshold, set and feature said hot and cold."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    words = words_of(case, Wording(language, hot="inflamed", cold="desert"))
    assert words.strip is not None
    assert (words.strip.hot_word, words.strip.cold_word) == ("inflamed", "desert")
    said = " / ".join((*words.lines, *words.details))
    assert said.lower().count("inflamed") == 4
    assert said.count("desert") == 1
    assert not re.search(r"\b(hot|cold|heiß|kalt)\b", said, re.IGNORECASE)


def test_its_sentences_are_in_the_language_of_the_site() -> None:
    """German and Chinese ones were English, the Chinese ones for want of a typeface."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    german = words_of(case, Wording(Language.GERMAN))
    assert german.lines == [
        "Tendenz heiß, aber abhängig von der Kontur und Trainingsfälle entscheiden nicht",
        "Heiß ab 0.412",
        "Variierte Konturen 0.400 - 0.610",
        "Vorhersagemenge: heiß oder kalt",
    ]
    assert german.footer.endswith("nicht von einer Person geprüft")
    chinese = words_of(case, Wording(Language.CHINESE))
    assert chinese.verdict == "0.450 不确定"
    assert chinese.lines[0] == "倾向于热\uff0c但取决于轮廓且训练病例无法判定"


ENGLISH_WORDS = re.compile(r"[A-Za-z]{3,}")
STAY_ENGLISH = {"Contrast", "GLCM", "LoG", "DCE", "radtme"}
"""Names of features, which IBSI has in English only, a technical term, and the name of the program."""


@pytest.mark.parametrize("criterion", Criterion)
@pytest.mark.parametrize("hot_probability", [0.9, 0.45])
def test_no_english_is_left_in_another_language(criterion: Criterion, hot_probability: float) -> None:
    """Names of regions, series, warnings, what the ring lacks and UNCERTAIN were English in every language."""
    case = make_case(
        {"BodyPartExamined": "BREAST", "Laterality": "L", "SeriesNumber": "4"},
        hot_probability=hot_probability,
        certainty=CERTAINTY,
        stability=Stability(0.4, 0.61, 9, 10),
    )
    notes = (
        Note("text", heading=phrase("Ring without {causes}", causes=(phrase(LEFT_OUT[Cause.AIR], share="12%"),))),
        warning("text", phrase(LEVELS[Region.RING, True], levels=9)),
        warning("text", HEADINGS[criterion]),
    )
    case = replace(case, result=replace(case.result, notes=notes))
    english = shown_words(case, ENGLISH)
    german_too = {"Phase", "Signatur", "Ring", "Radiomics", "Training"}
    assert shown_words(case, Wording(Language.GERMAN)) & english <= STAY_ENGLISH | german_too
    assert shown_words(case, Wording(Language.CHINESE)) & english <= STAY_ENGLISH


def shown_words(case: ResultCase, wording: Wording) -> set[str]:
    """Return all words of a key image but those of the signature's notice, which is the signature's own."""
    words = words_of(case, wording)
    origin = replace(origin_of(case.seg_header, case.headers), wording=wording)
    source = source_slices([case.measurement.volume.frames[5]], case.headers)[0]
    labels = [one.label for one in _view(origin, case.measurement, 5, source).outlines]
    assert words.strip is not None
    strip = [words.strip.hot_word, words.strip.cold_word, words.strip.axis_words]
    head = [words.title, words.verdict, words.footer, words.measured_on]
    lines = [*head, *words.lines, *words.warnings, *words.details, *strip, *labels]
    return {word for line in lines for word in ENGLISH_WORDS.findall(line)}


def test_its_words_never_contradict_the_verdict() -> None:
    """Score and threshold have as many digits as tell them apart."""
    words = words_of(make_case(hot_probability=0.41226))
    assert words.verdict == "0.41226 COLD"
    assert "Hot from 0.41230 upwards" in words.lines


def test_text_becomes_shorter_before_it_becomes_too_small() -> None:
    """With many warnings it was drawn at half its size; warnings that are left out are counted."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 10, 10))
    for count in range(1, 9):
        notes = tuple(warning("text", f"A warning of many words that needs two lines, {at}") for at in range(count))
        words = words_of(replace(case, result=replace(case.result, notes=notes)))
        shown, scale = _fitting(words, [Contour("a", np.eye(9, dtype=bool), (1, 2, 3))] * 2)
        assert scale >= LEGIBLE[-1]
        warned = [line for line in shown.warnings if line.startswith("Warning")]
        assert warned
        more = re.match(r"\d+", shown.warnings[-1])
        assert len(warned) + (int(more[0]) if more else 0) == count


def test_it_shows_the_side() -> None:
    """As far as the images state it."""
    words = words_of(make_case(image_extra={"BodyPartExamined": "BREAST", "Laterality": "R"}))
    assert words.title == "Right breast - Radiomics score"
    assert words_of(make_case()).title == "Radiomics score"
