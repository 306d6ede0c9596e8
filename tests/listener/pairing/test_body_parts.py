"""Whether headers show another part of the body, in the languages that hospitals write."""

import pytest
from pydicom import Dataset

from listener.pairing.body_parts import other_body_part


def study(description: str) -> Dataset:
    """Return a header with this Study Description."""
    header = Dataset()
    header.StudyDescription = description
    return header


@pytest.mark.parametrize(
    "description",
    [
        "MR PROSTATE W WO",
        "MRT Schädel nativ",
        "MRT der Leber",
        "IRM cérébrale",
        "IRM hépatique foie",
        "RM próstata multiparamétrica",
        "RM de rodilla derecha",
        "RM colonna lombare",
        "MR głowy, mózg",
        "головного мозга",
        "печени",
        "头颅平扫",
        "前列腺 MR",
        "MR 肝臓",
        "Herz-MRT",
        "Herzzentrum MRT Herz",
        "MRT Leber, Herz-Jesu-Krankenhaus",
        "Brainlab brain",
        "pelvis, pelvis coil",
        "MRI heart",
        "MR colon",
        "colonic transit",
        "Nebennieren MRT",
        "Fettleber",
        "IRM CRANE",
        "RM hombro",
        "MR ovarian",
        "MRT Becken",
        "MRT Kopf nativ",
        "MRT Oberbauch",
        "IRM encéphale",
        "IRM hépatique",
        "RM cabeza",
        "RM encefalo",
        "头部平扫",
        "снимок мозга",
    ],
)
def test_another_organ_is_told_in_any_of_these_languages(description: str) -> None:
    """A routing rule for all segmentations also sends these: no report is written into their study."""
    assert other_body_part([study(description)])


MORE_PARTS = """
MRI thigh left|MR forearm|MRI chest|MR thorax|MRCP|MR enterography|MRA carotid|C-spine|lumbar|
sacrum|whole body MRI|TMJ|MRI hand|MR aorta|bone marrow|HWS|MR BWS nativ|LWS|MRT LWS KM|MRT Thorax|
Oberschenkel|MRT Hand rechts|Fuß|Ellenbogen|MRT ISG|Halsweichteile|MRT Hals|Hypophyse|NNH|cMRT|
Pankreas|Gallenwege|MR Sellink|Hoden|Brustwirbelsäule|Kniegelenk|Schultergelenk re|IRM cuisse|
IRM main droite|genou|IRM coude|rachis lombaire|bili-IRM|entéro-IRM|pancréas|poumon|IRM cou|
RM coscia|caviglia|gomito|rachide cervicale|addome|torace|colangio-RM|bacino|muslo|tobillo|
columna lumbar|RM tórax|cuello|senos paranasales|colangiorresonancia|riñones|coxa|tornozelo|joelho|
quadril|pescoço|abdome|pulmão|bovenbeen|schouder|heup|LWK|buik|alvleesklier|lår|skulder|knæ|hjerne|
bröstrygg|ländrygg|njurar|hjärta|polvi|lanneranka|aivot|rintakehä|kolano|MR bark|
kręgosłup lędźwiowy|klatka piersiowa|miednica|koleno|páteř|játra|térd|gerinc|mellkas|has|omuz|
servikal|karaciğer|γόνατο|ΟΜΣΣ|εγκέφαλος|бедро|поясничный отдел|грудной отдел позвоночника|
органы грудной клетки|ШОП|МРХПГ|малый таз|коліно|хребет|печінка|膝关节|腰椎|盆腔|胸部|股関節|骨盤|膵臓|어깨|요추|상복부|
الركبة|العمود الفقري
"""


@pytest.mark.parametrize("description", [one.strip() for one in MORE_PARTS.split("|")])
def test_joints_spine_limbs_and_chest_are_told_as_radiographers_write_them(description: str) -> None:
    """With modality, side and contrast: abbreviations, and words for a chest that begin like those for a breast."""
    assert other_body_part([study(description)])


CHESTS = """
MR CHEST|MRI chest w wo|MRT Thorax|MRT Brustkorb|RM tórax|RM torace|MR borstkas|rintakehä|klatka piersiowa|mellkas|
hrudník|toraks MR|θώρακας|органы грудной клетки|胸部 MRI|흉부
"""


