"""A job in words: rows and lines of a list, and all of its details."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.operations.delivery_status import DeliveryStatus
from deploy.operations.job_status import JobStatus
from deploy.terminal import age, due, duration, path_from_here
from listener.dicom.sender_character_sets import UNREADABLE_TEXT
from listener.ledger.deliveries import DeliveryState
from listener.ledger.reader_assessments import Assessment, ReaderAssessment
from listener.spool.jobs import JobState
from workers.scoring.case_result import Doubt, Phenotype, ResultOutcome, shown_score
from workers.texts.certainty_texts import doubt_texts, range_text

NARROW = 90
"""Columns below which a job takes lines instead of a row."""
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


def show_jobs(console: Console, jobs: Iterable[JobStatus]) -> None:
    """Print one row for each job, or some lines where the terminal is narrow."""
    if console.width < NARROW:
        for job in jobs:
            console.print(Text.assemble(_state(job), f"  {job.job_id}  {_age(job)}"))
            for line in (*_words(job), Text(f"study {job.study_uid}", "dim")):
                console.print(indented(line), overflow="fold")
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


def verdict(job: JobStatus) -> Text:
    """Return verdict, score and threshold of a scored job, with the digits that its report shows."""
    assert job.phenotype is not None  # noqa: S101 - of a scored job
    return Text.assemble((job.phenotype.upper(), VERDICT_STYLE[job.phenotype]), score_words(job))


def score_words(job: JobStatus) -> str:
    """Return what follows the verdict of a scored job: tendency, score, threshold, redrawn outlines, and doubts."""
    assert job.hot_probability is not None  # noqa: S101 - of a scored job
    assert job.threshold is not None  # noqa: S101
    score, threshold = shown_score(job.hot_probability, job.threshold)
    is_shown = job.doubts and Doubt.CONTRAST_PHASE not in job.doubts
    tends = f", tends to {job.tendency}" if is_shown else ""
    redrawn = f", redrawn outlines {range_text(job.stability, job.threshold)}" if job.stability else ""
    doubts = "".join(f". {why.rstrip('.')}" for why in doubt_texts(job.doubts))
    return f"{tends}, score {score} (threshold {threshold}{redrawn}){doubts}"


def indented(line: Text) -> Padding:
    """Return a line below a heading."""
    return Padding(line, (0, 0, 0, 2), expand=False)


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
