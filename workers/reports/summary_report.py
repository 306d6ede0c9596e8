"""The summary report, for radiologists: first the verdict, then the reasons for it, then its basis."""

from collections.abc import Iterator, Sequence

from highdicom.sr import Measurement as Number
from highdicom.sr import MeasurementsAndQualitativeEvaluations, QualitativeEvaluation, TrackingIdentifier
from pydicom import Dataset
from pydicom.sr.coding import Code

from model_store.signatures.certainty import PredictionSet
from workers.features.measurement import Measurement
from workers.features.regions import Region, RegionMeasurement
from workers.notes import Severity
from workers.reports.content_items import container, text
from workers.reports.encoded_items import prepare_for_writing
from workers.reports.feature_codes import feature_concept
from workers.reports.measurement_report import algorithm_identification, measurement_report
from workers.results import codes
from workers.results.certainty_texts import VERDICTS, doubt_texts, set_text, stability_text, training_position_texts
from workers.results.common_modules import Origin
from workers.results.instance_reference import InstanceReference
from workers.results.not_scored_reasons import REASONS
from workers.results.result_roles import ResultRole
from workers.results.source_description import image_type_notes, measured_on
from workers.results.tracking import REGION_NAMES, Tracking, tracking_of
from workers.scoring.case_result import CaseResult, Contribution, Phenotype, Score, Stability, shown_score

STRONGEST_EFFECTS = 5
VOLUME_DIGITS = 2
SHORT_DIGEST = 12
CLASS_CODES = {Phenotype.HOT: codes.HOT, Phenotype.COLD: codes.COLD, Phenotype.UNCERTAIN: codes.UNCERTAIN}
SET_CODES = {
    PredictionSet.HOT: codes.HOT,
    PredictionSet.COLD: codes.COLD,
    PredictionSet.BOTH: codes.HOT_OR_COLD,
}


def summary_report(
    origin: Origin, result: CaseResult, measurement: Measurement | None, referenced: Sequence[InstanceReference]
) -> Dataset:
    """Return the summary report of a case, scored or not."""
    tumour_segment = measurement.tumour_segment if measurement else None
    measured = {region.region: region for region in result.regions} if measurement else {}
    groups = [_verdict(origin, result, tumour_segment, measured.get(Region.TUMOUR))]
    if Region.RING in measured:
        tracking = tracking_of(Region.RING, origin.uids, None)
        groups.append(_group(tracking, [_volume(measured[Region.RING])], []))
    report = measurement_report(origin, ResultRole.SUMMARY_REPORT, headline(result), groups, referenced)
    verdict = report.ContentSequence[-1].ContentSequence[0]
    verdict.ContentSequence.extend(_verdict_texts(origin, result))
    report.ContentSequence.append(
        container(codes.QUALITATIVE_EVALUATIONS, list(_explanations(origin, result, measurement)))
    )
    prepare_for_writing(report)
    return report


def headline(result: CaseResult) -> str:
    """Return the verdict in one line, such as ``Radiomics 0.731 HOT``."""
    if result.score is None:
        return "Radiomics not scored"
    shown, _ = shown_score(result.score.hot_probability, result.score.threshold)
    return f"Radiomics {shown} {VERDICTS[result.score.phenotype]}"


def _verdict(
    origin: Origin, result: CaseResult, tumour_segment: Dataset | None, tumour: RegionMeasurement | None
) -> MeasurementsAndQualitativeEvaluations:
    """Return the first group: score, threshold and class, or the reason why there is no score."""
    score = result.score
    if tumour_segment is None:
        tracking = Tracking(REGION_NAMES[Region.TUMOUR], origin.uids.verdict_tracking())
    else:
        tracking = tracking_of(Region.TUMOUR, origin.uids, tumour_segment)
    numbers = _score_numbers(origin, score) if score else []
    if tumour is not None:
        numbers.append(_volume(tumour))
    return _group(tracking, numbers, list(_findings(result)))


def _group(
    tracking: Tracking, numbers: Sequence[Number], findings: Sequence[QualitativeEvaluation]
) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=tracking.uid, identifier=tracking.identifier),
        measurements=numbers,
        qualitative_evaluations=findings,
    )


