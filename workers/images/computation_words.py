"""Words of series descriptions, in several languages, that name a subtraction, a projection or a map."""

import re

SUBTRACTION = re.compile(
    r"(?<![a-z0-9])(subs?(?![a-z-])|substra[ckçh][^\W\d_]*|subtra[ckçh][^\W\d_]*|subtrak[^\W\d_]*|"
    r"soustra[cit]+[^\W\d_]*|sustra[cií]+[^\W\d_]*|sottra[ezt]+[^\W\d_]*|вычит\w*|субтракц\w*)"
    r"|([减減剪]影|サブトラクション|差分)",
    re.IGNORECASE,
)
PROJECTION = re.compile(
    r"(?<![a-z0-9])(m(?:in|ax)?ip(?![a-z-])|(?:max|min)(?:imum)?[ ._-]*int(?:ensity)?[ ._-]*proj[a-z]*)"
    r"|(最[大小](?:密度|信号|强度|値|值)投影)",
    re.IGNORECASE,
)
MAP = re.compile(
    r"(?<![a-z0-9])(ktrans|kep|i?au[cg]c?\d*|ttp|time[ _-]to[ _-]peak|positive[ _-]enhancement[ _-]integral|"
    r"max(?:imum)?[ _-]slope|fat[ _-]?frac[a-z]*|pdff|signal[ _-]enhancement[ _-]ratio|parametri[ck][a-z]*|"
    r"percent(?:age)?[ _-](?:of[ _-])?enhancement|synthetic|symri|virtual[ _-](?:contrast|post|[ck]m|gd)|"
    r"(?:[tr][12][*]?|b[01]|ser|pei|vp|ve|ff|adc|fat|wash[ _-]?(?:in|out)|perfusion|slope|angio|kinetics?|"
    r"enhancement|curve(?:[ _-]?type)?|cad)[ _-]?maps?)(?![a-z])",
    re.IGNORECASE,
)
MAP_IF_DERIVED = re.compile(
    r"(?<![a-z0-9])(wash[ _-]?(?:in|out)(?![ _-]*phase)|pei|ser|ms[io]|(?:colou?r[ _-]?)?map)(?![a-z])", re.IGNORECASE
)
"""Words that name a map, or a phase of the series itself: the first value of Image Type has to say DERIVED, too."""
NEGATED = re.compile(
    r"(?<![a-z])(?:no|non|not|un|without|w/?o|before|for|to|kein|ohne|vor|für|fuer|zur|pour|sans|avant|para|sin|per|"
    r"senza|sem|bez|do|для|без|до)[ ._-]*$",
    re.IGNORECASE,
)
"""What stands before a word that the images are not, or are the source of: ``dyn for subtraction``."""


def described_subtraction(description: str) -> str:
    """Return the word that names a subtraction; empty where there is none."""
    return _word(SUBTRACTION, description)


def described_projection(description: str) -> str:
    """Return the word that names a projection; empty where there is none."""
    return _word(PROJECTION, description)


def described_map(description: str, image_type: tuple[str, ...]) -> str:
    """Return the word that names a map; empty where there is none."""
    found = _word(MAP, description)
    return found or (_word(MAP_IF_DERIVED, description) if image_type[:1] == ("DERIVED",) else "")


def _word(pattern: re.Pattern[str], description: str) -> str:
    found = (match for match in pattern.finditer(description) if not _is_negated(description, match.start()))
    return next((next(filter(None, match.groups())) for match in found), "")


def _is_negated(description: str, start: int) -> bool:
    return NEGATED.search(description[max(0, start - 16) : start]) is not None
