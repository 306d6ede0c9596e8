"""The words of results for people: in the site's language, with the site's names for the verdicts.

Coded meanings stay English. A sentence of a report is written as an English template; the table of a language holds its
translation, and a template without one stays English. Texts of other parts, such as quality notes, are English.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum
from importlib import resources
from typing import Annotated

from annotated_types import Ge, Le, MaxLen, MinLen

from workers.texts.letters import can_be_drawn

Word = Annotated[str, MinLen(1), MaxLen(24)]
"""A name that fits into a Series Description (64 characters) with what follows it."""


class Language(StrEnum):
    """The languages that reports can be written in."""

    ENGLISH = "en"
    GERMAN = "de"
    CHINESE = "zh"


@dataclass(frozen=True)
class Wording:
    """The language of the sentences, and the words for the verdicts."""

    language: Language = Language.ENGLISH
    hot: Word = "HOT"
    """In sentences, on the key image and in Series Descriptions."""
    cold: Word = "COLD"
    uncertain: Word = "UNCERTAIN"
    series_name: Word = "Radiomics"
    """The beginning of the Series Descriptions of reports and key image."""
    segmentation_name: Word = "Tumour and ring"
    """Series Description of the segmentation."""
    segmentation_on_all_phases: bool = False
    """Repeat the frames of the segmentation on every phase of the measured series."""
    first_series_number: Annotated[int, Ge(1), Le(99_999_999)] = 9001
    """Series Number of the summary report; the other results follow."""

    def __call__(self, template: str, **values: object) -> str:
        """Return a sentence with its values, in the language of the site."""
        return _translations(self.language).get(template, template).format(**values)

    @property
    def key(self) -> str:
        """What tells two wordings apart; empty for the default one."""
        return "" if self == ENGLISH else "|".join(map(str, astuple(self)))

    @property
    def segmentation_key(self) -> str:
        """What tells two wordings apart in a segmentation; empty for the default one."""
        return self._key_of("segmentation_name", "first_series_number")

    @property
    def feature_report_key(self) -> str:
        """What tells two wordings apart in a feature report, which refers to the segmentation."""
        return self._key_of("segmentation_name", "first_series_number", "series_name")

    def _key_of(self, *names: str) -> str:
        own, default = ("|".join(str(getattr(one, name)) for name in names) for one in (self, ENGLISH))
        return "" if own == default else own

    @property
    def on_images(self) -> "Wording":
        """The words on images: the site's own ones only where the typefaces have their letters."""
        if can_be_drawn(f"{self.hot}{self.cold}{self.uncertain}"):
            return self
        return Wording(language=self.language, series_name=self.series_name)

    @property
    def classes(self) -> Mapping[str, str]:
        """The word for each class within a sentence of an image: the site's own, or else that of the language."""
        return {
            "hot": self("hot") if self.hot == ENGLISH.hot else self.hot,
            "cold": self("cold") if self.cold == ENGLISH.cold else self.cold,
        }

    @property
    def verdicts(self) -> Mapping[str, str]:
        """The word for each verdict, by the value of its `workers.scoring.case_result.Phenotype`: own or translated."""
        default = {"hot": ENGLISH.hot, "cold": ENGLISH.cold, "uncertain": ENGLISH.uncertain}
        own = {"hot": self.hot, "cold": self.cold, "uncertain": self.uncertain}
        return {name: self(word) if word == default[name] else word for name, word in own.items()}


ENGLISH = Wording()


@functools.cache
def _translations(language: Language) -> Mapping[str, str]:
    """Return the translations by English template."""
    if language is Language.ENGLISH:
        return {}
    table = resources.files("workers.texts").joinpath("languages", f"{language}.csv").read_text(encoding="utf-8")
    return {row["english"]: row["translation"] for row in csv.DictReader(table.splitlines())}