def _score_numbers(origin: Origin, score: Score) -> list[Number]:
    shown, threshold = shown_score(score.hot_probability, score.threshold)
    numbers = [
        Number(codes.SCORE, float(shown), codes.PROBABILITY, algorithm_id=algorithm_identification(origin)),
        Number(codes.THRESHOLD, float(threshold), codes.PROBABILITY),
    ]
    if isinstance(score.stability, Stability):
        ends = ((codes.LOWEST_SCORE, score.stability.low), (codes.HIGHEST_SCORE, score.stability.high))
        numbers += [Number(code, float(shown_score(end, score.threshold)[0]), codes.PROBABILITY) for code, end in ends]
    return numbers


def _volume(region: RegionMeasurement) -> Number:
    return Number(codes.VOLUME, round(float(region.volume_ml), VOLUME_DIGITS), codes.MILLILITRE)


def _findings(result: CaseResult) -> Iterator[QualitativeEvaluation]:
    yield QualitativeEvaluation(codes.PHENOTYPE, verdict_code(result))
    if result.score is not None:
        if result.score.phenotype is Phenotype.UNCERTAIN:
            yield QualitativeEvaluation(codes.TENDENCY, CLASS_CODES[result.score.tendency])
        if result.score.prediction_set is not None:
            yield QualitativeEvaluation(codes.PREDICTION_SET, SET_CODES[result.score.prediction_set])
    if result.rejection is not None:
        yield QualitativeEvaluation(codes.REASON, REASONS[result.rejection.reason])


def verdict_code(result: CaseResult) -> Code:
    """Return the verdict as a coded finding."""
    return codes.NOT_SCORED if result.score is None else CLASS_CODES[result.score.phenotype]


def _verdict_texts(origin: Origin, result: CaseResult) -> Iterator[Dataset]:
    if origin.tumour is not None:
        yield text(codes.LESION, str(origin.tumour))
    if result.rejection is not None:
        yield text(codes.EXPLANATION, result.rejection.message)
    if result.score is not None:
        for why in doubt_texts(result.score.doubts):
            yield text(codes.UNCERTAINTY, why)
    if origin.signature is not None and origin.signature.research_notice:
        yield text(codes.NOTICE, origin.signature.research_notice)


def _explanations(origin: Origin, result: CaseResult, measurement: Measurement | None) -> Iterator[Dataset]:
    """Yield the basis of the verdict, as sentences."""
    if result.score is not None:
        yield text(codes.STABILITY, stability_text(result.score))
        yield text(codes.PREDICTION_SET, set_text(result.score))
        for sentence in training_position_texts(result.score):
            yield text(codes.POSITION, sentence)
        for contribution in result.score.contributions[:STRONGEST_EFFECTS]:
            yield text(codes.EFFECT, effect_text(contribution))
    headers = measurement.volume.headers if measurement else ()
    if measurement is not None:
        yield text(codes.MEASURED_ON, measured_on(measurement.volume.frames, headers))
    for note in dict.fromkeys((*image_type_notes(headers), *result.notes)):
        prefix = "Warning: " if note.severity is Severity.WARNING else ""
        yield text(codes.QUALITY_NOTE, f"{prefix}{note.text}")
    signature = origin.signature
    if signature is not None:
        digest = signature.digest[:SHORT_DIGEST]
        yield text(
            codes.SIGNATURE, f"{signature.id} {signature.version} (profile {signature.profile}, sha256 {digest})"
        )
        if signature.intended_use:
            yield text(codes.INTENDED_USE, signature.intended_use)
    if origin.version.number > 1:
        yield text(
            codes.REPLACES, f"This is result {origin.version.number} of the outline; it replaces the previous one."
        )
    yield text(codes.COMMENT, "Made by a program, not verified by a person.")


def effect_text(contribution: Contribution) -> str:
    """Return the effect of a feature on the score, such as ``+0.04: Ring, Contrast of GLCM, LoG 2 mm = 12.3``."""
    region, feature = contribution.column.split("_", 1)
    name = {Region.TUMOUR.value: "Tumour", Region.RING.value: "Ring"}[region]
    direction = "towards hot" if contribution.effect >= 0 else "towards cold"
    return f"{contribution.effect:+.3f} {direction}: {name}, {feature_concept(feature).text} = {contribution.value:.4g}"
