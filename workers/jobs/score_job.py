"""A scoring job, from its claim in the spool to its results lying ready for delivery."""

import io
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.uid import SegmentationStorage

from listener.audit.trail import AuditLog
from listener.runtime.fault_points import FaultPoint, reach
from listener.spool.atomic_files import write_json
from listener.spool.jobs import Job, JobState
from listener.spool.self_tests import is_self_test
from listener.spool.spool import Spool
from listener.spool.timestamps import now
from model_store.signatures.registry import Registry
from model_store.signatures.shadow import Shadow
from model_store.signatures.signature import Signature
from workers.delivery.outbox import queue_delivery
from workers.errors import ModelError, RadtmeError, Reason, RejectedInput
from workers.jobs import attempts as ledger
from workers.jobs.case import Case, CaseInputs, examine, headers_for_report, inputs_of, read_header, rejected
from workers.jobs.case_audit import scored
from workers.jobs.readable_case import readable_case
from workers.jobs.result_objects import build_results
from workers.jobs.several_tumours import further_jobs, tumours_of, which_tumour
from workers.limits import Limits
from workers.notifications.event import note_outcome
from workers.results.common_modules import ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.patient_study import TYPE_2
from workers.results.readable_texts import character_set_of
from workers.results.result_classes import ResultRole
from workers.scoring.case_result import NOT_SCORED, SCORED, UNCHANGED
from workers.scoring.score import active_signature
from workers.scoring.shadow_score import shadow_record
from workers.settings import CaseOutcome, WorkerSettings
from workers.stages import Stage, StageSeconds
from workers.targets.self_test_targets import targets_for
from workers.targets.target import Target


@dataclass(frozen=True)
class Scored:
    """What a job came to, for the log, the metrics and the announcements."""

    job_id: str
    outcome: str
    reason: Reason | None
    stage_seconds: Mapping[Stage, float]
    seconds: float
    targets: tuple[str, ...]
    hot_probability: float | None = None
    """Of a scored case; None where it was not scored, or nothing new was found."""
    phenotype: str | None = None
    shadow: str | None = None
    """Outcome of the shadow signature beside it; None without one."""
    is_self_test: bool = False
    """Nobody's case: it says nothing of how scores are distributed."""
    further: tuple[str, ...] = ()
    """Ids of the ready jobs of the outline's further tumours."""


def run(
    spool: Spool,
    job: Job,
    registry: Registry,
    settings: WorkerSettings,
    ended_by: RadtmeError | None = None,
    shadow: Shadow | None = None,
) -> Scored:
    """Score a claimed job, write its results, and move it on to delivery.

    ``shadow`` scores beside the active signature, into ``result.json`` only. ``ended_by`` ends the case as not scored
    without looking at its pixels, for example after a time limit.
    """
    started, begin = now(), time.perf_counter()
    timer = StageSeconds()
    content = job.read()
    written = job.read_intact("result.json")
    if written is not None:  # an earlier attempt died, or ran out of time, on the last step
        return _finished(spool, job, settings, written, time.perf_counter() - begin)
    inputs = inputs_of(spool, content, settings.segment_rules)
    tumours = () if ended_by else tumours_of(inputs, settings.limits)
    further = further_jobs(spool, content, tumours)
    if len(tumours) > 1:
        inputs = replace(inputs, segment_number=content.get("segment_number") or tumours[0])
    case = rejected(ended_by) if ended_by else _examined(inputs, registry, timer, settings.limits)
    if time.perf_counter() - begin > settings.soft_time_limit_seconds:
        case = rejected(took_too_long(settings))
    version = ResultVersion(content["version"], _replaced_objects(spool, content))
    case, seg_header, image_headers = readable_case(
        case,
        read_header(inputs.seg_path),
        headers_for_report(inputs, case.measurement),
        character_set_of(content.get("calling_ae_title"), settings.character_sets),
    )
    tumour = which_tumour(inputs.segment_number, tumours, case.measurement)
    if tumour is not None:
        note = f"The outline holds {tumour.count} tumours, each with results of its own; this is {tumour}."
        case = replace(case, result=replace(case.result, notes=(note, *case.result.notes)))
    objects = build_results(
        case.result,
        seg_header,
        case.measurement,
        image_headers,
        version,
        settings.institution_name,
        timer,
        _outline_of(content),
        tumour,
        content.get("segment_number"),
    )
    record = {"job_id": job.id, "seg": content["seg"], "started": started, **_findings(case), **_identity(objects)}
    if _same_as_before(spool, content, record) and _same_patient_as_before(spool, content, objects):
        objects = {}
        record |= {"outcome": UNCHANGED, **_identity(objects)}
    reach(FaultPoint.SCORE_BUILT)
    with timer(Stage.WRITE):
        ledger.write_objects(job, {role.value: encoded(dataset) for role, dataset in objects.items()})
    if is_self_test(content):
        record["drift"] = shadow = None
    if shadow is not None and (beside := shadow_record(shadow, case.result)) is not None:
        record["shadow"] = beside
    record |= {
        "finished": now(),
        "stage_seconds": {s.value: round(t, 4) for s, t in timer.seconds.items()},
    }
    write_json(job.folder / "result.json", record)
    reach(FaultPoint.RESULT_WRITTEN)
    return replace(_finished(spool, job, settings, record, time.perf_counter() - begin), further=further)


