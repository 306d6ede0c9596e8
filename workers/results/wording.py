"""The words of results for people: in the site's language, with the site's names for the verdicts.

Coded meanings stay English. A sentence of a report is written as an English template; the table of a language holds its
translation, and a template without one stays English. Texts of other parts, such as quality notes, are English.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from pydicom.sr.coding import Code

from workers.scoring.case_result import Phenotype


class Language(StrEnum):
    """The languages that reports can be written in."""

    ENGLISH = "en"
    GERMAN = "de"
    CHINESE = "zh"


CODES = {
    Language.ENGLISH: Code("en-US", "RFC5646", "English (United States)"),
    Language.GERMAN: Code("de-DE", "RFC5646", "German (Germany)"),
    Language.CHINESE: Code("zh-CN", "RFC5646", "Chinese (China)"),
}


@dataclass(frozen=True)
class Wording:
    """The language of the sentences, and the words for the verdicts."""

    language: Language = Language.ENGLISH
    hot: str = "HOT"
    """In sentences, on the key image and in Series Descriptions."""
    cold: str = "COLD"
    uncertain: str = "UNCERTAIN"

    def __call__(self, template: str, **values: object) -> str:
        """Return a sentence with its values, in the language of the site."""
        return _translations(self.language).get(template, template).format(**values)

    @property
    def key(self) -> str:
        """What tells two wordings apart; empty for the default one."""
        return "" if self == ENGLISH else f"{self.language}|{self.hot}|{self.cold}|{self.uncertain}"

    @property
    def verdicts(self) -> Mapping[Phenotype, str]:
        """The word for each verdict."""
        return {Phenotype.HOT: self.hot, Phenotype.COLD: self.cold, Phenotype.UNCERTAIN: self.uncertain}

    @property
    def code(self) -> Code:
        """The language as a coded concept (RFC 5646)."""
        return CODES[self.language]


ENGLISH = Wording()


@functools.cache
def _translations(language: Language) -> Mapping[str, str]:
    """Return the translations by English template."""
    if language is Language.ENGLISH:
        return {}
    table = resources.files("workers.results").joinpath("languages", f"{language}.csv").read_text(encoding="utf-8")
    return {row["english"]: row["translation"] for row in csv.DictReader(table.splitlines())}
