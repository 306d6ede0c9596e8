"""Language and words of the results."""

import ast
import string
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from model_store.signatures.certainty import PredictionSet
from support.result_cases import CERTAINTY, make_case, rejected
from workers.acceptance import HEADINGS
from workers.errors import Reason
from workers.features.measured_ring import LEFT_OUT
from workers.features.measurement import LEVELS
from workers.jobs.result_objects import build_results
from workers.key_image.key_image import SHORT_DOUBTS
from workers.reports.content_items import descendants
from workers.reports.summary_report import LANGUAGE_CODES
from workers.reports.verdict_texts import CLASSES, NOT_SCORED
from workers.results.feature_words import REGIONS
from workers.results.result_roles import ResultRole
from workers.results.source_description import ACQUIRED, FRAME_NUMBERS, INSTANCE_NUMBERS, MADE
from workers.results.tracking import REGION_NAMES
from workers.scoring.case_result import Stability
from workers.scoring.signature_quality import MEASURED_BY
from workers.texts.certainty_texts import DOUBTS
from workers.texts.not_scored_reasons import REASONS
from workers.texts.remedies import REMEDIES
from workers.texts.wording import ENGLISH, Language, Wording, _translations

ROOT = Path(__file__).parents[3]
OTHERS = [language for language in Language if language is not Language.ENGLISH]
SITES = {"Breast", *(f"{side}{part}" for side in ("Left", "Right") for part in ("", " breast"))}


SAID = {"say": 0, "phrase": 0, "warning": 1, "Note": 2}
"""Position of the template among the arguments of these calls."""


def templates() -> set[str]:
    """Return every English text that is put into words: literals of the code, and the tables of texts."""
    found = set(literals(ROOT / "workers"))
    tables = (DOUBTS, REMEDIES, CLASSES, MEASURED_BY, SHORT_DOUBTS, HEADINGS, LEVELS, LEFT_OUT, REGION_NAMES, REGIONS)
    found |= {text for table in tables for text in table.values()}
    found |= {text for pair in (INSTANCE_NUMBERS, FRAME_NUMBERS, ACQUIRED, MADE) for text in pair}
    found |= {code.meaning for code in REASONS.values()} | {ENGLISH.hot, ENGLISH.cold, ENGLISH.uncertain}
    return found | {*map(str, PredictionSet), NOT_SCORED, *SITES}


def literals(folder: Path) -> Iterator[str]:
    """Yield the first arguments of all calls of a wording and of phrases, and the headings of notes."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (name := getattr(node.func, "id", "")) in SAID:
                for argument in node.args[SAID[name] :][:1]:
                    yield from texts(argument)
                for keyword in node.keywords:
                    if keyword.arg == "heading":
                        yield from texts(keyword.value)


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts of a literal, or of both branches of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def names(template: str) -> list[str]:
    """Return the names of a template's values."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: Language) -> None:
    """No sentence without a translation, no translation of a sentence that is gone, and the same values in both."""
    table = _translations(language)
    assert set(table) == templates()
    assert [english for english, other in table.items() if names(english) != names(other)] == []


@pytest.mark.parametrize(
    ("language", "words"), [(Language.GERMAN, "der Radiomics-Score ist"), (Language.CHINESE, "影像组学评分为")]
)
def test_a_report_is_translated(language: Language, words: str) -> None:
    """Sentences in the site's language, coded meanings in English, and the language coded."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 9, 10))
    wording = Wording(language)
    report = build_results(case.result, case.seg_header, case.measurement, wording=wording)[ResultRole.SUMMARY_REPORT]
    items = list(descendants(report))
    first = next(item for item in items if item.ValueType == "TEXT")
    assert words in first.TextValue
    meanings = {str(item.ConceptCodeSequence[0].CodeMeaning) for item in items if item.ValueType == "CODE"}
    assert {"UNCERTAIN (hot or cold)", LANGUAGE_CODES[wording.language].meaning} <= meanings
    refused = build_results(rejected(Reason.SINGLE_SLICE), case.seg_header, None, wording=wording)
    english = build_results(rejected(Reason.SINGLE_SLICE), case.seg_header, None)
    assert refused[ResultRole.SUMMARY_REPORT].to_json() != english[ResultRole.SUMMARY_REPORT].to_json()


def test_names_and_numbers_of_the_site_are_used() -> None:
    """Verdict, Series Descriptions and Series Numbers; another wording is another object."""
    wording = Wording(hot="inflamed", series_name="AI", segmentation_name="AI regions", first_series_number=500)
    case = make_case()
    own = build_results(case.result, case.seg_header, case.measurement, wording=wording)
    default = build_results(case.result, case.seg_header, case.measurement)
    assert [str(own[role].SeriesDescription) for role in ResultRole] == [
        "AI regions",
        "AI key image",
        "AI features (958)",
        "AI 0.731 inflamed",
    ]
    assert {int(one.SeriesNumber) for one in own.values()} == {500, 501, 502, 503}
    assert all(own[role].SOPInstanceUID != default[role].SOPInstanceUID for role in ResultRole)


def test_images_have_no_letters_that_their_typefaces_lack() -> None:
    """They would be drawn as boxes: the words of the language stand there. Chinese has a typeface of its own."""
    for words in (
        Wording(Language.CHINESE),
        Wording(Language.CHINESE, hot="炎症型"),
        Wording(Language.GERMAN, hot="heiß"),
    ):
        assert words.on_images == words
    thai = Wording(Language.GERMAN, hot="ร้อน", series_name="AI")
    assert thai.on_images == Wording(Language.GERMAN, series_name="AI")


def test_every_change_of_a_word_has_a_key_of_its_own() -> None:
    """Two wordings never give one UID."""
    changes = {"language": Language.GERMAN, "first_series_number": 1}
    keys = {replace(ENGLISH, **{one.name: changes.get(one.name, "other")}).key for one in fields(Wording)}
    assert len(keys) == len(fields(Wording))
    assert ENGLISH.key == ""