@pytest.mark.parametrize("description", [one.strip() for one in CHESTS.split("|")])
@pytest.mark.parametrize(
    ("keyword", "value", "is_told"),
    [
        ("ReceiveCoilName", "L BREAST", False),
        ("ReceiveCoilName", "Breast_18", False),
        ("ReceiveCoilName", "SENSE-Mamma-7", False),
        ("PatientPosition", "HFP", False),
        ("PatientPosition", "FFP", False),
        ("ReceiveCoilName", "8CH CARDIAC", True),
        ("ReceiveCoilName", "Body_18", True),
        ("PatientPosition", "HFS", True),
        ("PatientPosition", "HFDR", True),
    ],
)
def test_a_chest_in_a_breast_coil_or_prone_may_be_a_breast(
    description: str, keyword: str, value: str, is_told: bool
) -> None:
    """Where a scanner or a worklist has no breast among its parts of the body, the nearest one is the chest."""
    header = study(description)
    setattr(header, keyword, value)
    assert bool(other_body_part([header])) is is_told


@pytest.mark.parametrize(
    "description", ["MRI heart", "Herz-MRT", "MR lung", "MRT BWS", "MR thoracic spine", "MRI chest, mediastinum"]
)
def test_other_organs_are_told_however_the_patient_lay(description: str) -> None:
    """Coil and position speak of a breast against the word chest alone."""
    header = study(description)
    header.PatientPosition, header.ReceiveCoilName = "HFP", "BREAST"
    assert other_body_part([header])


@pytest.mark.parametrize("description", ["MRT Kopf, KM kann erforderlich sein", "Knie nativ, KM moeglich sein"])
def test_a_german_verb_is_no_french_breast(description: str) -> None:
    """The word sein is "to be" in German."""
    assert other_body_part([study(description)])


NO_PARTS = """
Mamma/Axilla/Thorax|Mamma Thoraxwand|Thoraxklinik Heidelberg|Thoraxzentrum Ruhrgebiet|
Thorax-Klinik dyn|chest wall|National Chest Hospital|Herz- und Lungenklinik|LungenClinic|
LWS Klinik Damp|Hand in Hand Klinik|T1 hand shift|body coil|whole body coil|chest coil|
Frankfurt am Main|Main-Taunus|Praxis Dr. Arm|Blasewitz|arms down|fat arm|St. Gallen|epigastric|
Sinus rhythm|finger pulse|Kinn|Kniepert|Rückenlage|long TE|contrast lag|Staging Mammakarzinom|
AX T1 VIBRANT|BI-RADS 5|emlő MR|meme MR|прицельно молочные железы|грудь|الثدي|rintojen MRI|prsa|
μαστός, θώρακας|second hand scanner|face up
"""


@pytest.mark.parametrize("description", [one.strip() for one in NO_PARTS.split("|")])
def test_names_of_hospitals_coils_and_positions_are_no_evidence(description: str) -> None:
    """Nor short words of another language within a description, nor a breast with its surroundings."""
    assert other_body_part([study(description)]) == ""


@pytest.mark.parametrize(
    "description",
    [
        "MR BREAST BILATERAL",
        "MRT Mamma, Leber mit abgebildet",
        "IRM des seins",
        "RM mama bilateral",
        "MR borst",
        "MR piersi",
        "молочных желез",
        "乳腺 MR 增强",
        "乳房 MRI",
        "유방 MRI",
        "RM mamas, pelvis",
        "RM mamaria, cráneo",
        "RM mammella, fegato",
        "RM senos, hígado",
        "Herzzentrum MRT",
        "CHU Sacré-Cœur",
        "Ospedale Sacro Cuore",
        "T1 dyn Bauchlage",
        "Kopf voran, Kopf-Hals-Spule",
        "Sacred Heart dyn",
        "Liverpool dyn T1",
        "Novartis trial",
        "DCE dynamic",
        "Herz-Jesu dyn",
        "Herz Jesu Krankenhaus",
        "Herz- und Diabeteszentrum",
        "Lungenklinik",
        "Dr. Kleber",
        "colonia",
        "Cologne",
        "Colonial Radiology",
        "Brainlab",
        "Braintree MRI",
        "pelvis coil",
        "spine coil",
        "body coil",
        "HEAD_NECK_COIL, Spine Matrix",
        "antenne rachis",
        "Kniespule",
        "Heart and Lung Institute",
        "National Heart Hospital",
        "Heartland",
        "Livermore",
        "Beckenham",
        "Vukovar",
        "Spallanzani",
        "derniere injection",
        "Radiologie und Neuroradiologie",
        "Herzogenaurach",
        "arms over head",
        "Great Neck",
        "Hilton Head",
        "电脑 dyn",
    ],
)
def test_a_breast_anywhere_or_nothing_is_no_evidence(description: str) -> None:
    """A term for the breast outweighs every other; without any term, nothing is known."""
    assert other_body_part([study(description)]) == ""
