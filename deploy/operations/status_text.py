"""The status of the spool for people (on wide and on narrow terminals) and for scripts (JSON)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.operations.delivery_status import DeliveryStatus, TargetStatus
from deploy.operations.job_status import JobStatus, waits_long_for_a_worker
from deploy.operations.service_health import ServiceHealth
from deploy.operations.status import NEVER, SeriesStatus, SpoolStatus, StudyWithoutOutline
from deploy.terminal import age, due, duration, path_from_here, size
from listener.dicom.sender_character_sets import UNREADABLE_TEXT
from listener.ledger.deliveries import DeliveryState
from listener.ledger.reader_assessments import Assessment, ReaderAssessment
from listener.ledger.set_aside_outlines import SetAside, SetAsideOutline
from listener.spool.jobs import JobState
from workers.scoring.case_result import Phenotype, ResultOutcome, shown_score
from workers.texts.certainty_texts import doubt_texts, range_text

NARROW = 90
"""Columns below which a job takes lines instead of a row."""
MAX_FINISHED_SHOWN = 20
MAX_QUARANTINED_SHOWN = 5
MAX_SET_ASIDE_SHOWN = 5
MAX_REFUSED_SHOWN = 5
MAX_WITHOUT_OUTLINE_SHOWN = 5
FINISHED = (JobState.DONE, JobState.DROPPED)
ENDED = (*FINISHED, JobState.FAILED)
STATE_STYLE = {
    JobState.WAITING: "yellow",
    JobState.READY: "cyan",
    JobState.RUNNING: "cyan",
    JobState.DELIVERING: "yellow",
    JobState.DONE: "green",
    JobState.FAILED: "bold red",
    JobState.DROPPED: "dim",
}


VERDICT_STYLE = {Phenotype.HOT: "bold red", Phenotype.COLD: "bold blue", Phenotype.UNCERTAIN: "bold magenta"}
ASSESSMENT_STYLE = {Assessment.ACCEPTED: "green", Assessment.MODIFIED: "yellow", Assessment.REJECTED: "bold red"}
DELIVERY_STYLE = {DeliveryState.DELIVERED: "green", DeliveryState.REFUSED: "bold red", DeliveryState.QUEUED: ""}


def as_json(value: Any) -> Any:
    """Return a status value as JSON-ready values; times are UTC, ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return as_json(asdict(value))
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def show_status(console: Console, status: SpoolStatus, health: ServiceHealth, *, everything: bool) -> None:
    """Print the service and the whole spool; of finished jobs only the newest, unless ``everything``."""
    console.print(_headline(status))
    show_health(console, health)
    if assessed := Counter(one.assessment for job in status.jobs for one in job.assessments):
        console.print("readers: " + ", ".join(f"{assessed[one]} {one}" for one in Assessment if assessed[one]))
    if late := waits_long_for_a_worker(status.jobs):
        console.print(Text(late, "bold yellow"), overflow="fold")
    for target in status.targets:
        console.print(_unreachable(target), overflow="fold")
    shown = list(status.jobs) if everything else _newest_finished(status.jobs)
    if shown:
        console.print()
        show_jobs(console, shown)
    hidden = len(status.jobs) - len(shown)
    if hidden:
        console.print(f"  and {hidden} finished jobs that are older (--all shows them)", style="dim")
    show_without_outline(console, status.without_outline, everything=everything)
    show_refused_contexts(console, status, everything=everything)
    show_set_aside(console, status.set_aside, everything=everything)
    show_quarantine(console, status, everything=everything)


def show_health(console: Console, health: ServiceHealth) -> None:
    """Print what runs, and what of that needs a person."""
    console.print(Text(health.summary), overflow="fold")
    for problem in health.problems:
        console.print(Text(problem, "bold red"), overflow="fold")


def show_without_outline(console: Console, studies: Sequence[StudyWithoutOutline], *, everything: bool) -> None:
    """Print the studies of which no outline came, the newest first."""
    if not studies:
        return
    console.print()
    console.print(f"without an outline ({len(studies)}): not scored until one comes", style="dim")
    for one in studies if everything else studies[:MAX_WITHOUT_OUTLINE_SHOWN]:
        came = f", last {age(one.last_arrival)} ago" if one.last_arrival else ""
        count = _count(one.instances, "instance", "instances")
        console.print(_indented(Text(f"study {one.study_uid}  {count}{came}")), overflow="fold")


