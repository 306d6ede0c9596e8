"""``radtme demo``: the main job on a generated study, or on one's own."""

import time
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.commands.options import OutputFolder
from deploy.configuration.load import load_configuration
from deploy.demo.results import ArrivedResult, collect_results
from deploy.demo.run import (
    DemoStep,
    Watch,
    demo_folder,
    follow,
    outlines_among,
    send_study,
    study_files,
    write_configuration,
)
from deploy.errors import CommandError
from deploy.network.dicom_files import DicomFile
from deploy.operations.job_status import JobStatus
from deploy.operations.job_text import verdict
from deploy.operations.service_health import full_disk
from deploy.stack.local_stack import local_stack
from deploy.stack.process import restrict_umask
from deploy.terminal import duration, output, path_from_here, typed_path
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from workers.results.result_roles import ResultRole

PHANTOM_SEED = 7
HOW_TO_OPEN = {
    ResultRole.SUMMARY_REPORT: "the report to read; dsrdump +Pl shows it as text",
    ResultRole.FEATURE_REPORT: "every feature, for programs; dsrdump +Pl shows it as text",
    ResultRole.SEGMENTATION: "tumour and ring; open it with {study} in 3D Slicer or Weasis",
    ResultRole.KEY_IMAGE: "the overlay to look at, also as a picture: {picture} beside it",
}


@click.command(epilog="Example: radtme demo; radtme demo --input /data/study7 --output /tmp/study7-result")
@click.option(
    "--input",
    "input_folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Your own DCE-MRI series with a SEG, as DICOM files. Default: a generated phantom.",
)
@click.option(
    "--output",
    "keep",
    type=OutputFolder(),
    help="Folder for all output; new or empty. Default: ./radtme-data/demo/<number>.",
)
def demo(input_folder: Path | None, keep: Path | None) -> None:
    """Run one study through all parts on this machine, and show each stage with its time.

    Starts Redis, listener, worker and a small Storage SCP in place of the PACS on free ports, sends a study by
    C-STORE, and waits until the results have arrived in the PACS. Stops all processes at the end.
    """
    restrict_umask()
    console = output()
    start = time.monotonic()
    files = study_files(input_folder)[0] if input_folder else []
    folder = demo_folder(keep)
    file = write_configuration(folder)
    configuration = load_configuration(file, {})
    if full := full_disk(Spool(folder).free_bytes(), configuration.listener.min_free_bytes):
        raise CommandError(
            f"{path_from_here(folder)}: {full}", "free space, or name a folder on another disk: --output"
        )
    with (
        console.status("starting", spinner="dots") as status,
        local_stack(configuration, folder / "logs", delivery_apart=False) as stack,
    ):
        watch = Watch(lambda doing: status.update(doing), lambda step: show_step(console, step))
        study = input_folder or folder / "study"
        if input_folder is None:
            files = make_phantom(study, watch)
        send_study(stack, files, watch)
        jobs = [follow(stack, seg, watch) for seg in outlines_among(files)]
        seconds = time.monotonic() - start
        status.stop()
        for job in jobs:
            show_result(console, job, stack.configuration.locations.spool, folder, study)
        console.print()
        console.print(f"  {duration(seconds)} in all; radtme status --config {typed_path(file)} shows it again")
        status.start()
        status.update("stopping")
        stack.drain()
    failed = [job for job in jobs if job.state is JobState.FAILED]
    if failed:
        raise CommandError(f"{failed[0].job_id}: {failed[0].says}", f"see {path_from_here(folder / 'logs')}")
    if input_folder is None and not all(job.outcome == "scored" for job in jobs):
        raise CommandError("the phantom was not scored, although it is valid", "see the reason above")


def make_phantom(folder: Path, watch: Watch) -> list[DicomFile]:
    """Write the phantom study, while the stack starts beside it."""
    with watch.stage("phantom", "generating a breast DCE-MRI") as detail:
        from deploy.simulation.phantom import write_phantom

        phantom = write_phantom(folder, PHANTOM_SEED)
        phases = phantom.image_paths
        detail.append(f"{len(phases)} phases of {len(phases[0])} slices, tumour outlined in a SEG")
    return study_files(folder)[0]


def show_step(console: Console, step: DemoStep) -> None:
    """Print a completed stage."""
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=20)
    line.add_column(width=8, justify="right")
    line.add_column()
    line.add_row(Text(step.name, "bold"), duration(step.seconds), Text(step.detail, "dim"))
    console.print(Padding(line, (0, 0, 0, 2), expand=False))


def show_result(console: Console, job: JobStatus, spool: Path, folder: Path, study: Path) -> None:
    """Print the outcome, the paths of the results, and how to view them."""
    arrived = collect_results(Spool(spool).ledger, job.job_id, folder / "pacs", folder / "results" / job.job_id)
    console.print()
    if job.hot_probability is not None:
        console.print(Padding(verdict(job), (0, 0, 0, 2), expand=False))
    else:
        console.print(Padding(Text(job.says or str(job.outcome), "bold yellow"), (0, 0, 0, 2), expand=False))
    if job.doubts:
        meaning = "This is a result, not an error: the evidence is too weak to call the tumour hot or cold."
        console.print(Padding(Text(meaning, "dim"), (0, 0, 0, 2), expand=False))
    if job.signature is not None and job.signature.research_notice:
        notice = Text(job.signature.research_notice, "bold yellow")
        console.print(Padding(notice, (0, 0, 0, 2), expand=False))
    for region in job.regions:
        console.print(f"  {region.region.value}: {region.volume_ml:.2f} mL", style="dim")
    for note in job.notes:
        console.print(Padding(Text(f"note: {note}", "yellow"), (0, 0, 0, 2), expand=False))
    show_arrived(console, arrived, study)


def show_arrived(console: Console, arrived: list[ArrivedResult], study: Path) -> None:
    """Print the paths of the results and how to view each."""
    if not arrived:
        return
    console.print()
    console.print("  Stored in the test PACS, and as files:")
    for one in arrived:
        path = path_from_here(one.path)
        picture = one.picture.name if one.picture else ""
        look = HOW_TO_OPEN[one.role].format(picture=picture, study=path_from_here(study))
        console.print(Padding(Text(path), (0, 0, 0, 4), expand=False), overflow="fold")
        console.print(Padding(Text(look, "dim"), (0, 0, 0, 6), expand=False), overflow="fold")
