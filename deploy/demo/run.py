"""The main job on one study, from sending to delivery, on a stack of its own in a fresh folder."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from deploy.errors import CommandError, WrongUsage
from deploy.network.dicom_files import DicomFile, OtherFile, files_below, read_all
from deploy.network.send import SendOutcome, SentFile, send_files
from deploy.operations.job_status import JobStatus, read_job
from deploy.stack.local_stack import LISTENER, REDIS, SINK, WORKERS, LocalStack
from deploy.stack.supervisor import NotReady
from deploy.terminal import path_from_here
from listener.dicom.data_set import UNREADABLE_BYTES
from listener.dicom.own_results import OWN_RESULT_TAGS, is_own_result
from listener.dicom.sop_classes import is_outline
from listener.spool.jobs import JobState, job_id_for
from workers.stages import Stage

READY_SECONDS = 90.0
PAIRING_SECONDS = 60.0
"""Well above the deadline that the demo's configuration sets."""
RESULT_SECONDS = 400.0
"""Above the hard time limit of a job."""
SEND_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.05
CONFIGURATION = """\
# Written by radtme demo. radtme up --config with this file continues from here.
data: .
listener:
  port: 0
  metrics_port: 0
  settle_seconds: 0.5
  settle_unreferenced_seconds: 3
  deadline_seconds: 20
  sweep_seconds: 1
workers:
  metrics_port: 0
sink:
  enabled: true
  port: 0
  folder: pacs
"""


@dataclass(frozen=True)
class DemoStep:
    """One stage that a study has completed."""

    name: str
    seconds: float
    detail: str = ""


class Watch:
    """Shows progress on the terminal: the current stage, and each completed one."""

    def __init__(self, on_begin: Callable[[str], None], on_step: Callable[[DemoStep], None]) -> None:
        self._on_begin = on_begin
        self.step = on_step

    @contextlib.contextmanager
    def stage(self, name: str, doing: str) -> Iterator[list[str]]:
        """Time the block; the texts that it adds to the list become the step's detail."""
        self._on_begin(doing)
        detail: list[str] = []
        start = time.monotonic()
        yield detail
        self.step(DemoStep(name, time.monotonic() - start, ", ".join(detail)))

    def begin(self, doing: str) -> None:
        """Show the current stage."""
        self._on_begin(doing)


def demo_folder(keep: Path | None) -> Path:
    """Make and return the folder of a demo: ``keep``, or the next number below ``./radtme-data/demo``.

    Raises
    ------
    WrongUsage
        If ``keep`` holds something: an earlier demo's jobs would be mixed with this one's.
    """
    if keep is None:
        parent = Path("radtme-data") / "demo"
        parent.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name) for path in parent.iterdir() if path.name.isdigit()]
        keep = parent / str(max(numbers, default=0) + 1)
    elif keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise WrongUsage(f"{keep} is not empty", "name a new folder with --output, or leave it out")
    keep.mkdir(parents=True, exist_ok=True)
    return keep


def write_configuration(folder: Path) -> Path:
    """Write the configuration of a demo and return its path."""
    file = folder / "radtme.yaml"
    file.write_text(CONFIGURATION)
    return file


def study_files(folder: Path) -> tuple[list[DicomFile], list[OtherFile]]:
    """Return the instances in a folder, and the other files.

    Raises
    ------
    CommandError
        If there is no instance, no segmentation, or nothing but segmentations.
    """
    found = list(read_all(files_below(folder)))
    files = [file for file in found if isinstance(file, DicomFile)]
    others = [file for file in found if isinstance(file, OtherFile)]
    if not files:
        holds = f"none of its {len(found)} files is a DICOM instance" if found else "no file is in it"
        raise CommandError(f"{folder}: {holds}", "name another folder")
    outlines = outlines_among(files)
    if not outlines:
        raise CommandError(
            f"{folder}: {len(files)} DICOM instances and no segmentation (SEG) among them",
            "the tumour's outline is needed: a SEG on the same images, for example exported from 3D Slicer",
        )
    if len(outlines) == len(files):
        raise CommandError(f"{folder}: a segmentation, and no images", "put the DCE-MRI series into the same folder")
    return files, others


