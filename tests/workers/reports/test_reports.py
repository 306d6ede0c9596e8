"""Summary and feature report."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import highdicom
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ComprehensiveSRStorage, EnhancedSRStorage

from support.result_cases import CERTAINTY, FEATURE_NAMES, NOTICE, SIGNATURE, ResultCase, make_case, rejected
from workers.errors import Reason
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.notes import warning
from workers.reports.content_items import descendants
from workers.reports.measurement_report import as_sop_class
from workers.results.common_modules import ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.scoring.case_result import CaseResult, Stability


def written(dataset: Dataset) -> Dataset:
    """Return a data set as it is read from a file."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))


def report(case: ResultCase, role: ResultRole, result: CaseResult | None = None) -> Dataset:
    """Return a report of a case, read back."""
    return written(build_results(result or case.result, case.seg_header, case.measurement)[role])


def name_of(item: Dataset) -> str:
    """Return the concept name of a content item."""
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def groups_of(document: Dataset) -> list[Dataset]:
    """Return the measurement groups."""
    return [item for item in descendants(document) if name_of(item) == "Measurement Group"]


def values(document: Dataset, name: str) -> Iterator[str]:
    """Yield the values of all items of this name, as text."""
    for item in descendants(document):
        if name_of(item) == name:
            if item.ValueType == "NUM":
                yield str(item.MeasuredValueSequence[0].NumericValue)
            elif item.ValueType == "CODE":
                yield str(item.ConceptCodeSequence[0].CodeMeaning)
            else:
                yield str(item.get("TextValue") or item.get("UID"))


@pytest.mark.parametrize("role", [ResultRole.SUMMARY_REPORT, ResultRole.FEATURE_REPORT])
def test_viewers_show_it(role: ResultRole) -> None:
    """Title and SEPARATE containers: else a black viewport, or values without names."""
    document = report(make_case(), role)
    assert document.ConceptNameCodeSequence[0].CodeValue == "126002"
    containers = [item for item in descendants(document) if item.ValueType == "CONTAINER"]
    assert {item.ContinuityOfContent for item in containers} == {"SEPARATE"}
    assert document.SpecificCharacterSet == "ISO_IR 192"
    assert (document.VerificationFlag, document.CompletionFlag) == ("UNVERIFIED", "COMPLETE")
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "1500"


@pytest.mark.parametrize(
    ("probability", "phenotype"), [(0.7312, "HOT (immune-inflamed)"), (0.2, "COLD (immune-desert)")]
)
def test_the_verdict_comes_first(probability: float, phenotype: str) -> None:
    """A sentence, then class, score and threshold in the first group."""
    document = report(make_case(hot_probability=probability), ResultRole.SUMMARY_REPORT)
    first = [(name_of(item), item.ValueType) for item in groups_of(document)[0].ContentSequence]
    assert [name for name, _ in first if not name.startswith("Tracking")][:2] == [
        "Tumour immune phenotype",
        "Radiomics score",
    ]
    assert list(values(document, "Radiomics score")) == [f"{probability:.3f}"]
    first_text = next(item for item in descendants(document) if item.ValueType == "TEXT")
    assert name_of(first_text) == "Conclusion"
    distance = f"{abs(round(probability, 3) - 0.412):.3f}"
    where = "above" if probability > 0.4123 else "below"
    sentence = f"{phenotype}: the radiomics score is {probability:.3f} of 1, {distance} {where} the threshold for hot"
    assert first_text.TextValue == f"{sentence} (0.412)."
    assert list(values(document, "Threshold for hot")) == ["0.412"]
    assert list(values(document, "Tumour immune phenotype")) == [phenotype]
    assert list(values(document, "Notice")) == [NOTICE]


def test_no_tendency_is_shown_for_images_that_may_be_from_before_contrast() -> None:
    """Their score says nothing about the phase after contrast, so neither sentence nor code names a class."""
    case = make_case(hot_probability=0.942, certainty=CERTAINTY, after_contrast_shown=False)
    document = report(case, ResultRole.SUMMARY_REPORT)
    assert "Tendency (class by the threshold)" not in [name_of(item) for item in descendants(document)]
    (sentence,) = values(document, "Conclusion")
    assert sentence == (
        "UNCERTAIN: the radiomics score is 0.942 of 1, 0.530 above the threshold for hot (0.412), but nothing shows "
        "that the images were acquired after contrast."
    )


