"""What headers say against a phase of a breast's contrast series."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from model_store.signatures.acceptance import Criterion
from workers.acceptance import DEFAULT, Acceptance
from workers.errors import Reason, RejectedInput
from workers.images.technique import other_technique, technique_objections
from workers.notes import Severity


def check_technique(image: Dataset, frame_number: int | None = None) -> None:
    """Judge an image by the default contract."""
    assert DEFAULT.judge(technique_objections(image, frame_number)) == ()


ORIGINAL = ["ORIGINAL", "PRIMARY", "OTHER"]


def header(**attributes: Any) -> Dataset:
    """Return a classic image's header."""
    dataset = Dataset()
    dataset.SeriesInstanceUID = "1.2.3"
    for keyword, value in {"ImageType": ORIGINAL, **attributes}.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    """Return the only item of a sequence of codes."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return [item]


def species(value: str, meaning: str) -> list[Dataset]:
    """Return the only item of Patient Species Code Sequence."""
    return code(value, "SCT", meaning)


def in_units(unit: str, meaning: str) -> list[Dataset]:
    """Return the only item of Real World Value Mapping Sequence."""
    item = Dataset()
    item.MeasurementUnitsCodeSequence = code(unit, "UCUM", meaning)
    return [item]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"ImageType": ""},
        {"ScanningSequence": "GR", "EchoTime": "2.4", "BodyPartExamined": "BREAST"},
        {"ScanningSequence": "RM", "EchoTime": "4.2", "SeriesDescription": "Sagittal-IR_3DFGRE"},
        {"ScanningSequence": ["GR", "IR"], "BodyPartExamined": "CHEST"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"], "SeriesDescription": "t1_fl3d_tra_dyn"},
        {"ImageType": ["DERIVED", "PRIMARY", "M", "NORM"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], "SeriesDescription": "dyn sub-second"},
        {"BodyPartExamined": "PELVIS", "StudyDescription": "MRI BREAST BILATERAL"},
        {"ScanningSequence": "GR", "SeriesDescription": "T2 prep fs"},
        {"SeriesDescription": "T1 dyn after T2"},
        {"ScanningSequence": "GR", "RepetitionTime": "336", "SeriesDescription": "2D FLASH"},
        {"PatientSpeciesDescription": "Homo sapiens", "QualityControlImage": "NO"},
        {"PatientSpeciesDescription": "Human (Homo sapiens)"},
        {"PatientSpeciesCodeSequence": species("337915000", "Człowiek rozumny"), "SpecificCharacterSet": "ISO_IR 192"},
        {"ImageType": ["DERIVED", "PRIMARY", "M", "DIXON", "WATER"]},
        {"BodyPartExamined": "BREAST", "StudyDescription": "liver staging"},
        {"SeriesDescription": "dyn, contrast delivery 2 mL/s"},
        {"SeriesDescription": "WATER: Ax LAVA Flex dyn"},
        {"SeriesDescription": "t1_vibe_dixon_tra_dyn_W"},
        {"SeriesDescription": "t1_fl3d_fatsat_dyn"},
        {"SeriesDescription": "Ax VIBRANT FS head first", "Modality": "MR"},
        {"SequenceName": "*fl3d1_ns", "SeriesDescription": "dyn wash"},
        {"StudyDescription": "x" * 50_000},
        {"SeriesDescription": "dixon diff no " * 3_000},
        {"SeriesDescription": "t1_vibe_dixon_no_fat"},
        {"SeriesDescription": "DIXON without fat"},
        {"SeriesDescription": "dixon w/o fat"},
        {"SeriesDescription": "Dixon ohne_Fat"},
        {"SeriesDescription": "dixon sat. fat"},
        {"SeriesDescription": "Dixon W-F"},
        {"SeriesDescription": "Dixon W+F"},
        {"SeriesDescription": "Dixon W / F"},
        {"SeriesDescription": "Dixon water and fat"},
        {"SeriesDescription": "DCE wash-out phase"},
        {"SeriesDescription": "dyn wash_in", "ImageType": ""},
        {"SeriesDescription": "T1 early washout"},
        {"SeriesDescription": "DCE wash-out phase", "ImageType": ["DERIVED", "PRIMARY", "M", "NORM"]},
        {"SeriesDescription": "dyn for colour map"},
        {"SeriesDescription": "phase diff 2"},
        {"SeriesDescription": "ax fs diff"},
        {"SeriesDescription": "ax epigastric coil"},
        {"StudyDescription": "MRI Hamad QA"},
        {"StudyDescription": "IRM Sherbrooke QC", "SeriesDescription": "QC dyn 1"},
        {"StudyDescription": "ACR BIRADS 4"},
        {"StudyDescription": "MRI, test bolus", "SeriesDescription": "QA dyn"},
        {"StudyDescription": "Herz-Jesu-Krankenhaus dyn"},
        {"SeriesDescription": "dyn spine coil off"},
        {"ProtocolName": "Head/Neck coil, spine coil, body coil"},
        {"SeriesDescription": "dyn for subtraction"},
        {"ImageType": ["DERIVED", "PRIMARY", "T1", "NONE"], "ImagedNucleus": "1H"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "POST_CONTRAST", "NONE"], "ResonantNucleus": "1H"},
        {"ImageType": ["DERIVED", "PRIMARY", "W", "W", "DERIVED"], "ImagedNucleus": "PROTON"},
        {"SeriesDescription": "AX 3D T1 FS +C 1st post (not sub)"},
        {"SeriesDescription": "T1 für Subtraktion", "SpecificCharacterSet": "ISO_IR 100"},
        {"SeriesDescription": "dyn_unsubtracted"},
        {"SeriesDescription": "vibe for MIP"},
        {"SeriesDescription": "dyn subsecond, substitute coil"},
        {"ImageType": ["DERIVED", "PRIMARY", "M"], "SeriesDescription": "dyn for map"},
        {"SeriesDescription": "ax fs silicone sat", "ScanningSequence": "GR"},
        {"SeriesDescription": "t1 dyn, localizer checked"},
        {"SeriesDescription": "ax post", "ProtocolName": "ep2d_diff"},
        {"ImageType": ["DERIVED", "PRIMARY", "M"], "DerivationCodeSequence": code("113087", "DCM", "Smoothing")},
        {"DerivationCodeSequence": code("113062", "99LOCAL", "Motion corrected"), "RescaleType": "US"},
        {"RescaleType": "normalized", "RealWorldValueMappingSequence": in_units("1", "no units")},
    ],
)
def test_a_phase_of_a_breast_is_taken(attributes: dict[str, Any]) -> None:
    """Also where little is said, or the body part is that of the patient before."""
    check_technique(header(**attributes))


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, "ADC"),
        ({"DiffusionBValue": 800.0}, "b-value"),
        ({"ScanningSequence": ["EP", "GR"]}, "echo planar"),
        ({"ScanningSequence": "SE"}, "spin echo"),
        (
            {"ScanningSequence": "GR", "RepetitionTime": "2000", "SeriesDescription": "mprage"},
            "repetition time 2000 ms",
        ),
        ({"ScanningSequence": "GR", "EchoTime": "14", "SeriesDescription": "T2* FFE"}, "T2"),
        ({"ScanningSequence": "GR", "SeriesDescription": "2D CSI"}, "CSI"),
        ({"ScanningSequence": "", "SeriesDescription": "pcasl 3D"}, "pcasl"),
        ({"ScanningSequence": "GR", "EchoTime": "30"}, "echo time 30 ms"),
        ({"AcquisitionContrast": "T2"}, "acquisition contrast T2"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"]}, "phase image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "I_FFE", "I", "FFE"]}, "imaginary part"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "R"]}, "real or"),
        ({"ComplexImageComponent": "REAL"}, "real or"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "T2", "NONE"]}, "image type T2"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TOF", "NONE"]}, "image type TOF"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "image type LOCALIZER"),
        ({"ImagedNucleus": "23NA"}, "nucleus 23NA"),
        ({"EchoPulseSequence": "BOTH"}, "spin echo"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "FAT"]}, "fat image"),
        ({"ScanningSequence": "RM", "SeriesDescription": "Ax STIR"}, "STIR"),
        ({"SeriesDescription": "T2w TSE"}, "T2w"),
        ({"SeriesDescription": "ep2d_diff_tra_TRACEW"}, "ep2d"),
        ({"SeriesDescription": "RESOLVE b800"}, "RESOLVE"),
        ({"ScanningSequence": "GR", "SeriesDescription": "TOF_3D_multi-slab"}, "TOF"),
        ({"SequenceName": "*ep_b800t"}, "b-value"),
        ({"SeriesDescription": "FAT: Ax LAVA Flex dyn"}, "fat image"),
        ({"ImageType": ["DERIVED", "PRIMARY", "M"], "SeriesDescription": "t1_vibe_dixon_tra_dyn_F"}, "fat image"),
        ({"Modality": "PT"}, "modality PT"),
        ({"SeriesDescription": "T1_vibe_DIXON_fat"}, "fat image"),
        ({"SeriesDescription": "dixon no contrast_F"}, "fat image"),
        ({"SeriesDescription": "ax 3D epi fast"}, "epi"),
        ({"SeriesDescription": "diff b0"}, "diff"),
        ({"SeriesDescription": "ax diff ADC"}, "diff"),
        ({"SeriesDescription": "diff 12 dir"}, "diff"),
        ({"SeriesDescription": "ax diffusion"}, "diffusion"),
        ({"SeriesDescription": "ADC"}, "series description with 'ADC'"),
        ({"SeriesDescription": "eADC (exp)"}, "eADC"),
        ({"SeriesDescription": "dADC_Map_tra"}, "dADC"),
        ({"SeriesDescription": "Diffusionsbildgebung b-Wert"}, "Diffusionsbildgebung"),
        ({"SeriesDescription": "Difusión axial", "SpecificCharacterSet": "ISO_IR 100"}, "Difusión"),
        ({"SeriesDescription": "弥散加权成像", "SpecificCharacterSet": "GB18030"}, "弥散"),
        ({"SeriesDescription": "拡散強調", "SpecificCharacterSet": "ISO_IR 192"}, "拡散"),
        ({"SeriesDescription": "Диффузия", "SpecificCharacterSet": "ISO_IR 144"}, "Диффузия"),
        ({"ScanningSequence": "GR", "SeriesDescription": "Survey_BFFE"}, "Survey"),
        ({"ScanningSequence": "GR", "SeriesDescription": "3-plane"}, "3-plane"),
        ({"ScanningSequence": "GR", "SeriesDescription": "Lokalisator"}, "Lokalisator"),
        ({"ScanningSequence": "GR", "SeriesDescription": "定位像", "SpecificCharacterSet": "GB18030"}, "定位"),
        ({"ScanningSequence": "GR", "SeriesDescription": "ASSET Cal"}, "ASSET Cal"),
        ({"ScanningSequence": "GR", "SeriesDescription": "SENSE_Ref"}, "SENSE_Ref"),
        ({"ScanningSequence": "GR", "SeriesDescription": "MRE magnitude"}, "MRE"),
        ({"SeriesDescription": "sag silicone only"}, "silicone"),
        ({"ProtocolName": "ep2d_diff_3scan_trace"}, "protocol name with 'ep2d'"),
    ],
)
def test_other_techniques_are_refused(attributes: dict[str, Any], words: str) -> None:
    """The message says what the header says, and what to outline instead."""
    with pytest.raises(RejectedInput, match=f"{words}.*outline the tumour") as refused:
        check_technique(header(**attributes))
    assert refused.value.reason is Reason.OTHER_TECHNIQUE


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value"),
    [
        (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "800"),
        (0x0043, "GEMS_PARM_01", 0x39, "IS", ["1000000800", "8", "0", "0"]),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0),
        (0x0065, "Image Private Header", 0x09, "FD", 800.0),
    ],
)
def test_a_private_b_value_counts(group: int, creator: str, element: int, vr: str, value: Any) -> None:
    """A trace image whose b-value is in the vendor's attribute alone is refused; 0, or a gradient echo, is not."""

    def with_b_value(stated: Any, **attributes: Any) -> Dataset:
        dataset = header(**attributes)
        dataset.private_block(group, creator, create=True).add_new(element, vr, stated)
        return dataset

    assert other_technique(with_b_value(value)) == "diffusion: it has a b-value"
    assert other_technique(with_b_value(0 if vr != "IS" else "0")) == ""
    assert other_technique(with_b_value(value, ScanningSequence="GR")) == ""