def earlier_version_in_work(spool: Spool, job: Job) -> str | None:
    """Return the id of the version that this one replaces, where a worker has it or will have it soon.

    A result has to name the one that it replaces, so it cannot be written before it.
    """
    replaced = job.read()["replaces"]
    earlier = spool.find_job(replaced) if replaced else None
    return earlier.id if earlier and earlier.state in (JobState.READY, JobState.RUNNING) else None


def later_versions(spool: Spool, job_id: str) -> list[str]:
    """Return the ids of the ready jobs whose results replace this one's."""
    return [job.id for job in spool.jobs(JobState.READY) if job.read()["replaces"] == job_id]


def _outline_of(content: Mapping[str, Any]) -> InstanceReference:
    """Return which object the outline is: the job knows it even where the file is damaged."""
    seg = content["seg"]
    return InstanceReference(content["study_uid"], seg["series_uid"], str(SegmentationStorage), seg["sop_instance_uid"])


def _finished(spool: Spool, job: Job, settings: WorkerSettings, record: Mapping[str, Any], seconds: float) -> Scored:
    _audit(spool, job, settings, record)
    reason = Reason(record["rejection"]["reason"]) if record["rejection"] else None
    if record["outcome"] != UNCHANGED:
        outcome = CaseOutcome(record["outcome"])
        note_outcome(spool, job, outcome, record["finished"], settings, reason.value if reason else None)
    content = job.read()
    targets = _queue_results(
        spool, job, targets_for(content, settings.targets), frozenset(map(ResultRole, record["objects"]))
    )
    stages = {Stage(stage): taken for stage, taken in record["stage_seconds"].items()}
    verdict = record["score"] if record["outcome"] == SCORED else None
    return Scored(
        job.id,
        record["outcome"],
        reason,
        stages,
        seconds,
        targets,
        verdict["hot_probability"] if verdict else None,
        verdict["phenotype"] if verdict else None,
        record["shadow"]["outcome"] if "shadow" in record else None,
        is_self_test(content),
    )


def _audit(spool: Spool, job: Job, settings: WorkerSettings, record: Mapping[str, Any]) -> None:
    """Write down what was found before it is handed on; `NotAudited` gives the job back, to be tried again."""
    audit = AuditLog(settings.audit)
    if not audit.is_on:
        return
    content = job.read()
    seg = content["seg"]
    path = spool.instance_path(content["study_uid"], seg["series_uid"], seg["sop_instance_uid"])
    scored(audit, content["study_uid"], read_header(path), record)


def took_too_long(settings: WorkerSettings) -> RejectedInput:
    """Return why a case over its time is not scored.

    The limit interrupts wherever the case is, and pyradiomics takes any exception for a feature that has no value. So
    a case over its time is never scored, whether it was interrupted or not.
    """
    limit = settings.soft_time_limit_seconds
    return RejectedInput(Reason.TIME_LIMIT, f"the case took longer than the limit of {limit:g} s")


def took_too_much(settings: WorkerSettings) -> RejectedInput:
    """Return why a case that runs out of memory is not scored."""
    limit = settings.max_job_memory_bytes / 1024**2
    return RejectedInput(Reason.MEMORY_LIMIT, f"the case needs more memory than the limit of {limit:.0f} MiB")


