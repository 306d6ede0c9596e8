"""Words of series descriptions, in several languages, that name another technique than a contrast series."""

import re

_LOCALIZERS = (
    r"lo[ck]ali[sz](?:er|ator|ador|zatore|ateur)|scout|survey|(?:3|three)[ _-]?pl(?:anes?)?|übersicht|uebersicht|"
    r"rep[ée]rage|локал(?:айзер|изатор)"
)
_CALIBRATIONS = (
    r"calibration|kalibration|(?:asset|coil|array)[ _-]*cal|(?:sense|coil)[ _-]*ref|(?:ref(?:erence)?|noise)[ _-]?scan"
)
_OTHERS = (
    rf"adc|dwi|stir|flair|{_LOCALIZERS}|{_CALIBRATIONS}|mre|elastogra[fp][a-z]*|"
    r"silicone?(?![ _-]*(?:sat|sup|null|impl))"
)
_WITHOUT_SPACES = r"[弥彌扩擴拡]散|확산|定位|位置決め|校准"
"""In Chinese, Japanese and Korean, words stand next to each other."""
OTHER_DESCRIPTIONS = re.compile(
    r"(?<![a-z0-9])(diffusion[a-z]*|difus(?:i[óo]n|[ãa]o)|dyfuzj[a-z]*|диффуз\w*|дви|"
    r"diff(?=.{0,64}(?<![a-z])(?:adc|dti|mddw|b ?\d|\d+ ?dir))|"
    rf"[de]adc|ep2d|epi|tracew?|resolve|b ?\d{{2,4}}|haste|t2(?:w|\*)?|{_OTHERS})(?![a-z0-9])|({_WITHOUT_SPACES})",
    re.IGNORECASE,
)
"""``diff`` alone may be a difference, or the second of two variants of a protocol."""
OTHER_GRADIENT_ECHOES = re.compile(
    r"(?<![a-z0-9])(tof|swip?|swan|qsm|trufi|fiesta|ciss|dess|bold|p?c?asl|t2(?:w|\*)?(?![ _-]*prep)|csi|svs|mrs|"
    rf"spectroscop[a-z]*|{_OTHERS})(?![a-z0-9])|({_WITHOUT_SPACES})",
    re.IGNORECASE,
)
"""Of other gradient echoes, and of techniques that a gradient echo may serve."""
FITTING = re.compile(r"t1|dyn|dce|contrast|gad|vibe|thrive|vibrant|flash|spgr", re.IGNORECASE)


def described_technique(description: str, *, is_gradient_echo: bool) -> str:
    """Return the word that names another technique; empty where there is none, or another word names a fitting one."""
    found = None if is_gradient_echo else OTHER_DESCRIPTIONS.search(description)
    found = found or OTHER_GRADIENT_ECHOES.search(description)
    return "" if found is None or FITTING.search(description) else found[1] or found[2]
