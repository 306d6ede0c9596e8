"""The summary report, for radiologists: first the verdict in a sentence, then what it is about, then its basis.

It is the root result of a case (IHE AI Results): it refers to all other results and to the received outline.
"""

from collections.abc import Iterator, Mapping, Sequence

from pydicom import Dataset
from pydicom.sr.coding import Code

from model_store.signatures.certainty import PredictionSet
from workers.features.measurement import Measurement
from workers.features.regions import Region, RegionMeasurement
from workers.notes import Note, Severity
from workers.reports.content_items import coded, container, number, object_reference, text
from workers.reports.measurement_groups import RegionReference, identity_items, measurement_group, reference_items
from workers.reports.measurement_report import algorithm_items, measurement_report
from workers.reports.verdict_texts import about_score, conclusion, what_to_do
from workers.results import codes
from workers.results.anatomy import Site, site_of
from workers.results.common_modules import Origin
from workers.results.feature_words import column_words, in_words
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.results.segmentation import PROPERTIES, SEGMENT_NUMBERS
from workers.results.source_description import image_type_notes, measured_on, phase_words, series_words
from workers.results.tracking import REGION_NAMES, Tracking, shown_name, tracking_of
from workers.scoring.case_result import CaseResult, Contribution, Phenotype, Score, Stability, shown_score
from workers.texts.certainty_texts import doubt_texts, set_text, stability_text, training_position_texts
from workers.texts.not_scored_reasons import REASONS
from workers.texts.wording import Language, Wording

STRONGEST_EFFECTS = 5
VOLUME_DIGITS = 2
SHORT_DIGEST = 12
LANGUAGE_CODES = {
    Language.ENGLISH: Code("en-US", "RFC5646", "English (United States)"),
    Language.GERMAN: Code("de-DE", "RFC5646", "German (Germany)"),
    Language.CHINESE: Code("zh-CN", "RFC5646", "Chinese (China)"),
}
"""RFC 5646."""
CLASS_CODES = {Phenotype.HOT: codes.HOT, Phenotype.COLD: codes.COLD, Phenotype.UNCERTAIN: codes.UNCERTAIN}
SET_CODES = {
    PredictionSet.HOT: codes.HOT,
    PredictionSet.COLD: codes.COLD,
    PredictionSet.BOTH: codes.HOT_OR_COLD,
}
RELATED = {
    ResultRole.SEGMENTATION: codes.RESULT_SEGMENTATION,
    ResultRole.KEY_IMAGE: codes.RESULT_KEY_IMAGE,
    ResultRole.FEATURE_REPORT: codes.RESULT_FEATURES,
}


def summary_report(
    origin: Origin,
    result: CaseResult,
    measurement: Measurement | None,
    others: Mapping[ResultRole, InstanceReference],
) -> Dataset:
    """Return the summary report of a case, scored or not; ``others`` are its other results."""
    segment = measurement.tumour_segment if measurement else None
    site = site_of(origin.image_headers, segment)
    related = [object_reference(RELATED[role], reference) for role, reference in others.items()]
    related.append(object_reference(codes.OUTLINE, origin.outline))
    return measurement_report(
        origin,
        ResultRole.SUMMARY_REPORT,
        headline(result, origin.wording),
        _groups(origin, result, measurement, site, others.get(ResultRole.SEGMENTATION)),
        others.values(),
        before=[container(codes.SUMMARY, list(_summary(origin, result, measurement, site)))],
        after=[
            container(codes.QUALITATIVE_EVALUATIONS, list(_explanations(origin, result))),
            container(codes.RELATED_OBJECTS, related),
        ],
        language=LANGUAGE_CODES[origin.wording.language],
    )


def headline(result: CaseResult, say: Wording) -> str:
    """Return the verdict in one line, such as ``Radiomics 0.731 HOT``."""
    if result.score is None:
        return f"{say.series_name} {say('not scored')}"
    shown, _ = shown_score(result.score.hot_probability, result.score.threshold)
    return f"{say.series_name} {shown} {say.verdicts[result.score.phenotype]}"