def encoded(dataset: Dataset) -> bytes:
    """Return the object as a DICOM file."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _examined(inputs: CaseInputs, registry: Registry, timer: StageSeconds, limits: Limits) -> Case:
    try:
        signature: Signature = active_signature(registry)
    except ModelError as error:
        return rejected(error)
    return examine(inputs, signature, timer, limits)


def _findings(case: Case) -> dict[str, Any]:
    """Return what `radtme status` shows of a case."""
    result, measurement = case.result, case.measurement
    score = result.score
    return {
        "outcome": SCORED if score else NOT_SCORED,
        "score": None
        if score is None
        else {
            "hot_probability": score.hot_probability,
            "threshold": score.threshold,
            "phenotype": "hot" if score.is_hot else "cold",
        },
        "rejection": None if result.rejection is None else asdict(result.rejection),
        "signature": None if result.signature is None else asdict(result.signature),
        "regions": [
            {
                "region": region.region.value,
                "volume_ml": region.volume_ml,
                "voxels": region.voxels,
                "grey_levels": region.grey_levels,
                "missing": dict(region.missing),
            }
            for region in result.regions
        ],
        "notes": list(result.notes),
        "instances": sorted({frame.sop_instance_uid for frame in measurement.volume.frames}) if measurement else [],
        "drift": None if case.drift is None else case.drift.to_json(),
    }


def _identity(objects: Mapping[ResultRole, Dataset]) -> dict[str, Any]:
    return {
        "objects": {role.value: str(dataset.SOPInstanceUID) for role, dataset in objects.items()},
        "references": {role.value: asdict(InstanceReference.of(dataset)) for role, dataset in objects.items()},
    }


FINDINGS_THAT_COUNT = ("seg", "outcome", "score", "rejection", "signature", "regions", "instances")


def _same_as_before(spool: Spool, content: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Tell whether this version found what the one it replaces found: then the PACS has the report already."""
    earlier = _replaced_result(spool, content)
    return earlier is not None and all(earlier.get(name) == record[name] for name in FINDINGS_THAT_COUNT)


def _same_patient_as_before(spool: Spool, content: Mapping[str, Any], objects: Mapping[Any, Dataset]) -> bool:
    """Tell whether the results name patient and study as those do that they would replace: headers can be corrected."""
    earlier = spool.find_job(content["replaces"]) if content["replaces"] else None
    path = next(iter(sorted((earlier.folder / "objects").glob("*.dcm"))), None) if earlier is not None else None
    new = next(iter(objects.values()), None)
    if path is None or new is None:
        return True
    old = read_header(path)
    return all(str(old.get(keyword) or "") == str(new.get(keyword) or "") for keyword in TYPE_2)


def _replaced_result(spool: Spool, content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest earlier result that was reported: an unchanged version stands for the one before it."""
    replaced = content["replaces"]
    while replaced is not None:
        job = spool.find_job(replaced)
        if job is None:
            return None
        result = job.read_intact("result.json")
        if result is not None and result["outcome"] != UNCHANGED:
            return result
        replaced = job.read()["replaces"]
    return None


def _replaced_objects(spool: Spool, content: Mapping[str, Any]) -> dict[ResultRole, InstanceReference]:
    earlier = _replaced_result(spool, content)
    if earlier is None:
        return {}
    return {ResultRole(role): InstanceReference(**reference) for role, reference in earlier["references"].items()}


def _queue_results(
    spool: Spool, job: Job, targets: tuple[Target, ...], roles: frozenset[ResultRole]
) -> tuple[str, ...]:
    """Queue the results for each target that takes any of them; a job that nobody waits for is done."""
    wanted = {
        target.name: tuple(role.value for role in ResultRole if role in roles & target.results) for target in targets
    }
    wanted = {name: chosen for name, chosen in wanted.items() if chosen}
    if not wanted:
        spool.move(job, JobState.DONE)
        return ()
    queue_delivery(job, wanted)
    reach(FaultPoint.DELIVERY_QUEUED)
    spool.move(job, JobState.DELIVERING)
    reach(FaultPoint.SCORE_HANDED_OVER)
    return tuple(wanted)