def show_set_aside(console: Console, outlines: Sequence[SetAsideOutline], *, everything: bool) -> None:
    """Print how many outlines make no case and why, and the newest of them."""
    if not outlines:
        return
    console.print()
    counts = Counter(one.reason.replace("_", " ") for one in outlines)
    console.print(f"no case ({', '.join(f'{count} {reason}' for reason, count in counts.most_common())})", style="dim")
    # Our own results come back with every case of a PACS that routes by modality: they are counted, not listed.
    others = [one for one in outlines if everything or one.reason != SetAside.OWN_RESULT]
    for one in others if everything else others[:MAX_SET_ASIDE_SHOWN]:
        sender = f" from {one.calling_ae_title}" if one.calling_ae_title else ""
        console.print(_indented(Text(f"{one.message}{sender}, study {one.study_uid}")), overflow="fold")


def show_study(
    console: Console, series: Sequence[SeriesStatus], jobs: Sequence[JobStatus], outlines: Sequence[SetAsideOutline]
) -> None:
    """Print one study: its series, then its jobs with all their times."""
    for one in series:
        came = f", last {age(one.last_arrival)} ago" if one.last_arrival else ""
        count = _count(one.instances, "instance", "instances")
        console.print(Text.assemble("series ", (one.series_uid, "bold"), f"  {count}{came}"), overflow="fold")
    for job in jobs:
        console.print()
        show_job(console, job)
    show_set_aside(console, outlines, everything=True)


