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
