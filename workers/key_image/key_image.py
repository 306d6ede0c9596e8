"""The key image: a Secondary Capture for viewers that support neither segmentations nor reports."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL.Image import Image
from pydicom import Dataset

from workers.features.measurement import Measurement
from workers.features.regions import Region
from workers.key_image.drawing import AMBER, GREY, VIOLET, WHITE, Caption, Contour, View, draw, draw_words
from workers.key_image.training_strip import Strip
from workers.notes import Severity
from workers.results import codes
from workers.results.anatomy import site_of
from workers.results.common_modules import Origin, composite, software_version
from workers.results.feature_words import column_words
from workers.results.patient_study import decoded
from workers.results.region_colours import COLOURS, ring_label
from workers.results.result_roles import ResultRole
from workers.results.source_description import measured_on, phase_words, series_words
from workers.results.source_slices import SourceSlice, source_slices
from workers.results.tracking import REGION_NAMES
from workers.scoring.case_result import CaseResult, Doubt, Phenotype, Score, Stability, shown_score
from workers.texts.certainty_texts import range_text
from workers.texts.not_scored_reasons import REASONS
from workers.texts.remedies import EXPLAINED, REMEDIES
from workers.texts.wording import Wording

HOT_COLOUR, COLD_COLOUR = WHITE, GREY
"""Of the training cases. The colours of tumour and ring mean the outlines and nothing else."""
SHORT_DOUBTS = {
    Doubt.OUTLINE: "depends on the outline",
    Doubt.CALIBRATION: "training cases do not decide",
    Doubt.CONTRAST_PHASE: "contrast phase not known",
}
VERDICT_COLOURS = {Phenotype.HOT: WHITE, Phenotype.COLD: WHITE, Phenotype.UNCERTAIN: VIOLET}
"""A word tells hot from cold: no two colours do so for every reader beside those of the outlines."""
SHOWN_WARNINGS = 3
"""Most warnings that stand next to the slice; fewer where the text would be small."""
AXIS_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
"""For each axis of patient coordinates, the letters of its positive and of its negative direction."""


def key_image(origin: Origin, result: CaseResult, measurement: Measurement | None) -> Dataset:
    """Return the key image: the slice with the largest tumour area, with both outlines and the verdict.

    Of a case that was not measured, it says in words that there is no score, why, and what to do.
    """
    words = caption(origin, result, measurement)
    if measurement is None:
        return _capture(origin, draw_words(words))
    number = largest_slice(measurement)
    source = source_slices([measurement.volume.frames[number]], measurement.volume.headers)[0]
    instance = _capture(origin, draw(_view(origin, measurement, number, source), words))
    instance.DerivationDescription = "Slice with the largest tumour area; outlines and score drawn in"
    instance.SourceImageSequence = [_source_item(source)]
    return instance


def _capture(origin: Origin, picture: Image) -> Dataset:
    """Return a Secondary Capture of a picture in RGB."""
    instance = composite(origin, ResultRole.KEY_IMAGE, "OT", f"{origin.wording.series_name} key image")
    instance.Laterality = decoded(origin.headers[0], ["Laterality"]).get("Laterality")
    instance.ConversionType = "SYN"
    instance.ImageType = ["DERIVED", "SECONDARY"]
    instance.PatientOrientation = None
    instance.BurnedInAnnotation = "NO"
    instance.RecognizableVisualFeatures = "NO"
    instance.LossyImageCompression = "00"
    instance.SamplesPerPixel = 3
    instance.PhotometricInterpretation = "RGB"
    instance.PlanarConfiguration = 0
    instance.Rows, instance.Columns = picture.height, picture.width
    instance.BitsAllocated, instance.BitsStored, instance.HighBit = 8, 8, 7
    instance.PixelRepresentation = 0
    instance.PixelData = picture.tobytes()
    instance["PixelData"].VR = "OB"
    return instance


def largest_slice(measurement: Measurement) -> int:
    """Return the index of the slice with the largest tumour area."""
    touched = np.flatnonzero(measurement.tumour.any(axis=(1, 2)))
    return int(touched[np.argmax([np.count_nonzero(measurement.tumour[at]) for at in touched])])


def _source_item(source: SourceSlice) -> Dataset:
    item = source.item()
    item.SpatialLocationsPreserved = "NO"
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    return item


def _view(origin: Origin, measurement: Measurement, number: int, source: SourceSlice) -> View:
    say = origin.wording.on_images
    names = {Region.TUMOUR: say(REGION_NAMES[Region.TUMOUR]), Region.RING: ring_label(origin, say)}
    labels = {one.region: f"{names[one.region]}, {one.volume_ml:.1f} mL" for one in measurement.regions}
    masks = {Region.TUMOUR: measurement.tumour[number], Region.RING: measurement.ring[number]}
    row_spacing_mm, column_spacing_mm = source.pixel_spacing_mm
    return View(
        pixels=measurement.volume.array[number],
        pixel_spacing_mm=(row_spacing_mm, column_spacing_mm),
        outlines=[Contour(labels[region], masks[region], COLOURS[region]) for region in Region],
        edge_letters=edge_letters(source.orientation),
    )


def edge_letters(orientation: Sequence[float]) -> tuple[str, str, str, str]:
    """Return the patient directions at the left, right, upper and lower edge of a slice (PS3.3 C.7.6.1.1.1)."""
    right, left = _letters(orientation[:3])
    lower, upper = _letters(orientation[3:])
    return left, right, upper, lower


def _letters(direction: Sequence[float]) -> tuple[str, str]:
    """Return the letters of a direction and of its opposite, by its largest component."""
    axis = int(np.argmax(np.abs(direction)))
    towards, away = AXIS_LETTERS[axis]
    return (towards, away) if direction[axis] > 0 else (away, towards)


def caption(origin: Origin, result: CaseResult, measurement: Measurement | None) -> Caption:
    """Return the text next to the slice; of a case that was not measured, all that is shown."""
    score, signature, say = result.score, origin.signature, origin.wording.on_images
    if score is None:
        verdict, colour = say("NOT SCORED"), AMBER
    else:
        shown, _ = shown_score(score.hot_probability, score.threshold)
        verdict, colour = f"{shown} {say.verdicts[score.phenotype]}", VERDICT_COLOURS[score.phenotype]
    of_signature = say("signature {name}", name=f"{signature.id} {signature.version}") if signature else ""
    named = of_signature or f"radtme {software_version()}"
    site = site_of(origin.image_headers, measurement.tumour_segment if measurement else None)
    words = Caption(
        title=" - ".join(filter(None, (say(site.words) if site.words else "", say("Radiomics score")))),
        verdict=verdict,
        verdict_colour=colour,
        lines=[*_tumour_line(origin, say), *_lines(result, say)],
        warnings=list(_warnings(result, say, SHOWN_WARNINGS)),
        details=list(_details(result, say)),
        strip=_strip(score, say) if score else None,
        notice=signature.research_notice if signature else "",
        footer=say("{named}, not verified by a person", named=named),
        measured_on=(
            say("Measured on {images}", images=_source_of(measurement, say)) if measurement else _series_of(origin, say)
        ),
    )
    return _with_shorter(words, result, say)


def _with_shorter(words: Caption, result: CaseResult, say: Wording) -> Caption:
    """Return the caption with shorter ones behind it: fewer warnings, down to one, then without details."""
    counts = range(min(SHOWN_WARNINGS, len(result.warnings)) - 1, 0, -1)
    less = [replace(words, warnings=list(_warnings(result, say, count))) for count in counts]
    last = less[-1] if less else words
    less += [replace(last, details=words.details[:count]) for count in range(len(words.details) - 1, -1, -1)]
    shorter = None
    for one in reversed(less):
        shorter = replace(one, shorter=shorter)
    return replace(words, shorter=shorter)


def _strip(score: Score, say: Wording) -> Strip:
    certainty = score.certainty
    return Strip(
        score=score.hot_probability,
        threshold=score.threshold,
        span=score.span,
        hot=certainty.hot_scores if certainty else (),
        cold=certainty.cold_scores if certainty else (),
        hot_colour=HOT_COLOUR,
        cold_colour=COLD_COLOUR,
        verdict_colour=VERDICT_COLOURS[score.phenotype],
        hot_word=say.classes["hot"],
        cold_word=say.classes["cold"],
        axis_words=say("training cases"),
    )


def _tumour_line(origin: Origin, say: Wording) -> Iterator[str]:
    """Yield which of several tumours it is."""
    if (one := origin.tumour) is not None:
        words = say("Tumour {number} of {count}", number=one.number, count=one.count)
        yield f"{words}: {one.name}" if one.name else words


def _lines(result: CaseResult, say: Wording) -> Iterator[str]:
    if result.score is not None:
        yield from _score_lines(result.score, say)
    if result.rejection is not None:
        yield say(REASONS[result.rejection.reason].meaning)
        yield say(REMEDIES[result.rejection.reason])
        if result.rejection.reason in EXPLAINED:
            yield say("The explanation is in the report.")


def _score_lines(score: Score, say: Wording) -> Iterator[str]:
    doubts = say(" and ").join(say(SHORT_DOUBTS[doubt]) for doubt in score.doubts)
    if score.shown_tendency is not None:
        yield say("tends to {tendency}, but {why}", tendency=say.classes[score.shown_tendency], why=doubts)
    elif doubts:
        yield doubts
    else:
        yield say("immune-inflamed" if score.is_hot else "immune-desert")
    _, threshold = shown_score(score.hot_probability, score.threshold)
    hot = say.classes["hot"]
    yield say("{hot} from {threshold} upwards", hot=f"{hot[:1].upper()}{hot[1:]}", threshold=threshold)
    if isinstance(score.stability, Stability):
        yield say("Redrawn outlines {range}", range=range_text(score.stability, score.threshold, " - "))
    else:
        yield say("Outline not redrawn")
    if score.prediction_set is not None:
        both = say("{hot} or {cold}", **say.classes)
        yield say("Prediction set: {set}", set=say.classes.get(score.prediction_set, both))


def _warnings(result: CaseResult, say: Wording, count: int) -> Iterator[str]:
    """Yield the first warnings, and how many more there are."""
    for note in result.warnings[:count]:
        yield say("Warning: {text}", text=note.short(say))
    if (more := len(result.warnings) - count) > 0:
        yield say("{more} more warnings in the report" if more > 1 else "{more} more warning in the report", more=more)


def _details(result: CaseResult, say: Wording) -> Iterator[str]:
    """Yield the feature that moved the score most, and what is worth knowing of the measurement in few words."""
    if result.score is not None and result.score.contributions:
        strongest = result.score.contributions[0]
        towards = say.classes["hot" if strongest.effect >= 0 else "cold"]
        feature = column_words(strongest.column, say)
        yield say("Moved most, towards {tendency}: {feature}", tendency=towards, feature=feature)
    yield from (note.short(say) for note in result.notes if note.severity is Severity.NOTE and note.heading)


def _source_of(measurement: Measurement, say: Wording) -> str:
    phase = phase_words(measurement.volume, say)
    slices = measured_on(measurement.volume.frames, measurement.volume.headers, say, with_description=False)
    return ", ".join((phase, slices.split(",")[0])) if phase else slices


def _series_of(origin: Origin, say: Wording) -> str:
    """Return the series of a case that was not measured, as far as headers number them."""
    of_outline = series_words(origin.seg_header, say, with_description=False)
    of_images = "".join(series_words(header, say, with_description=False) for header in origin.image_headers[:1])
    said = (
        say("Outline: {series}", series=of_outline) if of_outline else "",
        say("Images: {series}", series=of_images) if of_images else "",
    )
    return "; ".join(filter(None, said))
