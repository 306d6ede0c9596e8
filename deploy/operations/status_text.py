"""The status of the spool for people (on wide and on narrow terminals) and for scripts (JSON)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from deploy.operations.delivery_status import TargetStatus
from deploy.operations.job_status import JobStatus, waits_long_for_a_worker
from deploy.operations.job_text import FINISHED, indented, show_job, show_jobs
from deploy.operations.service_health import ServiceHealth, show_health
from deploy.operations.status import NEVER, SeriesStatus, SpoolStatus
from deploy.terminal import age, counted, due, path_from_here, size
from listener.ledger.reader_assessments import Assessment
from listener.ledger.set_aside_outlines import SetAside, SetAsideOutline
from listener.spool.jobs import JobState

MAX_FINISHED_SHOWN = 20
MAX_QUARANTINED_SHOWN = 5
MAX_SET_ASIDE_SHOWN = 5
MAX_REFUSED_SHOWN = 5
MAX_WITHOUT_OUTLINE_SHOWN = 5


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
    if said := status.assessments:
        console.print("readers: " + ", ".join(f"{said[one]} {one}" for one in Assessment if said.get(one)))
    if late := waits_long_for_a_worker(status.jobs):
        console.print(Text(late, "bold yellow"), overflow="fold")
    for target in status.targets:
        console.print(_unreachable(target), overflow="fold")
    shown = list(status.jobs) if everything else _newest_finished(status.jobs)
    if shown:
        console.print()
        show_jobs(console, shown)
    hidden = sum(status.counts.values()) - len(shown)
    if hidden:
        console.print(f"  and {hidden} finished jobs that are older (--all shows them)", style="dim")
    show_without_outline(console, status, everything=everything)
    show_refused_contexts(console, status, everything=everything)
    show_set_aside(console, status.set_aside, status.set_aside_counts, everything=everything)
    show_quarantine(console, status, everything=everything)


def show_without_outline(console: Console, status: SpoolStatus, *, everything: bool) -> None:
    """Print the studies of which no outline came, the newest first."""
    studies = status.without_outline
    if not studies:
        return
    console.print()
    console.print(f"without an outline ({status.without_outline_count}): not scored until one comes", style="dim")
    for one in studies if everything else studies[:MAX_WITHOUT_OUTLINE_SHOWN]:
        count = counted(one.instances, "instance")
        came = f"study {one.study_uid}  {count}, last {age(one.last_arrival)} ago"
        console.print(indented(Text(came)), overflow="fold")


def show_set_aside(
    console: Console, outlines: Sequence[SetAsideOutline], counts: Mapping[SetAside, int], *, everything: bool
) -> None:
    """Print how many outlines make no case and why, and the newest of them."""
    if not counts:
        return
    console.print()
    said = (f"{count} {reason.replace('_', ' ')}" for reason, count in Counter(counts).most_common())
    console.print(f"no case ({', '.join(said)})", style="dim")
    # Our own results come back with every case of a PACS that routes by modality: they are counted, not listed.
    others = [one for one in outlines if everything or one.reason != SetAside.OWN_RESULT]
    for one in others if everything else others[:MAX_SET_ASIDE_SHOWN]:
        sender = f" from {one.calling_ae_title}" if one.calling_ae_title else ""
        console.print(indented(Text(f"{one.message}{sender}, study {one.study_uid}")), overflow="fold")


def show_study(
    console: Console, series: Sequence[SeriesStatus], jobs: Sequence[JobStatus], outlines: Sequence[SetAsideOutline]
) -> None:
    """Print one study: its series, then its jobs with all their times."""
    for one in series:
        came = f", last {age(one.last_arrival)} ago" if one.last_arrival else ""
        count = counted(one.instances, "instance")
        console.print(Text.assemble("series ", (one.series_uid, "bold"), f"  {count}{came}"), overflow="fold")
    for job in jobs:
        console.print()
        show_job(console, job)
    show_set_aside(console, outlines, Counter(one.reason for one in outlines), everything=True)


def show_refused_contexts(console: Console, status: SpoolStatus, *, everything: bool) -> None:
    """Print refused presentation contexts: those of images and outlines come first."""
    if not status.refused_contexts:
        return
    console.print()
    console.print("offered and not accepted", style="yellow")
    ranked = sorted(status.refused_contexts, key=lambda one: not one.context.transfer_syntax_uids)
    shown = ranked if everything else ranked[:MAX_REFUSED_SHOWN]
    for one in shown:
        console.print(indented(Text(f"{one.says}, last {age(one.last)} ago")), overflow="fold")
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
        console.print(indented(Text(f"{one.name}  {one.reason}")), overflow="fold")
    if len(shown) < len(status.quarantine):
        console.print(f"  and {len(status.quarantine) - len(shown)} more (--all shows them)", style="dim")


def _headline(status: SpoolStatus) -> Text:
    parts = [counted(status.studies, "study", "studies"), counted(status.instances, "instance")]
    if status.receiving:
        parts.append(f"{status.receiving} coming in")
    parts += [f"{count} {state.value}" for state in JobState if (count := status.counts[state])]
    parts.append(f"{size(status.free_bytes)} free")
    return Text.assemble((path_from_here(status.spool), "bold"), "  ", ", ".join(parts))


def _unreachable(target: TargetStatus) -> Text:
    """Return that delivery to a target is suspended, since when, when the next probe is due, and what to do."""
    since = f" for {age(target.since)}" if target.since else ""
    probe = f", tried again {due(target.next_probe)}" if target.next_probe else ""
    why = f": {target.last_error}" if target.last_error else ""
    return Text(
        f"target {target.target}: not reached{since}{probe}{why}; radtme echo {target.target} says more", "bold yellow"
    )


def _newest_finished(jobs: Sequence[JobStatus]) -> list[JobStatus]:
    """Return what is open, then the newest of what is over, the newest first."""
    finished = sorted((job for job in jobs if job.state in FINISHED), key=lambda job: job.since or NEVER, reverse=True)
    return [job for job in jobs if job.state not in FINISHED] + finished[:MAX_FINISHED_SHOWN]
