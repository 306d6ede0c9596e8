"""Which segment is the tumour: rules, codes, labels, and what viewers write by default."""

import pytest
from pydicom import Dataset

from workers.errors import Reason, RejectedInput
from workers.outline.segment_choice import choose_segments
from workers.outline.segment_rules import SegmentRole, SegmentRule, SegmentRules

TISSUE, TISSUE_SRT, CONNECTIVE = "SCT 85756007 Tissue", "SRT T-D0050 Tissue", "SCT 21793004 Connective tissue"
NEOPLASM, BREAST, VESSEL = "SCT 108369006 Neoplasm", "SCT 76752008 Breast", "SCT 59820001 Blood vessel"


def segment(number: int, kind: str, label: str = "Segment 1") -> Dataset:
    """Return an item of the Segment Sequence; ``kind`` is scheme, value and meaning of its type."""
    item, code = Dataset(), Dataset()
    item.SegmentNumber, item.SegmentLabel = number, label
    code.CodingSchemeDesignator, code.CodeValue, code.CodeMeaning = kind.split(" ", 2)
    item.SegmentedPropertyTypeCodeSequence = [code]
    return item


def chosen(*segments: tuple[str, str], rules: SegmentRules | None = None) -> tuple[list[int], set[int], bool]:
    """Return tumours, other tissue, and whether there is a note; the segments are type and label, numbered from 1."""
    items = [segment(number, *one) for number, one in enumerate(segments, start=1)]
    found = choose_segments(items, rules or SegmentRules(), "1.2.3")
    return [int(item.SegmentNumber) for item in found.tumours], set(found.other_tissue_numbers), bool(found.notes)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([(NEOPLASM, "x")], ([1], set(), False)),
        ([("SRT M-8FFFF Neoplasm", "x")], ([1], set(), False)),
        ([("SRT M-85003 Infiltrating duct carcinoma", "x")], ([1], set(), False)),
        ([("UMLS C0006826 Malignant Neoplasm", "x")], ([1], set(), False)),
        ([("NCIt C4872 Breast Carcinoma", "x")], ([1], set(), False)),
        ([("ICDO3 8500/3 Infiltrating duct carcinoma", "x")], ([1], set(), False)),
        ([("I10 C50.4 Malignant neoplasm of upper-outer quadrant", "x")], ([1], set(), False)),
        ([("SCT 999999 Some rare carcinoma of breast", "x")], ([1], set(), True)),
        ([(TISSUE, "tumor")], ([1], set(), True)),
        ([(TISSUE_SRT, "Tumor")], ([1], set(), True)),
        ([(TISSUE_SRT, "Segment 1")], ([1], set(), True)),
        ([(CONNECTIVE, "Segment_1")], ([1], set(), True)),
        ([("99MIM 12 Contour", "roi")], ([1], set(), True)),
        ([(BREAST, "Breast"), (TISSUE, "Lesion 1")], ([2], set(), True)),
        ([(TISSUE, "breast"), (TISSUE, "breast cancer left"), (TISSUE, "vessel")], ([2], {3}, True)),
        ([(NEOPLASM, "a"), (TISSUE, "tumor"), (VESSEL, "v")], ([1], {3}, False)),
        ([(TISSUE, "tumor 1"), (TISSUE, "tumor 2")], ([1, 2], set(), True)),
        ([(TISSUE, "Lesion No. 1"), (TISSUE, "Lesion no 2")], ([1, 2], set(), True)),
        ([(TISSUE, "ring-enhancing lesion")], ([1], set(), True)),
    ],
)
def test_the_tumour_is_told_by_code_then_by_label(
    segments: list[tuple[str, str]], expected: tuple[list[int], set[int], bool]
) -> None:
    """Codes outweigh labels; a single segment that nothing contradicts is the tumour; a note says what no code says."""
    assert chosen(*segments) == expected


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (BREAST, "tumor"),
        (VESSEL, "x"),
        (TISSUE, "Breast"),
        (TISSUE, "Axillary lymph node"),
        (TISSUE, "peritumoral ring"),
        (TISSUE, "tumor rim"),
        (TISSUE, "Tumorrand"),
        (TISSUE, "Tumorbett"),
        (TISSUE, "nicht Tumor"),
        (TISSUE, "lit tumoral"),
        (TISSUE, "normal tissue"),
        (TISSUE, "whole breast minus tumour"),
        (TISSUE, "Tumor-free breast"),
        (TISSUE, "tumorfreies Gewebe"),
        (TISSUE, "tumor mirrored"),
        ("SCT 10200004 Liver", "Segment 1"),
        ("SCT 64033007 Kidney", "Segment 1"),
        ("SCT 14799000 Neoplasm, Secondary", "Segment 1"),
        ("99MIM 12 Prostate", "roi"),
        ("99MIM 12 Granuloma", "roi"),
        ("SCT 254845004 Fibroadenoma", "tumor"),
        ("ICDO3 9010/0 Fibroadenoma, NOS", "tumor"),
        ("ICD10 D24.1 Benign neoplasm of right breast", "Segment 1"),
    ],
)
def test_what_contradicts_a_tumour_is_refused(kind: str, label: str) -> None:
    """The message names the label and code that were found, and the setting to change."""
    with pytest.raises(RejectedInput, match=f"'{label}'.*{kind.split(' ')[1]}.*segment_rules") as refused:
        chosen((kind, label))
    assert refused.value.reason is Reason.NO_TUMOUR_SEGMENT


