"""``radtme up``: the whole stack on this machine."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.commands.options import OutputFolder, config_option
from deploy.configuration.change_audit import audited_start
from deploy.configuration.folder_checks import nearest_existing
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.configuration.text import masked_url
from deploy.network.redis_check import RedisFault, check_redis
from deploy.operations.service_health import FREE_SPACE, full_disk
from deploy.operations.spool_checks import require_layout
from deploy.stack.local_stack import DELIVERY, LISTENER, WORKERS, LocalStack, local_stack
from deploy.stack.process import reload_event, restrict_umask, stop_event
from deploy.stack.readiness import reachable_host
from deploy.stack.supervisor import NotReady
from deploy.terminal import notices, output, path_from_here, typed_path, working
from listener.runtime import logs
from listener.spool.atomic_files import read_json
from listener.spool.spool import Spool

READY_SECONDS = 60.0
POLL_SECONDS = 0.2


@click.command(epilog="Example: radtme up --config radtme.yaml")
@click.option(
    "--logs",
    "log_folder",
    type=OutputFolder(),
    help="Write the output of each part to a file in this folder, instead of to standard error.",
)
@config_option
def up(config_file: Path | None, log_folder: Path | None) -> None:
    """Run the whole service on this machine: Redis, listener and workers. A part that ends unexpectedly is restarted.

    Ctrl-C or SIGTERM stops it in order: open associations finish, then running jobs, then Redis stops. A second Ctrl-C
    stops it immediately; interrupted work continues at the next start. Exit code 0 after an orderly stop.
    SIGHUP reloads peers and targets.
    """
    restrict_umask()
    configuration = read_configuration(config_file)
    logs.configure()
    require_layout(configuration)
    audited_start(configuration, "up")
    fault = check_redis(configuration.workers.redis_url) if configuration.redis.is_external else None
    if fault:
        notices().print(f"warning: {fault}", markup=False)
    stopping, hung_up = stop_event(), reload_event()
    with local_stack(configuration, log_folder) as stack:
        with _starting(in_line_with_logs=log_folder is None):
            missing = _wait_ready(stack, fault, full_disk_of(configuration), stopping.is_set)
        if not stopping.is_set():
            show_where(output(), stack, missing)
        while not stopping.wait(POLL_SECONDS):
            stack.supervisor.restart_exited()
            if missing and stack.supervisor.are_ready():
                missing = ""
                notices().print("all parts are ready now")
            if hung_up.is_set():
                hung_up.clear()
                stack.reload()
        if notices().is_terminal:
            notices().print()  # ends the line in which it shows ^C
        notices().print("stopping; press Ctrl-C again to stop immediately", markup=False)
        stack.drain(lambda name: notices().print(f"  {name}: finishing", markup=False))
    notices().print("stopped")


def full_disk_of(configuration: Configuration) -> str:
    """Return that the disk of the spool is too full to receive objects; empty where it is not."""
    disk = Spool(nearest_existing(configuration.locations.spool))
    return full_disk(disk.free_bytes(), configuration.listener.min_free_bytes)


def _wait_ready(stack: LocalStack, fault: RedisFault | None, full: str, interrupted: Callable[[], bool]) -> str:
    """Wait until the parts are ready; return what does not work, empty where all does.

    No reason to stop: objects are received meanwhile, and the other parts may become ready later. Without Redis only
    the listener becomes ready, and without room on the disk (``full``) only the others.
    """
    parts = {LISTENER} if fault else {WORKERS, DELIVERY}
    try:
        stack.wait_ready(READY_SECONDS, interrupted, parts - {LISTENER} if full else parts if fault else None)
    except NotReady as error:
        return f"radtme is running, but not all of it: {error}: {stack.not_ready()}"
    if full:
        return f"radtme is running, and receives nothing. {full}; {FREE_SPACE}."
    return f"radtme receives objects, but scores and sends nothing: {fault}" if fault else ""


def _starting(*, in_line_with_logs: bool) -> contextlib.AbstractContextManager[object]:
    """Say that the parts start: with a spinner only where their log does not come to the same terminal."""
    if not in_line_with_logs:
        return working(notices(), "starting")
    notices().print("starting")
    return contextlib.nullcontext()


def show_where(console: Console, stack: LocalStack, missing: str) -> None:
    """Print what does not work, if anything, then addresses, ports and paths."""
    configuration = stack.configuration
    listener, workers = configuration.listener, configuration.workers
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("DICOM in", f"{listener.ae_title}@{listener.host}:{listener.port}")
    if not workers.targets:
        table.add_row("results to", "no target: results stay in the spool")
    for target in workers.targets:
        table.add_row("results to", f"{target.name}: {target.where}")
    table.add_row("signature", _active_signature(configuration.locations.model_store))
    table.add_row("spool", path_from_here(configuration.locations.spool))
    table.add_row("redis", "embedded" if stack.redis else masked_url(listener.redis_url))
    parts = [
        ("listener", listener.metrics_host, listener.metrics_port),
        ("workers", workers.metrics_host, workers.metrics_port),
        ("delivery", workers.metrics_host, stack.delivery_metrics_port),
    ]
    for name, host, port in parts:
        if port is not None:
            table.add_row("metrics", f"http://{reachable_host(host)}:{port}/metrics  ({name})")
    page = configuration.status_page
    if page.enabled:
        table.add_row("status page", f"http://{reachable_host(page.host)}:{page.port}/")
    option = f" --config {typed_path(configuration.file)}" if configuration.file else ""
    table.add_row("next", f"radtme send FOLDER{option}\nradtme status{option}")
    if missing:
        console.print(Text(missing, "bold red"), overflow="fold")
    console.print(f"{'' if missing else 'radtme is running; '}Ctrl-C stops it after current work has finished")
    console.print(table)


def _active_signature(model_store: Path) -> str:
    # The pointer alone: to read the signature itself would load scikit-learn, which takes seconds.
    try:
        return str(read_json(model_store / "active.json")["active"])
    except FileNotFoundError:
        return "the one that radtme ships, as soon as a worker has started"
    except (OSError, ValueError, KeyError):
        return "no active signature can be read: cases are not scored (radtme signature activate NAME)"