@pytest.mark.parametrize(
    ("vr", "value"), [("UN", b"nan"), ("DS", "-1"), ("UN", b"800 s/mm2"), ("IS", ""), ("SQ", []), ("OB", b"\x20\x03")]
)
def test_what_is_no_b_value_is_none(vr: str, value: Any) -> None:
    """Whatever a writer has put into the vendor's attribute, it neither refuses the images nor ends the case."""
    dataset = header()
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, vr, value)
    assert other_technique(dataset) == ""


def anatomic_region(meaning: str) -> list[Dataset]:
    """Return the only item of Anatomic Region Sequence."""
    item = Dataset()
    item.CodeMeaning = meaning
    return [item]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"BodyPartExamined": "BRAIN"}, "BRAIN"),
        ({"BodyPartExamined": "PROSTATE", "StudyDescription": "MR Prostate"}, "PROSTATE"),
        ({"StudyDescription": "MRI prostate"}, "prostate"),
        ({"StudyDescription": "MRT Schädel mit KM", "SpecificCharacterSet": "ISO_IR 100"}, "schädel"),
        ({"SeriesDescription": "MR_HEAD_W_WO"}, "head"),
        ({"StudyDescription": "上腹部平扫+增强"}, "腹部"),
        ({"BodyPartExamined": "PHANTOM"}, "PHANTOM"),
        ({"StudyDescription": "Daily QA", "ProtocolName": "ACR T1"}, "qa"),
        ({"StudyDescription": "QA"}, "described as qa"),
        ({"SeriesDescription": "ACR QC"}, "described as acr qc"),
        ({"SeriesDescription": "weekly_MR_QC"}, "weekly mr qc"),
        ({"SeriesDescription": "ACR phantom T1"}, "phantom"),
        ({"ProtocolName": "QA test"}, "qa test"),
        ({"StudyDescription": "liver, body coil"}, "liver"),
        ({"SeriesDescription": "Brainlab brain"}, "brain"),
        ({"StudyDescription": "MRT/Leberprotokoll (KM)"}, "described as leberprotokoll\\)"),
        ({"AnatomicRegionSequence": anatomic_region("Brain")}, "anatomic region Brain"),
        ({"BodyPartExamined": "BREAST", "QualityControlImage": "YES"}, "quality control image"),
        ({"BodyPartExamined": "BREAST", "PatientSpeciesDescription": "Canine species"}, "species Canine"),
        ({"BodyPartExamined": "BREAST", "PatientSpeciesDescription": "Non-human primate"}, "species Non-human"),
        ({"BodyPartExamined": "BREAST", "PatientSpeciesDescription": "Humanised mouse"}, "species Humanised"),
    ],
)
def test_other_body_parts_are_refused(attributes: dict[str, Any], words: str) -> None:
    """Body part, anatomic region or description name another organ, and nothing a breast."""
    with pytest.raises(RejectedInput, match=f"{words}.*check which study the outline was sent with") as refused:
        check_technique(header(**attributes))
    assert refused.value.reason is Reason.OTHER_BODY_PART