@pytest.mark.parametrize(
    ("tumour", "breast", "vessel"),
    [
        ("Tumor links", "Brustgewebe", "Gefäße"),
        ("tumeur", "sein gauche", "vaisseaux"),
        ("lesione", "seno", "vasi"),
        ("nódulo", "mama", "vaso"),
        ("svulst", "bryst", "vessel"),
        ("knobbel", "borst", "bloedvat"),
        ("guz", "pierś", "naczynia"),
        ("опухоль", "молочная железа", "сосуды"),
        ("肿块", "乳腺", "血管"),
        ("腫瘤", "乳房", "血管"),
        ("がん", "乳房", "血管"),
        ("종양", "유방", "혈관"),
    ],
)
def test_labels_are_read_in_the_languages_of_hospitals(tumour: str, breast: str, vessel: str) -> None:
    """OHIF and 3D Slicer code all three as Tissue: the label alone tells them apart."""
    assert chosen((TISSUE, breast), (TISSUE, tumour), (TISSUE, vessel)) == ([2], {3}, True)


ORGANS = """
Leber foie fegato hígado wątroba печень 肝臓 Lunge poumon Herz cœur 心脏 Niere почка Prostata Lymphknoten węzły 淋巴结
Zyste kyste киста 囊肿 Brustwand peau 皮肤 pierś 乳房 prsa Fettgewebe
"""
NO_TUMOURS = (*ORGANS.split(), "ganglion axillaire", "tumor bed", "молочная железа", "keine Läsion")


@pytest.mark.parametrize("label", NO_TUMOURS)
def test_an_organ_in_any_of_these_languages_is_no_tumour(label: str) -> None:
    """A single segment coded Tissue would be taken for the tumour, and a liver would get a score."""
    with pytest.raises(RejectedInput) as refused:
        chosen((TISSUE, label))
    assert refused.value.reason is Reason.NO_TUMOUR_SEGMENT


@pytest.mark.parametrize(
    "label",
    ["non-mass enhancement", "Non mass lesion", "NME", "abnormal area", "Mamma-Ca", "lump", "Herd re", "nodule"],
)
def test_a_lesion_whose_name_resembles_a_negation_is_one(label: str) -> None:
    """BI-RADS calls a lesion non-mass enhancement; abnormal is not normal."""
    assert chosen((TISSUE, label)) == ([1], set(), True)


NAMED_OTHERWISE = """
scar|LN|SLN level I|benign lesion|probably benign mass|fibroadenoma|FA|cystic lesion|clip|necrosis|fat necrosis|abscess|
artifact|surgical cavity|control region|AIF|biopsy site|mastitis|tumor necrosis|no residual tumor|CTV|lesion scar|
Narbe|OP-Narbe|LK axillär|gutartige Läsion|benigner Herd|Fibroadenom|Nekrose|Hämatom|Clip|Drüsenkörper|Milchgang|
cicatrice|lésion bénigne|pas de tumeur|nécrose|adénopathie|lesione benigna|ematoma|cicatriz|lesión benigna|sin tumor|
lesão benigna|litteken|goedaardige laesie|geen tumor|godartet svulst|ärr|arpi|blizna|zmiana łagodna|jizva|benigní léze|
nyirokcsomó|jóindulatú daganat|iyi huylu tümör|καλοήθης όγκος|рубец|доброкачественное образование|некроз|рубець|
доброякісна пухлина|良性肿块|瘢痕|坏死|纤维腺瘤|良性腫瘤|線維腺腫|양성 종양|섬유선종|ورم حميد|ندبة|Kowalska|xyz|
BI-RADS 2|BIRADS_3 lesion|mass (BI-RADS category 3)
"""


