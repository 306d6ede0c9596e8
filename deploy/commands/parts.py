"""``radtme listen``, ``work``, ``sink`` and ``status-page``: one part alone, until it is stopped."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from deploy.commands.numbers import WholeNumber
from deploy.commands.options import OutputFolder, config_option
from deploy.configuration.change_audit import audited_start, cannot_audit
from deploy.configuration.load import PART_VARIABLE, read_configuration
from deploy.configuration.port_checks import OF_ONE_PROCESS, listened_ports
from deploy.errors import CommandError, WrongUsage
from deploy.network.redis_reports import report_redis
from deploy.operations.spool_checks import require_layout, require_ledger
from deploy.stack.ports import require_free
from deploy.stack.process import reload_event, restrict_umask, stop_event
from deploy.stack.readiness import reachable_host
from deploy.stack.reload import Reload, reload_allow_list, reload_shown_targets
from deploy.stack.running_stack import known_redis_url, with_known_redis
from listener.audit.trail import NotAudited
from listener.broker.messages import Queue
from listener.runtime.loading import NOT_USED, without_collections, without_packages

PORT_ADVICE = "free the port, or set another listener.port or listener.metrics_port"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
POLL_SECONDS = 0.5
DRAIN_SECONDS = 30.0
"""How long associations may take to finish after a stop was requested."""


def is_part_of_stack() -> bool:
    """Tell whether `radtme up` runs this part: it starts Redis, or has asked it."""
    return PART_VARIABLE in os.environ


@click.command(epilog="Example: radtme listen --config radtme.yaml")
@config_option
def listen(config_file: Path | None) -> None:
    """Run the Storage SCP only: it receives and stores objects, pairs them and announces jobs.

    Stops on Ctrl-C or SIGTERM, after open associations. It keeps receiving while Redis is down, and announces the jobs
    when Redis is back. SIGHUP reloads the lists of peers; certificates are reloaded when their files change.
    """
    restrict_umask()
    with without_packages(*NOT_USED):
        from listener.listener import Listener
        from listener.runtime.logs import configure
        from listener.tls.certificates import CredentialFileError

    configuration = with_known_redis(read_configuration(config_file))
    configure()
    stopping, hung_up = stop_event(), reload_event()
    require_layout(configuration)
    require_ledger(configuration)
    for setting, (host, port) in listened_ports(configuration).items():
        if setting in OF_ONE_PROCESS:
            require_free(setting, host, port)
    audited_start(configuration, "listen")
    report_redis(configuration.workers.redis_url, at_once=not is_part_of_stack())
    try:
        listener = Listener(configuration.listener)
        listener.start()
    except CredentialFileError as error:
        raise WrongUsage(f"the listener cannot start: listener.tls: {error}") from error
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    except OSError as error:
        where = f"{configuration.listener.host}:{configuration.listener.port}"
        raise CommandError(f"the listener cannot start on {where}: {error}", PORT_ADVICE) from error
    while not stopping.wait(POLL_SECONDS):
        if hung_up.is_set():
            hung_up.clear()
            reload_allow_list(listener, config_file)
    listener.stop(DRAIN_SECONDS)


@click.command(epilog="Example: radtme work --queues delivery --config radtme.yaml")
@click.option(
    "--queues",
    metavar="NAMES",
    default="compute,delivery",
    show_default=True,
    help="Work of this process, separated by commas: compute (score), delivery (send).",
)
@click.option("--concurrency", type=WholeNumber(min=1), help="Number of processes. Default: workers.concurrency.")
@config_option
def work(queues: str, concurrency: int | None, config_file: Path | None) -> None:
    """Run workers only: score ready jobs and deliver results. Stops on Ctrl-C or SIGTERM, after running jobs.

    Several machines can work for one listener if they share its spool folder, the signatures and an external Redis.
    SIGHUP reloads the targets for cases and deliveries that begin afterwards.
    """
    restrict_umask()
    hung_up = reload_event()
    configuration = with_known_redis(read_configuration(config_file))
    require_layout(configuration)
    require_ledger(configuration)
    settings = configuration.workers
    require_free("workers.metrics_port", settings.metrics_host, settings.metrics_port)
    with without_packages(*NOT_USED):
        from listener.runtime.logs import configure

    configure()
    report_redis(configuration.workers.redis_url, at_once=not is_part_of_stack())
    # Set before NumPy and the like are loaded: several workers with a thread per core each would be slower.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    with without_collections(), without_packages(*NOT_USED):
        from workers.jobs.app import run_worker
        from workers.jobs.target_reload import TargetReload
        from workers.notifications.body import UnusableTemplate

    names = tuple(name.strip() for name in queues.split(",") if name.strip())
    if not names or not set(names) <= set(Queue):
        raise WrongUsage(f"expected queues among {', '.join(Queue)}, found {queues!r}")
    if concurrency is not None:
        settings = replace(settings, concurrency=concurrency)
    audited_start(configuration, "work")
    try:
        renewal = TargetReload(hung_up, Reload(configuration, config_file).targets)
        sys.exit(run_worker(settings, names, renewal))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    except UnusableTemplate as error:
        raise WrongUsage(f"webhook.template: {error}") from error


@click.command(epilog="Example: radtme sink --output /tmp/pacs")
@click.option("--output", "folder", type=OutputFolder(), help="Default: sink.folder.")
@config_option
def sink(folder: Path | None, config_file: Path | None) -> None:
    """Run a small Storage SCP that writes received objects to a folder, in place of a PACS, for tests."""
    restrict_umask()
    from deploy.stack.sink import Sink

    settings = read_configuration(config_file).sink
    if folder is not None:
        settings = replace(settings, folder=folder)
    stopping = stop_event()
    try:
        server = Sink(settings)
        server.start()
    except OSError as error:
        raise CommandError(
            f"the sink cannot start on {settings.host}:{settings.port}: {error}", "set another sink.port"
        ) from error
    click.echo(f"{settings.ae_title}@{settings.host}:{server.port} writes to {settings.folder}", err=True)
    stopping.wait()
    server.stop()


@click.command("status-page", epilog="Example: radtme status-page --config radtme.yaml")
@config_option
def status_page(config_file: Path | None) -> None:
    """Serve a read-only web page with the cases by state, each case's history, targets, signature and disk.

    It reads the spool, so it works even if all other parts are down. Stops on Ctrl-C or SIGTERM. SIGHUP reloads the
    targets.
    """
    restrict_umask()
    from deploy.configuration.shown_certificates import shown_certificates
    from deploy.status_page.overview import Pages
    from deploy.status_page.server import StatusPage
    from listener.runtime.logs import configure
    from listener.tls.certificates import CredentialFileError, read_secret

    configuration = read_configuration(config_file)
    settings = configuration.status_page
    configure()
    spool = configuration.spool
    stopping, hung_up = stop_event(), reload_event()
    try:
        password = read_secret(settings.password_file) if settings.password_file else None
        pages = Pages(
            spool,
            configuration.locations.model_store,
            configuration.workers.targets,
            configuration.listener.min_free_bytes,
            settings,
            configuration.workers.character_sets,
            known_redis_url(configuration),
            shown_certificates(configuration),
        )
        page = StatusPage(settings, pages, password)
    except CredentialFileError as error:
        raise WrongUsage(f"status_page.password_file: {error}") from error
    except OSError as error:
        raise CommandError(
            f"the status page cannot start on {settings.host}:{settings.port}: {error}", "set another status_page.port"
        ) from error
    page.start()
    click.echo(f"status page: http://{reachable_host(settings.host)}:{page.port}/", err=True)
    while not stopping.wait(POLL_SECONDS):
        if hung_up.is_set():
            hung_up.clear()
            reload_shown_targets(pages, config_file)
    page.stop()