def _summary(origin: Origin, result: CaseResult, measurement: Measurement | None, site: Site) -> Iterator[Dataset]:
    """Yield what a reader needs first."""
    say = origin.wording
    yield text(codes.CONCLUSION, conclusion(result, say))
    if result.rejection is not None:
        yield text(codes.WHAT_TO_DO, what_to_do(result.rejection, say))
        yield text(codes.EXPLANATION, in_words(result.rejection.message))
    if result.score is not None:
        yield text(codes.ABOUT_SCORE, about_score(result.quality, say))
    if origin.signature is not None and origin.signature.research_notice:
        yield text(codes.NOTICE, origin.signature.research_notice)
    if lesion := lesion_words(origin, result, measurement, site):
        yield text(codes.LESION, lesion)
    yield from _images(origin, measurement)
    for note in _notes(result, measurement):
        words = in_words(note.text)
        is_warning = note.severity is Severity.WARNING
        yield text(codes.QUALITY_NOTE, say("Warning: {text}", text=words) if is_warning else words)


def lesion_words(origin: Origin, result: CaseResult, measurement: Measurement | None, site: Site) -> str:
    """Return the lesion for readers, such as ``Left breast, Lesion 1, 35.65 mL``."""
    say = origin.wording
    parts = [say(site.words)] if site.words else []
    if origin.tumour is not None:
        parts.append(say("tumour {number} of {count}", number=origin.tumour.number, count=origin.tumour.count))
    if measurement is not None:
        parts.append(shown_name(tracking_of(Region.TUMOUR, origin.uids, measurement.tumour_segment), say))
        parts += [f"{one.volume_ml:.{VOLUME_DIGITS}f} mL" for one in result.regions if one.region is Region.TUMOUR]
    return ", ".join(parts)


def _images(origin: Origin, measurement: Measurement | None) -> Iterator[Dataset]:
    """Yield the images that were measured; of a case without a measurement, series of images and outline."""
    say = origin.wording
    if measurement is not None:
        phase = phase_words(measurement.volume, say)
        slices = measured_on(measurement.volume.frames, measurement.volume.headers, say)
        yield text(codes.MEASURED_ON, f"{phase}, {slices}" if phase else slices)
        return
    if series := series_words(origin.seg_header, say):
        yield text(codes.SOURCE, say("Outline: {series}", series=series))
    for header in origin.image_headers[:1]:
        if series := series_words(header, say):
            yield text(codes.SOURCE, say("Images: {series}", series=series))


def _notes(result: CaseResult, measurement: Measurement | None) -> list[Note]:
    """Return each quality note once, warnings first."""
    headers = measurement.volume.headers if measurement else ()
    notes = dict.fromkeys((*image_type_notes(headers), *result.notes))
    return sorted(notes, key=lambda note: note.severity is not Severity.WARNING)


def _groups(
    origin: Origin,
    result: CaseResult,
    measurement: Measurement | None,
    site: Site,
    segmentation: InstanceReference | None,
) -> list[Dataset]:
    """Return the group of the verdict, which is that of the tumour where it was measured, and that of the ring."""
    if measurement is None or segmentation is None:
        tracking = Tracking(REGION_NAMES[Region.TUMOUR], origin.uids.verdict_tracking())
        return [_group(tracking, Region.TUMOUR, site, list(_verdict(origin, result)), None)]
    series_uid = str(measurement.volume.headers[0].SeriesInstanceUID)
    groups = []
    for measured in result.regions or ():
        region = measured.region
        first = list(_verdict(origin, result)) if region is Region.TUMOUR else []
        tracking = tracking_of(region, origin.uids, measurement.tumour_segment if region is Region.TUMOUR else None)
        reference = RegionReference(segmentation, SEGMENT_NUMBERS[region], series_uid)
        groups.append(_group(tracking, region, site, [*first, _volume(measured)], reference))
    return groups