@pytest.mark.parametrize("label", [one.strip() for one in NAMED_OTHERWISE.split("|")])
def test_a_single_segment_with_another_name_is_not_taken_for_the_tumour(label: str) -> None:
    """Its label says what it is, or something that no table knows: earlier versions scored it with a note."""
    with pytest.raises(RejectedInput, match="segment_rules") as refused:
        chosen((TISSUE, label))
    assert refused.value.reason is Reason.NO_TUMOUR_SEGMENT


QUALIFIED = """
cancer, no LN involvement|carcinoma LN negative|IDC, node-negative|tumor without necrosis|lesion with necrosis|
necrotic tumor|tumor incl. clip|mass near scar|tumor 3 cm from the nipple|cancer with skin invasion|
solid-cystic mass|carcinoma in a fibroadenoma|intracystic carcinoma|Tumor ohne LK|Tumor neben Clip|Karzinom mit Nekrose|
tumeur sans ganglion|kanker|læsion|lesjon|syöpä|rak|karcinom|daganat|kitle|καρκίνος|злокачественное|恶性|悪性|악성|
سرطان|BI-RADS 4, 2 cm|BIRADS 4a lesion
"""


@pytest.mark.parametrize("label", [one.strip() for one in QUALIFIED.split("|")])
def test_a_tumour_may_be_named_with_what_lies_beside_it(label: str) -> None:
    """What is not there, or not in the outline, contradicts nothing."""
    assert chosen((TISSUE, label)) == ([1], set(), True)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "1",
        "Segment_1",
        "ROI-2",
        "left",
        "Seg 3 rechts",
        "L1",
        "new segment",
        "Untitled",
        "Maske",
        "区域1",
        "12 o'clock",
    ],
)
def test_a_default_name_a_side_or_a_number_says_nothing(label: str) -> None:
    """Then the only segment is the tumour, as a note says."""
    assert chosen((TISSUE, label)) == ([1], set(), True)


def test_a_label_that_nobody_knows_does_not_leave_the_other_one_as_the_tumour() -> None:
    """It may be the tumour itself."""
    with pytest.raises(RejectedInput, match=r"'Kowalska'.*no known word"):
        chosen((TISSUE, "Segment 1"), (TISSUE, "Kowalska"))


def test_a_benign_lesion_beside_the_tumour_is_left_out_of_its_ring() -> None:
    """Neither is it scored."""
    assert chosen((NEOPLASM, "tumor"), ("SCT 254845004 Fibroadenoma", "b")) == ([1], {2}, False)


def test_a_rule_may_take_labels_of_a_sites_own() -> None:
    """Such as the initials of who drew the outline."""
    assert chosen((TISSUE, "Kowalska"), rules=SegmentRules((SegmentRule(SegmentRole.TUMOUR, label="*"),))) == (
        [1],
        set(),
        False,
    )


def test_segments_that_say_nothing_are_not_guessed_among() -> None:
    """Two unnamed segments: either may be the tumour."""
    with pytest.raises(RejectedInput, match=r"segment 1 .*segment 2"):
        chosen((TISSUE, "Segment 1"), (TISSUE, "Segment 2"))


def test_the_rules_of_the_site_come_first() -> None:
    """By sender, code, label or number; the first row that fits."""
    rows = (
        SegmentRule(SegmentRole.IGNORED, label="old*"),
        SegmentRule(SegmentRole.TUMOUR, code="99SITE T*", sender="WS3"),
        SegmentRule(SegmentRole.OTHER_TISSUE, segment_number=2),
    )
    segments = [("99SITE T1 Something", "a"), (NEOPLASM, "b"), (NEOPLASM, "Old outline")]
    assert chosen(*segments, rules=SegmentRules(rows, "WS3")) == ([1], {2}, False)
    assert chosen(("99SITE T1 Breast", "a"), rules=SegmentRules(rows, "WS3")) == ([1], set(), False)
    with pytest.raises(RejectedInput):
        chosen(("99SITE T1 Breast", "a"), rules=SegmentRules(rows, "WS4"))


def test_a_row_for_every_segment_is_refused() -> None:
    """A rule needs a criterion."""
    with pytest.raises(ValueError, match="expected a code, a label or a segment_number"):
        SegmentRule(SegmentRole.TUMOUR, sender="WS3")
