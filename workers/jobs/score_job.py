"""Processes a scoring job, from its claim in the spool to results that are ready for delivery."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydicom import Dataset, dcmread
from pydicom.uid import SegmentationStorage

from listener.audit.trail import AuditLog
from listener.dicom.sender_character_sets import character_set_of
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.logger import Logger
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.leases import LeaseLost, while_held
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from model_store.signatures.shadow import Shadow
from model_store.signatures.signature import Signature
from workers.delivery.outbox import queue_delivery
from workers.delivery.routing import withheld
from workers.errors import EnginesDiffer, ModelError, RadtmeError, Reason, RejectedInput
from workers.features.engine.choice import EngineCheck, engine_for
from workers.jobs import attempts as ledger
from workers.jobs.case import Case, CaseInputs, examine, headers_for_report, inputs_of, read_header, rejected, seg_path
from workers.jobs.case_audit import scored
from workers.jobs.readable_case import readable_case
from workers.jobs.result_objects import build_results
from workers.jobs.several_tumours import further_jobs, tumours_in, which_tumour
from workers.notes import Note
from workers.notifications.event import note_outcome
from workers.results.common_modules import ResultVersion
from workers.results.encoding import encoded_file
from workers.results.instance_reference import InstanceReference
from workers.results.outline_correction import correction
from workers.results.patient_study import TYPE_2
from workers.results.result_record import (
    OutlineCorrection,
    RegionRecord,
    ResultRecord,
    ScoreRecord,
    read_intact_result,
    write_result,
)
from workers.results.result_roles import ResultRole
from workers.results.source_slices import source_slices
from workers.scoring.case_result import Phenotype, ResultOutcome
from workers.scoring.checked_registry import CheckedRegistry
from workers.scoring.score import active_signature
from workers.scoring.shadow_record import ShadowOutcome
from workers.scoring.shadow_score import shadow_record
from workers.settings import CaseOutcome, WorkerSettings
from workers.stages import Stage, StageSeconds
from workers.targets.self_test_targets import targets_for
from workers.targets.target import Target

log = Logger(__name__)

ENGINES_DIFFER = (
    "in another case, radtme's feature engine and pyradiomics measured different values: set workers.engine to "
    "pyradiomics and restart the workers"
)
"""In the reports of the cases that follow: without the values, which are another patient's."""


@dataclass(frozen=True)
class Scored:
    """The outcome of a job, for the log, the metrics and the announcements."""

    job_id: str
    outcome: ResultOutcome
    reason: Reason | None
    stage_seconds: Mapping[Stage, float]
    seconds: float
    targets: tuple[str, ...]
    hot_probability: float | None = None
    """Of a scored case; None where the case was not scored, or the result is unchanged."""
    phenotype: Phenotype | None = None
    shadow: ShadowOutcome | None = None
    """Outcome of the shadow signature; None without one."""
    is_self_test: bool = False
    """A self-test has no patient, and is excluded from the distribution of scores."""
    further: tuple[str, ...] = ()
    """Ids of the ready jobs of the outline's further tumours."""
    withheld: tuple[str, ...] = ()
    """Targets whose filter holds the result back."""
    correction: OutlineCorrection | None = None
    """Of a corrected outline."""
    signature: str = ""
    """Name and version; empty without one."""
    engine_check: EngineCheck | None = None
    """Outcome of the comparison of both feature engines; None where one measured."""