def enhanced_coil(name: str) -> list[Dataset]:
    """Return shared functional groups with a receive coil."""
    coil, groups = Dataset(), Dataset()
    coil.ReceiveCoilName = name
    groups.MRReceiveCoilSequence = [coil]
    return [groups]


@pytest.mark.parametrize(
    "attributes",
    [
        {"ReceiveCoilName": "8HRBREAST"},
        {"PatientPosition": "HFP"},
        {"SharedFunctionalGroupsSequence": enhanced_coil("Breast_18")},
    ],
)
def test_a_chest_in_a_breast_coil_or_prone_is_taken(attributes: dict[str, Any]) -> None:
    """A scanner without a breast among its parts of the body; words for other organs are refused all the same."""
    chest = header(BodyPartExamined="CHEST", StudyDescription="MR CHEST W WO", **attributes)
    check_technique(chest)
    chest.ProtocolName = "cardiac"
    with pytest.raises(RejectedInput, match="described as cardiac"):
        check_technique(chest)


def test_a_real_breast_that_is_called_a_chest_is_taken(br06: Path) -> None:
    """By its coil, and by the patient's position; with those of a heart it is refused."""
    breast = dcmread(min((br06 / "dce").iterdir()), stop_before_pixels=True)
    breast.BodyPartExamined, breast.StudyDescription = "CHEST", "MR CHEST"
    check_technique(breast)
    breast.ReceiveCoilName = "8CH CARDIAC"
    check_technique(breast)
    breast.PatientPosition = "HFS"
    with pytest.raises(RejectedInput, match="described as chest"):
        check_technique(breast)


