"""Names of features in sentences, in words that a radiologist can read."""

import re

from workers.features.regions import Region
from workers.results.feature_codes import feature_concept
from workers.texts.wording import ENGLISH, Wording

COLUMN = re.compile(
    r"\b(tumour|ring)_((?:original|(?:ibsi-)?log-sigma-\d+-\d+-mm-3D|wavelet-[LH]+)_[a-z]+_[A-Za-z0-9]+)"
)
REGIONS = {Region.TUMOUR.value: "Tumour", Region.RING.value: "Ring"}


def column_words(column: str, say: Wording = ENGLISH) -> str:
    """Return the name of a column, such as ``Ring, Contrast of GLCM, LoG 2 mm``; features have English names only."""
    region, feature = column.split("_", 1)
    return f"{say(REGIONS[region])}, {feature_concept(feature).text}"


def in_words(text: str) -> str:
    """Return a text with each column's name in words; a column that is not known stays as it is."""
    return COLUMN.sub(_words, text)


def _words(match: re.Match[str]) -> str:
    try:
        return f'"{column_words(match[0])}"'
    except ValueError:
        return match[0]