def test_an_uncertain_verdict_says_why_and_what_it_tends_to() -> None:
    """Coded as a third verdict; the score, its range, the tendency and the prediction set stand beside it."""
    case = make_case(hot_probability=0.45, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 9, 10))
    document = report(case, ResultRole.SUMMARY_REPORT)
    (group,) = [one for one in groups_of(document) if "Radiomics score" in map(name_of, one.ContentSequence)]
    codes = {name_of(item): item.ConceptCodeSequence[0] for item in group.ContentSequence if item.ValueType == "CODE"}
    verdict = codes["Tumour immune phenotype"]
    assert (verdict.CodeValue, verdict.CodingSchemeDesignator) == ("uncertain", "99RADTME")
    assert codes["Tendency (class by the threshold)"].CodeValue == "hot"
    assert codes["Prediction set"].CodeValue == "hot-or-cold"
    assert list(values(document, "Radiomics score")) == ["0.450"]
    assert list(values(document, "Lowest score of redrawn outlines")) == ["0.400"]
    assert list(values(document, "Highest score of redrawn outlines")) == ["0.610"]
    (sentence,) = values(document, "Conclusion")
    assert sentence == (
        "UNCERTAIN, tends to HOT: the radiomics score is 0.450 of 1, 0.038 above the threshold for hot (0.412), but "
        "redrawn outlines give 0.400 to 0.610, on both sides of it, and the training cases do not decide between the "
        "classes at this score."
    )
    assert list(values(document, "Why the verdict is uncertain")) == [
        "Redrawn outlines give scores on both sides of the threshold.",
        "The scores of the training cases do not decide between the classes here.",
    ]
    (redrawn,) = values(document, "Score when the outline is redrawn")
    assert redrawn.startswith("0.400 to 0.610 over the outline and 9 of 10 redrawn ones")
    assert document.SeriesDescription == "Radiomics 0.450 UNCERTAIN"


def test_a_certain_verdict_shows_where_the_case_lies() -> None:
    """Above and among how many training cases of each class, and their numbers by score."""
    case = make_case(hot_probability=0.7312, certainty=CERTAINTY, stability=Stability(0.7, 0.75, 10, 10))
    document = report(case, ResultRole.SUMMARY_REPORT)
    assert list(values(document, "Tumour immune phenotype")) == ["HOT (immune-inflamed)"]
    assert not list(values(document, "Tendency (class by the threshold)"))
    assert not list(values(document, "Why the verdict is uncertain"))
    place, numbers = values(document, "Position among the training cases")
    # Hot: 0.30, 0.33, ... 0.72 are 15 below 0.7312; cold ones end at 0.62.
    assert place == "The score is higher than that of 15 of 20 hot and 20 of 20 cold training cases."
    assert numbers == (
        "Training cases by score: 0 to 0.2: 0 hot, 5 cold; 0.2 to 0.4: 4 hot, 7 cold; 0.4 to 0.6: 6 hot, 7 cold; "
        "0.6 to 0.8 (this case): 7 hot, 1 cold; 0.8 to 1: 3 hot, 0 cold."
    )


def test_a_range_that_is_not_known_says_why() -> None:
    """Neither a range nor a doubt is made up where the outline was not redrawn or the signature not calibrated."""
    document = report(make_case(), ResultRole.SUMMARY_REPORT)
    assert list(values(document, "Score when the outline is redrawn")) == ["Not computed: the outline is too large."]
    assert list(values(document, "Prediction set")) == ["Unknown: the signature was not calibrated."]
    assert not list(values(document, "Lowest score of redrawn outlines"))
    assert not list(values(document, "Position among the training cases"))


def test_the_summary_is_short_and_says_why() -> None:
    """The five strongest effects, volumes, notes and signature; never the whole vector."""
    case = make_case()
    document = report(case, ResultRole.SUMMARY_REPORT)
    effects = list(values(document, "Effect on the score"))
    assert len(effects) == 5
    assert effects[0] == "+0.071 towards hot: Ring, Contrast of GLCM, LoG 3 mm = 123.5"
    assert effects[2] == "-0.031 towards cold: Ring, Skewness = -0.25"
    volumes = [f"{region.volume_ml:.2f}" for region in case.result.regions]
    assert list(values(document, "Volume")) == volumes
    assert list(values(document, "Quality note")) == [note.text for note in case.result.notes]
    assert list(values(document, "Signature")) == ["phantom-hot-cold 1.2.0 (profile han2024, sha256 3f3f3f3f3f3f)"]
    assert len(list(descendants(document))) < 60


