"""Words of descriptions and labels, in several languages, that name a breast or another part of the body."""

import re

BREAST = re.compile(
    r"breast|mamm[aeo]|mamas?\b|mam[aá]ri|mamogra|brust|brüst|\bsein|senos?\b|\bborst|bryst|bröst|pierś|piersi|"
    r"молочн|груд|乳|유방",
    re.IGNORECASE,
)
OTHER_BODY_PART = re.compile(
    r"prostat|\bliver(?!pool|more|y)|hepat|brain|cerebr|\bhead\b(?!.first)|skull|\bneck\b|spine|knee(?!l)|\bhip\b|shoulder|\bankle|\bfoot\b(?!.first)|"
    r"wrist|elbow|pelvi|kidney|renal|pancrea|bladder|uter(?:us|ine)|cervix|(?:\b|tubo)ovar|rect(?:um|al)|\bcolon(?!i[ae]|y|el)|bowel|spleen|"
    r"abdom|glio(?:ma|blast)|\bneuro(?!fib|radio)|brats|"
    r"\bheart(?!land|h)|cardiac|\beye\b|orbit|extremit|\bleg\b|femur|tibia|thyroid|\blung(?!au|ern)|pituitar|"
    r"gehirn|sch(?:ä|ae)del|(?<![gk])leber|(?:\b|neben|plantats?)niere|becken(?!ham)|schulter|wirbels|\bknie|hüfte|\bherz(?!og|berg|l[iy])|"
    r"c[ée]r[ée]br|\bcr[âa]ne(?![a-z])|\bfoie|\brachis|\bgenou|[ée]paule|\bhanche|\bbassin|"
    r"pr[óo]stat|h[íi]gado|f[íi]gado|fegato|cr[áa]neo|cr[âa]nio|columna|coluna|colonna|rodilla|joelho|ginocchio|\bh?ombro|spalla(?!nz)|"
    r"wątrob|mózg|czaszk|kręgos|kolan|miednic|голов|печен|позвон|колен|простат|почк|"
    r"\bkopf(?!spul|lage|teil|ende| voran| zuerst)|\bhirn(?!holz)|\bbauch(?!lag|sp|at)|oberbauch|rektum|"
    r"\bt[êe]te\b(?! premi)|enc[ée](?:phal|fal)|\bcabeza\b(?! prim)|cervello|hersenen|\bhoofd\b|мозг|h[ée]pati|"
    r"vessie|vejiga|vescica|\bc(?:œ|oe)ur\b|\bcuore\b|coraz[óo]n|cardia(?:que|co)|pharynx|larynx|parotis|schilddr|"
    r"handgelenk|sprunggelenk|\bcheville|\bpoignet|"
    r"ileosakral|iliosakral|sacroil|placent|plazent|f(?:o)?etal|头部|頭部|颈部|头颅|颅脑|(?<!电)脑|脳|肝|腹部|心脏|心臓|前列腺|骨盆|膝|肩|椎|肾|腎",
    re.IGNORECASE,
)
NO_BODY_PART = re.compile(
    r"(?:\b(?:head|neck|spine|pelvi[sc]|abdom\w*|knee|cardiac|heart|shoulder|wrist|ankle|foot|hip|extremity|leg)"
    r"[ /+&-]{0,3}){1,4}(?:coils?|array|matrix|spule)\b|"
    r"\b(?:knie|schulter|becken|leber|herz|wirbels(?:ä|ae)ulen?)[ -]?spule|"
    r"\b(?:antenne|antena|bobina)[ -](?:d[ei] )?\w+|"
    r"(?:\b(?:heart|cardiac|brain|neuro|head|neck|spine|eye|ear|lung)\b"
    r"(?: and | ?& ?|[ /-])?){1,4}(?:hospital|cent(?:er|re)|institute)\b|"
    r"\b(?:herz|lungen|leber|nieren|prostata|schulter|knie|wirbels(?:ä|ae)ulen|becken(?:boden)?)"
    r"[ -]?(?:zentr|klinik)\w*|"
    r"\bsacr[ée][ -]c(?:œ|oe)ur|\bsacro cuore|\bsagrado coraz[óo]n|\bkopf[ -/]hals[ -]?spule|"
    r"\bherz-? und \w+zentrum|\bherz[ -]?(?:jesu|mari)\w*|\b(?:sacred|immaculate).heart|"
    r"\bbrain(?:lab|tree|erd)|\bhilton head|\b(?:great|little) neck|\b(?:over|above)[ -](?:the )?head|"
    r"\bbassin (?:d.arcachon|de thau|minier|parisien)",
    re.IGNORECASE,
)
"""Names of coils, hospitals, places and products that hold the name of a body part."""


def find_other_body_part(described: str) -> re.Match[str] | None:
    """Return the first word for another part of the body than the breast; it is found in the match's ``string``."""
    return OTHER_BODY_PART.search(NO_BODY_PART.sub(" ", described.replace("_", " ")))
