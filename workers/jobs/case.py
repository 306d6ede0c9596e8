"""One case, from the job's inputs to score or rejection: a function of the spool's files and the signature."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydicom import Dataset, dcmread

from listener.dicom.data_set import UNREADABLE_FILE
from listener.dicom.part10 import check_stored
from listener.spool.job_record import JobRecord, NotComplete
from listener.spool.spool import Spool
from model_store.signatures.acceptance import Criterion
from model_store.signatures.signature import Signature
from workers.acceptance import Acceptance
from workers.errors import RadtmeError, Reason, RejectedInput
from workers.features.case_input import read_headers
from workers.features.engine.choice import DEFAULT_ENGINE, EngineChoice
from workers.features.measurement import Measurement, measure
from workers.images.headers import read_plain
from workers.limits import LIMITS, Limits
from workers.notes import Note
from workers.outline.converted_images import images_in_other_form
from workers.outline.outline import NO_RULES
from workers.outline.segment_rules import SegmentRule, SegmentRules
from workers.results.source_description import image_type_notes
from workers.scoring.applicability import feature_objections, out_of_range_notes
from workers.scoring.case_result import CaseResult, DriftRecord, Rejection, Score
from workers.scoring.drift import drift_record, scanner_name
from workers.scoring.score import identity, score
from workers.scoring.signature_quality import signature_quality
from workers.scoring.stability import stability_of
from workers.stages import Stage, StageTimer


@dataclass(frozen=True)
class CaseInputs:
    """The files and the site's rules for one job."""

    seg_path: Path
    image_paths: tuple[Path, ...]
    not_complete: NotComplete | None
    """Why the wait for images ended early; None where all images are there."""
    other_series: tuple[tuple[Path, ...], ...] = ()
    """Files of the study's other image series, by series."""
    rules: SegmentRules = NO_RULES
    """The site's segment rules for the sender."""
    criteria_as_notes: frozenset[Criterion] = frozenset()
    """Criteria that add a warning instead of refusing the case, by the site's configuration."""
    engine: EngineChoice = DEFAULT_ENGINE
    """What measures the features."""
    segment_number: int | None = None
    """Number of the measured tumour's segment; None where the outline has one tumour."""


@dataclass(frozen=True)
class Case:
    """The result of a case, and the values that its reports need in addition."""

    result: CaseResult
    measurement: Measurement | None
    drift: DriftRecord | None = None
    """The position of a scored case in the training distribution."""


def inputs_of(
    spool: Spool,
    job: JobRecord,
    rules: Sequence[SegmentRule] = (),
    criteria_as_notes: Sequence[Criterion] = (),
    engine: EngineChoice = DEFAULT_ENGINE,
) -> CaseInputs:
    """Return the files of a job, the study's other series, and the site's rules for the sender."""
    instances_of = job.instances or {}
    images = [
        spool.instance_path(job.study_uid, series, instance)
        for series, instances in sorted(instances_of.items())
        for instance in sorted(instances)
    ]
    return CaseInputs(
        seg_path(spool, job),
        tuple(images),
        job.not_complete,
        _other_series(spool, job.study_uid, {job.seg.series_uid, *instances_of}),
        SegmentRules(tuple(rules), job.calling_ae_title or ""),
        frozenset(criteria_as_notes),
        engine,
    )


def seg_path(spool: Spool, job: JobRecord) -> Path:
    """Return the path of a job's outline."""
    return spool.instance_path(job.study_uid, job.seg.series_uid, job.seg.sop_instance_uid)


def _other_series(spool: Spool, study_uid: str, known: Collection[str]) -> tuple[tuple[Path, ...], ...]:
    folders = sorted(folder for folder in (spool.studies / study_uid).glob("*") if folder.name not in known)
    return tuple(tuple(sorted(folder.glob("*.dcm"))) for folder in folders if folder.is_dir())