def test_tracking_is_the_same_everywhere() -> None:
    """Segmentation and reports have the same tracking UIDs of tumour and ring."""
    case = make_case()
    objects = build_results(case.result, case.seg_header, case.measurement)
    expected = [
        (segment.TrackingID, segment.TrackingUID) for segment in objects[ResultRole.SEGMENTATION].SegmentSequence
    ]
    for role in (ResultRole.SUMMARY_REPORT, ResultRole.FEATURE_REPORT):
        document = written(objects[role])
        identifiers = values(document, "Tracking Identifier")
        assert list(zip(identifiers, values(document, "Tracking Unique Identifier"), strict=True)) == expected


def test_features_read_back_to_the_last_bit() -> None:
    """479 doubles per region, in the order of the vector, each in the group of its region's segment."""
    case = make_case()
    document = report(case, ResultRole.FEATURE_REPORT)
    for number, (group, region) in enumerate(zip(groups_of(document), case.result.regions, strict=True), start=1):
        numbers = [
            item.MeasuredValueSequence[0].FloatingPointValue
            for item in group.ContentSequence
            if item.ValueType == "NUM"
        ]
        assert [value.hex() for value in numbers[-479:]] == [region.features[name].hex() for name in FEATURE_NAMES]
        segments = [item.ReferencedSOPSequence[0] for item in group.ContentSequence if item.ValueType == "IMAGE"]
        assert [segment.ReferencedSegmentNumber for segment in segments] == [number]


def test_highdicom_reads_the_measurements() -> None:
    """A reader by other people finds every measurement with its unit and method."""
    document = report(make_case(features=FEATURE_NAMES[100:115]), ResultRole.FEATURE_REPORT)
    parsed = highdicom.sr.Comprehensive3DSR.from_dataset(document)
    groups = parsed.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 2
    assert len(groups[1].get_measurements()) == 15 + 1  # and the grey levels


def test_a_missing_feature_is_named_and_no_number() -> None:
    """Absent with the reason, never 0."""
    case = make_case()
    region = case.result.regions[1]
    features = {name: value for name, value in region.features.items() if name != "original_glcm_MCC"}
    ring = replace(region, features=features, missing={"original_glcm_MCC": "one grey level"})
    document = report(case, ResultRole.FEATURE_REPORT, replace(case.result, regions=(case.result.regions[0], ring)))
    assert list(values(document, "Feature that cannot be computed")) == ["original_glcm_MCC: one grey level"]
    group = groups_of(document)[1]
    bare = [item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "glcm-mcc"]
    assert all("ContentSequence" in item for item in bare), "only the filtered ones are there"
    assert len(bare) == 4


def test_a_not_scored_case_says_so_with_its_reason() -> None:
    """A coded reason and a sentence; the key image says the same, without any image to refer to."""
    case = make_case()
    objects = build_results(rejected(Reason.EMPTY_SEGMENTATION), case.seg_header, None)
    assert list(objects) == [ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT]
    document = written(objects[ResultRole.SUMMARY_REPORT])
    assert list(values(document, "Tumour immune phenotype")) == ["NOT SCORED"]
    assert list(values(document, "Reason")) == ["The outline is empty"]
    assert list(values(document, "Explanation")) == ["the reason is empty_segmentation"]
    assert list(values(document, "Radiomics score")) == []
    assert document.SeriesDescription == "Radiomics not scored"
    assert document.StudyInstanceUID == case.seg_header.StudyInstanceUID


def test_what_was_measured_is_shown_even_without_a_score() -> None:
    """With a damaged signature there is no score, but the regions are reported."""
    case = make_case()
    result = rejected(Reason.SIGNATURE_UNUSABLE, case.measurement.regions, signed=False)
    objects = build_results(result, case.seg_header, case.measurement)
    assert list(objects) == list(ResultRole)
    document = written(objects[ResultRole.SUMMARY_REPORT])
    assert list(values(document, "Tumour immune phenotype")) == ["NOT SCORED"]
    assert len(list(values(document, "Volume"))) == 2