def run(
    spool: Spool,
    job: Job,
    registry: Registry,
    settings: WorkerSettings,
    ended_by: RadtmeError | None = None,
    shadow: Shadow | None = None,
) -> Scored:
    """Score a claimed job, write its results, and queue them for delivery.

    ``shadow`` scores in addition to the active signature, into ``result.json`` only. ``ended_by`` ends the case as not
    scored without reading its pixels, for example after a time limit.
    """
    started, begin = datetime.now(UTC), time.perf_counter()
    timer = StageSeconds()
    record = job.record
    written = read_intact_result(job)
    if written is not None:  # an earlier attempt was killed, or timed out, in the last step
        return _finished(spool, job, settings, written, time.perf_counter() - begin)
    engine = engine_for(record.seg.sop_instance_uid, settings.engine, settings.engine_check_interval)
    inputs = inputs_of(spool, record, settings.segment_rules, settings.criteria_as_notes, engine)
    tumours = () if ended_by else tumours_in(inputs, settings.limits)
    further = further_jobs(spool, record, tumours)
    if len(tumours) > 1:
        inputs = replace(inputs, segment_number=record.segment_number or tumours[0])
    case = rejected(ended_by) if ended_by else _examined(inputs, registry, timer, settings)
    if time.perf_counter() - begin > settings.soft_time_limit_seconds:
        case = rejected(took_too_long(settings))
    case, seg_header, image_headers = readable_case(
        case,
        read_header(inputs.seg_path),
        headers_for_report(inputs, case.measurement),
        character_set_of(record.calling_ae_title, settings.character_sets),
    )
    tumour = which_tumour(inputs.segment_number, tumours, case.measurement)
    if tumour is not None:
        note = Note(f"The outline holds {tumour.count} tumours, each with results of its own; this is {tumour}.")
        case = replace(case, result=replace(case.result, notes=(note, *case.result.notes)))
    corrected = _correction(spool, record, case)
    if corrected is not None:
        case = replace(case, result=replace(case.result, notes=(*case.result.notes, Note(str(corrected)))))
    on_all_phases = settings.report.segmentation_on_all_phases
    series_headers = [read_header(path) for path in inputs.image_paths] if on_all_phases else ()
    objects = build_results(
        case.result,
        seg_header,
        case.measurement,
        image_headers,
        ResultVersion(record.version, _replaced_objects(spool, record)),
        settings.institution_name,
        timer,
        _outline_of(record),
        tumour,
        record.segment_number,
        settings.report,
        series_headers,
    )
    result = replace(_with_objects(_findings(record, case, started), objects), correction=corrected)
    earlier = _replaced_result(spool, record)
    # The PACS already has this report, for the same patient.
    if earlier is not None and earlier.has_same_findings(result) and _same_patient_as_before(spool, record, objects):
        objects = {}
        result = _with_objects(replace(result, outcome=ResultOutcome.UNCHANGED), objects)
    reach(FaultPoint.SCORE_BUILT)
    with timer(Stage.WRITE):
        ledger.stage_objects(job, {role.value: encoded_file(dataset) for role, dataset in objects.items()})
    if record.is_self_test:
        result, shadow = replace(result, drift=None), None
    result = replace(
        result,
        shadow=None if shadow is None else shadow_record(shadow, case.result),
        finished=datetime.now(UTC),
        stage_seconds={stage: round(seconds, 4) for stage, seconds in timer.seconds.items()},
    )
    if result.outcome is not ResultOutcome.UNCHANGED:
        result = replace(result, withheld=withheld(spool, record, result, settings.targets))
    with while_held(spool, job):
        ledger.put_in_place(job)
        write_result(job, result)
    reach(FaultPoint.RESULT_WRITTEN)
    finished = _finished(spool, job, settings, result, time.perf_counter() - begin)
    return replace(finished, further=further, engine_check=_engine_check(inputs, case))


def earlier_version_in_work(spool: Spool, job: Job) -> str | None:
    """Return the id of the version that this one replaces, if it is still ready or running.

    A result must name the one that it replaces, so it cannot be written before that one.
    """
    replaced = job.record.replaces
    earlier = spool.find_job(replaced) if replaced else None
    return earlier.id if earlier and earlier.state in (JobState.READY, JobState.RUNNING) else None


def _outline_of(job: JobRecord) -> InstanceReference:
    """Return the reference to the outline, which the job knows even where the file is damaged."""
    return InstanceReference(job.study_uid, job.seg.series_uid, str(SegmentationStorage), job.seg.sop_instance_uid)


def _finished(spool: Spool, job: Job, settings: WorkerSettings, result: ResultRecord, seconds: float) -> Scored:
    record = job.record
    _audit(spool, record, settings, result)
    reason = result.rejection.reason if result.rejection else None
    recipients = tuple(one for one in targets_for(record, settings.targets) if one.name not in result.withheld)
    targets = _queue_results(spool, job, recipients, result, settings)
    verdict = result.score if result.outcome is ResultOutcome.SCORED else None
    return Scored(
        job.id,
        result.outcome,
        reason,
        result.stage_seconds,
        seconds,
        targets,
        verdict.hot_probability if verdict else None,
        verdict.phenotype if verdict else None,
        result.shadow.outcome if result.shadow else None,
        record.is_self_test,
        withheld=tuple(result.withheld),
        correction=None if record.is_self_test else result.correction,
        signature=f"{result.signature.id} {result.signature.version}" if result.signature else "",
    )


def _audit(spool: Spool, record: JobRecord, settings: WorkerSettings, result: ResultRecord) -> None:
    """Audit the result before it is delivered; `NotAudited` gives the job back, to be tried again."""
    audit = AuditLog(settings.audit)
    if audit.is_on:
        scored(audit, record, read_header(seg_path(spool, record)), result)


def took_too_long(settings: WorkerSettings) -> RejectedInput:
    """Return the reason why a case that exceeds its time limit is not scored.

    The limit interrupts the case at any point, and pyradiomics treats any exception as a feature without a value. A
    case over the limit is therefore never scored, whether or not it was interrupted.
    """
    limit = settings.soft_time_limit_seconds
    return RejectedInput(Reason.TIME_LIMIT, f"the case took longer than the limit of {limit:g} s")


def took_too_much(settings: WorkerSettings) -> RejectedInput:
    """Return the reason why a case that runs out of memory is not scored."""
    limit = settings.max_job_memory_bytes / 1024**2
    return RejectedInput(Reason.MEMORY_LIMIT, f"the case needs more memory than the limit of {limit:.0f} MiB")


def _examined(inputs: CaseInputs, registry: Registry, timer: StageSeconds, settings: WorkerSettings) -> Case:
    try:
        signature: Signature = active_signature(registry)
    except ModelError as error:
        return rejected(error)
    try:
        return examine(inputs, signature, timer, settings.limits, settings.stability_seconds)
    except EnginesDiffer as error:
        log.error("engines_differ", error=str(error))
        if isinstance(registry, CheckedRegistry):
            registry.stop(ENGINES_DIFFER)
        return rejected(error)