def examine(
    inputs: CaseInputs,
    signature: Signature,
    timer: StageTimer,
    limits: Limits = LIMITS,
    stability_seconds: float = 0.0,
) -> Case:
    """Measure and score a case; a case that cannot be scored is returned as a rejection with its reason.

    ``stability_seconds`` is the predicted time that redrawing the outline may take; 0 switches redrawing off.
    """
    measurement: Measurement | None = None
    verdict: Score | None = None
    drift: DriftRecord | None = None
    rejection: Rejection | None = None
    notes: tuple[Note, ...] = ()
    acceptance = Acceptance(signature.acceptance, inputs.criteria_as_notes)
    try:
        _require_complete(inputs, limits)
        measurement = measure(
            inputs.image_paths,
            inputs.seg_path,
            signature.profile,
            timer,
            limits,
            segment_number=inputs.segment_number,
            rules=inputs.rules,
            other_series=inputs.other_series,
            acceptance=acceptance,
            engine=inputs.engine,
        )
        with timer(Stage.SCORE):
            scanner = scanner_name(measurement.volume.headers)
            found = score(signature, measurement.regions, scanner)
            notes = out_of_range_notes(signature, measurement.regions, scanner)
            notes += acceptance.judge(feature_objections(signature, measurement.regions, scanner))
            verdict = replace(found, after_contrast_shown=_after_contrast_shown(inputs, measurement))
            drift = drift_record(signature, measurement.regions, measurement.volume.headers)
        with timer(Stage.STABILITY):
            verdict = with_stability(verdict, signature, measurement, stability_seconds)
    except RejectedInput as error:
        rejection = Rejection(error.reason, str(error))
    regions = measurement.regions if measurement else ()
    measured_notes = (*measurement.notes, *image_type_notes(measurement.volume.headers)) if measurement else ()
    notes = (*measured_notes, *notes, *map(Note, signature.notes))
    quality = signature_quality(signature.description)
    scanner = scanner_name(measurement.volume.headers) if measurement else ""
    result = CaseResult(verdict, rejection, regions, notes, identity(signature), quality, scanner, signature.profile)
    return Case(result, measurement, drift)


def _after_contrast_shown(inputs: CaseInputs, measurement: Measurement) -> bool:
    """Return whether the images show that they are after contrast, or the site says so in their place."""
    return measurement.volume.is_shown_after_contrast or Criterion.CONTRAST_PHASE in inputs.criteria_as_notes


def with_stability(verdict: Score, signature: Signature, measurement: Measurement, budget_seconds: float) -> Score:
    """Return the score with its stability over redrawn outlines."""
    if measurement.surroundings is None:
        return verdict
    stability = stability_of(
        signature,
        measurement.surroundings,
        measurement.regions,
        verdict.hot_probability,
        budget_seconds,
        scanner_name(measurement.volume.headers),
    )
    return replace(verdict, stability=stability)


def rejected(error: RadtmeError) -> Case:
    """Return a case that is not scored for a reason outside the measurement."""
    return Case(CaseResult(None, Rejection(error.reason, str(error))), None)


def read_header(path: Path) -> Dataset:
    """Return a received object's attributes without its pixels; empty where the file is damaged or missing."""
    try:
        plain = read_plain(path)
        if plain is not None:
            return plain.dataset
        check_stored(path, LIMITS.structure, LIMITS.max_inflated_bytes)
        return dcmread(path, stop_before_pixels=True, force=True)
    except UNREADABLE_FILE:
        return Dataset()


def _require_complete(inputs: CaseInputs, limits: Limits) -> None:
    if inputs.not_complete is None and inputs.image_paths:
        return
    if came_converted(inputs, limits):
        return
    if inputs.not_complete is not None:
        other_form = images_in_other_form(read_header(inputs.seg_path), inputs.other_series, limits)
        message = "; ".join(filter(None, (inputs.not_complete.message, other_form)))
        raise RejectedInput(Reason(inputs.not_complete.reason), message)
    raise RejectedInput(Reason.MISSING_INSTANCES, "no image of the series that the SEG refers to was received")


def came_converted(inputs: CaseInputs, limits: Limits) -> bool:
    """Return whether images were received that were converted from all those that the outline references and lacks."""
    if not inputs.other_series:
        return False
    try:
        outline, images = read_headers(
            inputs.image_paths, inputs.seg_path, limits, inputs.segment_number, inputs.rules, inputs.other_series
        )
    except RejectedInput:
        return False
    named = {uid for uid, _ in outline.references}
    return bool(named) and named <= {one.sop_instance_uid for one in images}


def headers_for_report(inputs: CaseInputs, measurement: Measurement | None) -> Sequence[Dataset]:
    """Return the headers of the images that the report is about: the measured ones, else the first readable one."""
    if measurement is not None:
        return measurement.volume.headers
    found = (read_header(path) for path in inputs.image_paths)
    return list(islice((header for header in found if "SOPInstanceUID" in header), 1))