def test_a_new_version_names_the_one_it_replaces() -> None:
    """PS3.3 C.17.2: Predecessor Documents Sequence, of the report of the same role."""
    case = make_case()
    first = build_results(case.result, case.seg_header, case.measurement)
    replaced = {role: InstanceReference.of(instance) for role, instance in first.items()}
    second = build_results(case.result, case.seg_header, case.measurement, version=ResultVersion(2, replaced))
    for role in (ResultRole.SUMMARY_REPORT, ResultRole.FEATURE_REPORT):
        series = second[role].PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
        assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first[role].SOPInstanceUID
        assert series.SeriesInstanceUID == first[role].SeriesInstanceUID
        assert "PredecessorDocumentsSequence" not in first[role]
    assert not {i.SOPInstanceUID for i in first.values()} & {i.SOPInstanceUID for i in second.values()}


@pytest.mark.parametrize("sop_class", [ComprehensiveSRStorage, EnhancedSRStorage])
def test_the_same_report_in_an_older_class(sop_class: str) -> None:
    """For archives without Comprehensive 3D SR: the same content, as another instance, always the same one."""
    original = build_results(*_inputs())[ResultRole.FEATURE_REPORT]
    other, again = as_sop_class(original, sop_class), as_sop_class(original, sop_class)
    assert other.SOPClassUID == other.file_meta.MediaStorageSOPClassUID == sop_class
    assert other.SOPInstanceUID == other.file_meta.MediaStorageSOPInstanceUID == again.SOPInstanceUID
    assert other.SOPInstanceUID != original.SOPInstanceUID
    assert other.SeriesInstanceUID != original.SeriesInstanceUID
    assert written(other).ContentSequence == written(original).ContentSequence


def _inputs() -> tuple[CaseResult, Dataset, object]:
    case = make_case(features=FEATURE_NAMES[100:115])
    return case.result, case.seg_header, case.measurement


def test_the_notice_is_of_the_signature() -> None:
    """The verdict of a region without ring or score still carries it."""
    case = make_case()
    result = rejected(Reason.RING_TOO_SMALL, case.measurement.regions[:1])
    document = report(case, ResultRole.SUMMARY_REPORT, result)
    assert list(values(document, "Notice")) == [NOTICE]
    assert list(values(document, "Tracking Identifier")) == ["Tumour"]
    assert case.result.regions[0].region is Region.TUMOUR


def test_without_a_notice_there_is_no_empty_one() -> None:
    """A validated signature has none; an empty Text Value breaks Type 1 (PS3.3 table C.17.3-2)."""
    case = make_case()
    signature = replace(SIGNATURE, research_notice="", intended_use="")
    document = report(case, ResultRole.SUMMARY_REPORT, replace(case.result, signature=signature))
    assert list(values(document, "Notice")) == []
    assert all(item.TextValue for item in descendants(document) if item.ValueType == "TEXT")


def test_rounding_never_contradicts_the_verdict() -> None:
    """0.41226 is below 0.4123, so it is COLD: with three digits both would read 0.412, which is hot."""
    document = report(make_case(hot_probability=0.41226), ResultRole.SUMMARY_REPORT)
    assert list(values(document, "Radiomics score")) == ["0.41226"]
    assert list(values(document, "Threshold for hot")) == ["0.41230"]
    assert document.SeriesDescription == "Radiomics 0.41226 COLD"


def test_the_summary_says_what_was_measured() -> None:
    """Series and slices, and a warning where they are no phase of a contrast series; once, whoever noted it."""
    extra = {"SeriesNumber": 4, "SeriesDescription": "ADC", "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}
    case = make_case(image_extra=extra)
    text = "The measured images are not an original DCE phase: image type DERIVED, PRIMARY, DIFFUSION, ADC."
    for notes in ((), (warning(text, "Not an original DCE phase"),)):
        document = report(case, ResultRole.SUMMARY_REPORT, replace(case.result, notes=notes))
        assert list(values(document, "Measured on")) == ["series 4 'ADC', 12 slices"]
        assert list(values(document, "Quality note")) == [f"Warning: {text}"]