def outlines_among(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Return the segmentations that make a case: not the results of an earlier scoring."""
    return [file for file in files if is_outline(file.sop_class_uid) and not _is_own_result(file.path)]


def _is_own_result(path: Path) -> bool:
    try:
        return is_own_result(dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(OWN_RESULT_TAGS)))
    except (OSError, InvalidDicomError, *UNREADABLE_BYTES):
        return False  # the listener reports what is wrong with it


def send_study(stack: LocalStack, files: Sequence[DicomFile], watch: Watch) -> list[SentFile]:
    """Send the files to the stack's listener as soon as that is ready.

    Raises
    ------
    CommandError
        If the listener does not get ready, or refuses a segmentation.
    """
    with watch.stage("listener", "waiting for Redis, the listener and the test PACS") as detail:
        _wait_ready(stack, (REDIS, LISTENER, SINK))
        peer = stack.configuration.own_listener()
        detail.append(f"listens as {peer}")
    with watch.stage("sent", f"sending {len(files)} instances to {peer}") as detail:
        sent = send_files(peer, stack.configuration.workers.ae_title, files, SEND_TIMEOUT_SECONDS)
        stored = sum(one.outcome is SendOutcome.STORED for one in sent)
        detail.append(f"{stored} of {len(sent)} instances stored (C-STORE, one association)")
    refused = [one for one in sent if one.outcome is not SendOutcome.STORED and is_outline(one.file.sop_class_uid)]
    if refused:
        raise CommandError(
            f"{refused[0].file.path}: the segmentation was {refused[0].outcome}: {refused[0].answer}",
            f"radtme status --config {stack.configuration.file} names the reason under quarantine",
        )
    return sent


def follow(stack: LocalStack, seg: DicomFile, watch: Watch) -> JobStatus:
    """Wait until a segmentation's job has ended, and report each stage.

    Raises
    ------
    CommandError
        If the workers do not start, or the job does not end.
    """
    job_id = job_id_for(seg.sop_instance_uid, 1)
    watch.begin("waiting for all images that the SEG names")
    ready = _until(stack, job_id, lambda job: "ready" in job.times, PAIRING_SECONDS)
    watch.step(
        DemoStep("paired", seconds_between(ready.times, "created", "ready"), f"{_images(ready)}; job {job_id} is ready")
    )
    with watch.stage("workers", "waiting for the workers") as detail:
        _wait_ready(stack, (WORKERS,))
        detail.append("started beside all this")
    watch.begin("scoring")
    result = _until(stack, job_id, lambda job: bool(job.outcome) or _is_over(job), RESULT_SECONDS)
    for stage in Stage:
        if stage in result.stage_seconds:
            watch.step(DemoStep(stage.shown, result.stage_seconds[stage]))
    watch.begin("delivering the results to the test PACS")
    over = _until(stack, job_id, _is_over, RESULT_SECONDS)
    for one in over.deliveries:
        seconds = seconds_between(over.times, "finished", f"{one.state} {one.target}")
        watch.step(DemoStep(one.state, seconds, f"{one.objects_taken} objects to {one.target}"))
    return over


def seconds_between(times: Mapping[str, str], earlier: str, later: str) -> float:
    """Return the seconds between two named times of a job; 0 where one is not written down."""
    if earlier not in times or later not in times:
        return 0.0
    return (datetime.fromisoformat(times[later]) - datetime.fromisoformat(times[earlier])).total_seconds()


def _images(job: JobStatus) -> str:
    if job.not_complete:
        return job.not_complete
    return f"{job.required_instances} images that the SEG names are there" if job.required_instances else "images found"


def _is_over(job: JobStatus) -> bool:
    return job.state in (JobState.DONE, JobState.FAILED)


def _until(
    stack: LocalStack,
    job_id: str,
    come: Callable[[JobStatus], bool],
    timeout_seconds: float,
) -> JobStatus:
    spool = stack.configuration.spool
    deadline = time.monotonic() + timeout_seconds
    last: JobStatus | None = None
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):  # it moves on while it is read: look again
            job = spool.find_job(job_id)
            last = read_job(spool, job) if job else last
            if last is not None and come(last):
                return last
        stack.supervisor.restart_exited()
        time.sleep(POLL_SECONDS)
    where = f"{last.state}: {last.says}" if last else "it was never created"
    raise CommandError(f"job {job_id} did not end within {timeout_seconds:.0f} s ({where})", _see_logs(stack))


def _wait_ready(stack: LocalStack, names: Sequence[str]) -> None:
    try:
        stack.wait_ready(READY_SECONDS, names=names)
    except NotReady as error:
        raise CommandError(f"{error}: {stack.not_ready()}", _see_logs(stack)) from error


def _see_logs(stack: LocalStack) -> str:
    return f"the logs of the parts are in {path_from_here(stack.configuration.locations.data / 'logs')}"