def show_jobs(console: Console, jobs: Iterable[JobStatus]) -> None:
    """Print one row for each job, or some lines where the terminal is narrow."""
    if console.width < NARROW:
        for job in jobs:
            console.print(Text.assemble(_state(job), f"  {job.job_id}  {_age(job)}"))
            for line in (*_words(job), Text(f"study {job.study_uid}", "dim")):
                console.print(_indented(line), overflow="fold")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("state", no_wrap=True)
    table.add_column("job", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("what", overflow="fold")
    for job in jobs:
        what = Text("\n").join(Text.assemble(line) for line in (*_words(job), Text(f"study {job.study_uid}", "dim")))
        table.add_row(_state(job), job.job_id, _age(job), what)
    console.print(table)


def show_job(console: Console, job: JobStatus) -> None:
    """Print one job with all its details."""
    console.print(Text.assemble("job ", (job.job_id, "bold"), "  ", _state(job), f"  {_age(job)}"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for line in _words(job):
        grid.add_row("", line)
    if job.replaces:
        grid.add_row("replaces", job.replaces)
    for region in job.regions:
        grid.add_row(region.region.value, f"{region.volume_ml:.2f} mL, {region.voxels} voxels")
    for note in job.notes:
        grid.add_row("warning" if note in job.warnings else "note", note)
    if job.signature:
        grid.add_row("signature", f"{job.signature.id} {job.signature.version}")
    for name, moment in job.times.items():
        grid.add_row(name, moment)
    if job.stage_seconds:
        stages = ", ".join(f"{stage.shown} {duration(seconds)}" for stage, seconds in job.stage_seconds.items())
        grid.add_row("stages", stages)
    for path in job.objects:
        grid.add_row("result", path_from_here(Path(path)))
    console.print(Padding(grid, (0, 0, 0, 2)))


def show_refused_contexts(console: Console, status: SpoolStatus, *, everything: bool) -> None:
    """Print refused presentation contexts: those of images and outlines come first."""
    if not status.refused_contexts:
        return
    console.print()
    console.print("offered and not accepted", style="yellow")
    ranked = sorted(status.refused_contexts, key=lambda one: not one.context.transfer_syntax_uids)
    shown = ranked if everything else ranked[:MAX_REFUSED_SHOWN]
    for one in shown:
        console.print(_indented(Text(f"{one.says}, last {age(one.last)} ago")), overflow="fold")
    if len(shown) < len(ranked):
        console.print(f"  and {len(ranked) - len(shown)} more (--all shows them)", style="dim")


def show_quarantine(console: Console, status: SpoolStatus, *, everything: bool) -> None:
    """Print the objects in quarantine."""
    if not status.quarantine:
        return
    console.print()
    console.print(f"quarantine ({len(status.quarantine)}): radtme quarantine show NAME says more", style="bold red")
    shown = status.quarantine if everything else status.quarantine[:MAX_QUARANTINED_SHOWN]
    for one in shown:
        console.print(_indented(Text(f"{one.name}  {one.reason}")), overflow="fold")
    if len(shown) < len(status.quarantine):
        console.print(f"  and {len(status.quarantine) - len(shown)} more (--all shows them)", style="dim")


def verdict(job: JobStatus) -> Text:
    """Return verdict, score and threshold of a scored job, with the digits that its report shows."""
    assert job.phenotype is not None  # noqa: S101 - of a scored job
    return Text.assemble((job.phenotype.upper(), VERDICT_STYLE[job.phenotype]), score_words(job))


def score_words(job: JobStatus) -> str:
    """Return what follows the verdict of a scored job: tendency, score, threshold, redrawn outlines, and doubts."""
    assert job.hot_probability is not None  # noqa: S101 - of a scored job
    assert job.threshold is not None  # noqa: S101
    score, threshold = shown_score(job.hot_probability, job.threshold)
    tends = f", tends to {job.tendency}" if job.doubts else ""
    redrawn = f", redrawn outlines {range_text(job.stability, job.threshold)}" if job.stability else ""
    doubts = "".join(f". {why.rstrip('.')}" for why in doubt_texts(job.doubts))
    return f"{tends}, score {score} (threshold {threshold}{redrawn}){doubts}"


def _indented(line: Text) -> Padding:
    return Padding(line, (0, 0, 0, 2), expand=False)


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _headline(status: SpoolStatus) -> Text:
    parts = [_count(status.studies, "study", "studies"), _count(status.instances, "instance", "instances")]
    if status.receiving:
        parts.append(f"{status.receiving} coming in")
    parts += [f"{count} {state.value}" for state in JobState if (count := status.count(state))]
    parts.append(f"{size(status.free_bytes)} free")
    return Text.assemble((path_from_here(status.spool), "bold"), "  ", ", ".join(parts))


def _state(job: JobStatus) -> Text:
    held = ", held" if job.held else ""
    return Text(f"{job.state.value}{held}", "magenta" if held else STATE_STYLE[job.state])


def _age(job: JobStatus) -> str:
    """Return since when a job is open, or how long ago it ended."""
    if job.since is None:
        return "?"
    return f"{age(job.since)} ago" if job.state in ENDED else f"for {age(job.since)}"


def _words(job: JobStatus) -> list[Text]:
    lines = []
    if job.hot_probability is not None and job.threshold is not None:
        lines.append(verdict(job))
    if job.outcome is ResultOutcome.UNCHANGED:
        lines.append(Text("same inputs as the result that it would replace: nothing new was sent"))
    if job.says:
        lines.append(Text(job.says))
    lines += [_assessment(one) for one in job.assessments]
    lines += [Text(f"note: {note}", "yellow") for note in job.notes if note.startswith(UNREADABLE_TEXT)]
    goes_on = job.state not in ENDED
    lines += [_delivery(one, goes_on=goes_on) for one in job.deliveries]
    lines += [Text(f"{target}: not sent, {why}", "dim") for target, why in job.withheld.items()]
    if job.withheld and not job.deliveries:
        lines.append(Text("no target gets this result", "yellow"))
    return lines


def _assessment(one: ReaderAssessment) -> Text:
    what = ", ".join(role.replace("_", " ") for role in one.roles)
    reader = f" by reader {one.reader}" if one.reader else ""
    words = f"{one.assessment}{reader}, {age(one.at)} ago from {one.calling_ae_title} ({one.code}: {what})"
    return Text(words, ASSESSMENT_STYLE[one.assessment])


def _delivery(one: DeliveryStatus, *, goes_on: bool) -> Text:
    if not goes_on and not one.state.is_settled:
        taken = f", which has {one.objects_taken} of {one.objects} objects" if one.objects_taken else ""
        return Text(f"{one.target}: nothing more is sent{taken}", "dim")
    words = f"{one.target}: {one.state.replace('_', ' ')}"
    if one.next_step is not None and (one.state is not DeliveryState.QUEUED or one.target_asked is not None):
        step, moment = one.next_step
        words += f", {step} {due(moment)}" + (f", {one.tries} so far" if one.target_asked is None else "")
    if one.state is DeliveryState.COMMITMENT_REQUESTED and one.commitment_requested is not None:
        words += f" {age(one.commitment_requested)} ago, {one.objects_committed} of {one.objects} committed"
    if one.last_error and one.state is not DeliveryState.DELIVERED:
        words += f": {one.last_error}"
    if one.plainer:
        words += f" (not taken as made: {', '.join(one.plainer)})"
    style = DELIVERY_STYLE.get(one.state, "yellow")
    return Text(words, style)


def _unreachable(target: TargetStatus) -> Text:
    """Return that delivery to a target is suspended, since when, and when the next probe is due."""
    since = f" for {age(target.since)}" if target.since else ""
    probe = f", asked again {due(target.next_probe)}" if target.next_probe else ""
    why = f": {target.last_error}" if target.last_error else ""
    return Text(
        f"target {target.target}: not reached{since}, circuit {target.circuit.value}{probe}{why}", "bold yellow"
    )


def _newest_finished(jobs: Sequence[JobStatus]) -> list[JobStatus]:
    """Return what is open, then the newest of what is over, the newest first."""
    finished = sorted((job for job in jobs if job.state in FINISHED), key=lambda job: job.since or NEVER, reverse=True)
    return [job for job in jobs if job.state not in FINISHED] + finished[:MAX_FINISHED_SHOWN]