def test_a_site_may_let_a_criterion_warn() -> None:
    """A criterion that the site set to note gives a warning with the same words; the others go on refusing."""
    brain = header(BodyPartExamined="BRAIN")
    [note] = Acceptance(noted=frozenset({Criterion.BODY_PART})).judge(technique_objections(brain))
    assert note.severity is Severity.WARNING
    assert "BRAIN" in note.text
    assert "'body_part'" in note.text
    brain.ScanningSequence = "EP"
    with pytest.raises(RejectedInput) as refused:
        Acceptance(noted=frozenset({Criterion.BODY_PART})).judge(technique_objections(brain))
    assert refused.value.reason is Reason.OTHER_TECHNIQUE


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "M", "ND", "SUB"]}, "subtraction"),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROCESSED"]}, "PROCESSED"),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "SECONDARY"),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "M"], "SeriesDescription": "Sub 1"},
            "subtraction, series description with 'Sub'",
        ),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M"], "SeriesDescription": "MIP cor"}, "projection, series description"),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, "projection"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MIP"]}, "projection"),
        ({"ImageType": ["DERIVED", "PRIMARY", "KTRANS"]}, "KTRANS"),
        ({"SeriesDescription": "Ktrans"}, "Ktrans"),
        ({"ImageType": ["DERIVED", "PRIMARY"], "SeriesDescription": "Wash-in"}, "Wash-in"),
        ({"SeriesDescription": "T1_Map"}, "T1_Map"),
        ({"ImageType": ["DERIVED", "PRIMARY", "M"], "SeriesDescription": "washout rate"}, "washout"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MAX_IP", "NONE"]}, "projection"),
        ({"ImageType": ["DERIVED", "PRIMARY", "T1", "T1"]}, "T1"),
        ({"SeriesDescription": "Subtraktion Ph 2"}, "subtraction.*'Subtraktion'"),
        ({"SeriesDescription": "dyn soustrait"}, "subtraction.*'soustrait'"),
        ({"SeriesDescription": "Substracción 1", "SpecificCharacterSet": "ISO_IR 100"}, "'Substracción'"),
        ({"SeriesDescription": "T1增强减影", "SpecificCharacterSet": "GB18030"}, "subtraction.*'减影'"),
        ({"SeriesDescription": "not sub, sub 2"}, "subtraction.*'sub'"),
        ({"SeriesDescription": "MinIP"}, "projection.*'MinIP'"),
        ({"SeriesDescription": "Maximum Intensity Projection"}, "projection"),
        ({"SeriesDescription": "Time to peak"}, "Time to peak"),
        ({"SeriesDescription": "iAUGC90"}, "iAUGC90"),
        ({"SeriesDescription": "FatFrac: Ax IDEAL IQ"}, "FatFrac"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "FF", "FF", "FFE"]}, "FF"),
        ({"ImageType": ["DERIVED", "PRIMARY"], "SeriesDescription": "SER"}, "SER"),
        ({"ImageType": ["DERIVED", "PRIMARY", "M"], "SeriesDescription": "Colour_Map"}, "Colour_Map"),
        ({"SeriesDescription": "Signal Enhancement Ratio"}, "Signal Enhancement Ratio"),
        ({"SeriesDescription": "T1 percent enhancement"}, "percent enhancement"),
        ({"SeriesDescription": "angio map"}, "angio map"),
        ({"SeriesDescription": "synthetic T1 post contrast"}, "synthetic"),
        ({"SeriesDescription": "Virtual contrast T1 dyn"}, "Virtual contrast"),
        ({"DerivationCodeSequence": code("113062", "DCM", "Subtracted")}, "derivation Pixel by pixel subtraction"),
        ({"RescaleType": "mm2/s"}, "pixel values in mm2/s"),
        ({"RealWorldValueMappingSequence": in_units("ms", "T1")}, "pixel values in ms"),
    ],
)
def test_computed_images_are_refused(attributes: dict[str, Any], words: str) -> None:
    """Subtractions, projections, maps: the message says what to copy the outline to."""
    with pytest.raises(RejectedInput, match=f"{words}.*copy the outline") as refused:
        check_technique(header(**attributes))
    assert refused.value.reason is Reason.DERIVED_IMAGES


def test_real_images(shared_data: Path, br06: Path) -> None:
    """A breast is taken; functional series of heads are refused."""
    check_technique(dcmread(next(iter(sorted((br06 / "dce").iterdir()))), stop_before_pixels=True))
    for series in ("ge_multiphase/2_fMRI_Multiphase_Des", "enhanced_mr/philips_ingenia_pcasl/cl_1901"):
        image = dcmread(min((shared_data / series).iterdir()), stop_before_pixels=True)
        with pytest.raises(RejectedInput):
            check_technique(image)