def _group(
    tracking: Tracking, region: Region, site: Site, first: Sequence[Dataset], reference: RegionReference | None
) -> Dataset:
    identity = identity_items(tracking, PROPERTIES[region][1], site)
    return measurement_group([*first, *identity, *reference_items(tracking, reference)], reference)


def _verdict(origin: Origin, result: CaseResult) -> Iterator[Dataset]:
    """Yield the verdict as a coded finding, then its numbers, or the reason why there is no score."""
    yield coded(codes.PHENOTYPE, verdict_code(result))
    if result.rejection is not None:
        yield coded(codes.REASON, REASONS[result.rejection.reason])
    score = result.score
    if score is not None:
        if score.shown_tendency is not None:
            yield coded(codes.TENDENCY, CLASS_CODES[score.shown_tendency])
        if score.prediction_set is not None:
            yield coded(codes.PREDICTION_SET, SET_CODES[score.prediction_set])
        yield from _score_numbers(origin, score)


def _score_numbers(origin: Origin, score: Score) -> Iterator[Dataset]:
    shown, threshold = shown_score(score.hot_probability, score.threshold)
    numbers = [(codes.SCORE, shown), (codes.THRESHOLD, threshold)]
    if isinstance(score.stability, Stability):
        ends = ((codes.LOWEST_SCORE, score.stability.low), (codes.HIGHEST_SCORE, score.stability.high))
        numbers += [(code, shown_score(end, score.threshold)[0]) for code, end in ends]
    for code, decimal in numbers:
        item = number(code, float(decimal), codes.OF_ONE, decimal=decimal)
        if code is codes.SCORE and (algorithm := list(algorithm_items(origin))):
            item.ContentSequence = algorithm
        yield item


def _volume(region: RegionMeasurement) -> Dataset:
    decimal = f"{region.volume_ml:.{VOLUME_DIGITS}f}"
    return number(codes.VOLUME, float(decimal), codes.MILLILITRE, decimal=decimal)


def verdict_code(result: CaseResult) -> Code:
    """Return the verdict as a coded finding."""
    return CLASS_CODES[result.score.phenotype] if result.score else codes.NOT_SCORED


def _explanations(origin: Origin, result: CaseResult) -> Iterator[Dataset]:
    """Yield the basis of the verdict, as sentences."""
    say = origin.wording
    if result.score is not None:
        for why in doubt_texts(result.score.doubts, say):
            yield text(codes.UNCERTAINTY, why)
        yield text(codes.STABILITY, stability_text(result.score, say))
        yield text(codes.PREDICTION_SET, set_text(result.score, say))
        for sentence in training_position_texts(result.score, say):
            yield text(codes.POSITION, sentence)
        for contribution in result.score.contributions[:STRONGEST_EFFECTS]:
            yield text(codes.EFFECT, effect_text(contribution, say))
    signature = origin.signature
    if signature is not None:
        digest = signature.digest[:SHORT_DIGEST]
        yield text(
            codes.SIGNATURE, f"{signature.id} {signature.version} (profile {signature.profile}, sha256 {digest})"
        )
        if signature.intended_use:
            yield text(codes.INTENDED_USE, signature.intended_use)
    if origin.version.number > 1:
        words = say(
            "This is result {number} of the outline; it replaces the previous one.", number=origin.version.number
        )
        yield text(codes.REPLACES, words)
    yield text(codes.COMMENT, say("Made by a program, not verified by a person."))


def effect_text(contribution: Contribution, say: Wording) -> str:
    """Return the effect of a feature on the score, such as ``+0.04 towards hot: Ring, Contrast of GLCM = 12.3``."""
    return say(
        "{effect} towards hot: {feature} = {value}"
        if contribution.effect >= 0
        else "{effect} towards cold: {feature} = {value}",
        effect=f"{contribution.effect:+.3f}",
        feature=column_words(contribution.column, say),
        value=f"{contribution.value:.4g}",
    )