def _engine_check(inputs: CaseInputs, case: Case) -> EngineCheck | None:
    if case.result.rejection is not None and case.result.rejection.reason is Reason.ENGINES_DIFFER:
        return EngineCheck.DIFFERENT
    return EngineCheck.EQUAL if inputs.engine.is_checked and case.measurement is not None else None


def _findings(job: JobRecord, case: Case, started: datetime) -> ResultRecord:
    """Return the record of a case; its end time and its objects are still to be filled in."""
    result, measurement = case.result, case.measurement
    score = result.score
    return ResultRecord(
        job_id=job.job_id,
        seg=job.seg,
        started=started,
        finished=started,
        outcome=ResultOutcome.SCORED if score else ResultOutcome.NOT_SCORED,
        score=ScoreRecord.of(score) if score else None,
        rejection=result.rejection,
        signature=result.signature,
        regions=tuple(
            RegionRecord(region.region, region.volume_ml, region.voxels, region.grey_levels, dict(region.missing))
            for region in result.regions
        ),
        notes=tuple(note.text for note in result.notes),
        warnings=tuple(note.text for note in result.warnings),
        instances=tuple(sorted({frame.sop_instance_uid for frame in measurement.volume.frames})) if measurement else (),
        drift=case.drift,
    )


def _with_objects(result: ResultRecord, objects: Mapping[ResultRole, Dataset]) -> ResultRecord:
    references = {role: InstanceReference.of(dataset) for role, dataset in objects.items()}
    uids = {role: reference.sop_instance_uid for role, reference in references.items()}
    return replace(result, objects=uids, references=references)


def _same_patient_as_before(spool: Spool, record: JobRecord, objects: Mapping[ResultRole, Dataset]) -> bool:
    """Return whether the results have the same patient and study as those they replace: headers may be corrected."""
    earlier = spool.find_job(record.replaces) if record.replaces else None
    path = next(iter(sorted((earlier.folder / "objects").glob("*.dcm"))), None) if earlier is not None else None
    new = next(iter(objects.values()), None)
    if path is None or new is None:
        return True
    old = read_header(path)
    return all(str(old.get(keyword) or "") == str(new.get(keyword) or "") for keyword in TYPE_2)


def _replaced_result(spool: Spool, record: JobRecord) -> ResultRecord | None:
    """Return the newest earlier result that was reported, skipping unchanged versions."""
    replaced = record.replaces
    while replaced is not None:
        job = spool.find_job(replaced)
        if job is None:
            return None
        result = read_intact_result(job)
        if result is not None and result.outcome is not ResultOutcome.UNCHANGED:
            return result
        replaced = job.record.replaces
    return None


def _correction(spool: Spool, record: JobRecord, case: Case) -> OutlineCorrection | None:
    """Return how far a corrected outline differs from the earlier one; None for a first outline, or late images."""
    earlier = _replaced_result(spool, record)
    if earlier is None or case.measurement is None or earlier.seg.sop_instance_uid == record.seg.sop_instance_uid:
        return None
    job = spool.find_job(earlier.job_id)
    path = job.folder / "objects" / f"{ResultRole.SEGMENTATION}.dcm" if job is not None else None
    volume = case.measurement.volume
    return correction(
        earlier.seg.sop_instance_uid,
        case.measurement.tumour,
        source_slices(volume.frames, volume.headers),
        dcmread(path) if path is not None and path.exists() else None,
    )


def _replaced_objects(spool: Spool, record: JobRecord) -> Mapping[ResultRole, InstanceReference]:
    earlier = _replaced_result(spool, record)
    return {} if earlier is None else earlier.references


def _queue_results(
    spool: Spool, job: Job, targets: tuple[Target, ...], result: ResultRecord, settings: WorkerSettings
) -> tuple[str, ...]:
    """Queue the results for each target that accepts any of them; a job without such a target becomes done.

    Raises
    ------
    LeaseLost
        If another machine has taken the job over, or a person has removed it: nothing is queued.
    """
    reason = result.rejection.reason if result.rejection else None
    made = frozenset(result.objects)
    wanted = {target.name: tuple(role for role in ResultRole if role in made & target.roles) for target in targets}
    wanted = {name: chosen for name, chosen in wanted.items() if chosen}
    with spool.ledger.writing() as connection:
        moved = spool.change_within(
            connection,
            job,
            to=JobState.DELIVERING if wanted else JobState.DONE,
            **result.outcome_columns(),
        )
        if moved is None:
            raise LeaseLost
        if result.outcome is not ResultOutcome.UNCHANGED:
            note_outcome(spool, job, CaseOutcome(result.outcome), result.finished, settings, reason)
        queue_delivery(connection, job.id, wanted)
        reach(FaultPoint.DELIVERY_QUEUED)
    reach(FaultPoint.SCORE_HANDED_OVER)
    return tuple(wanted)
