"""``radtme selftest``: a generated case through the running service."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from deploy.commands.network import calling_option, calling_title
from deploy.commands.numbers import Amount
from deploy.commands.options import config_option
from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import read_configuration
from deploy.configuration.sections import SinkSettings
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError, WrongUsage
from deploy.operations.spool_checks import existing_spool
from deploy.stack.process import restrict_umask
from deploy.stack.running_stack import as_running
from deploy.terminal import duration, notices, output, working
from listener.audit.trail import NotAudited
from listener.ledger.self_test_recipients import SinkAddress
from listener.ledger.self_tests import SelfTest, announce_self_test
from listener.settings import is_loopback
from listener.spool.locks import exclusive
from listener.spool.spool import Spool
from workers.targets.target import Target

if TYPE_CHECKING:
    from deploy.self_test.steps import Checked


SINK_TITLE = "SELFTEST"
LOCK_NAME = "selftest.lock"
"""In the spool: one self-test at a time."""
STYLES = {"OK": "bold green", "FAILED": "bold red"}


@click.command(epilog="Example: radtme selftest; radtme selftest --target pacs --timeout 600")
@click.option(
    "--target",
    "target_name",
    metavar="NAME",
    help="Deliver to this target of the configuration only. Default: a sink that the command starts.",
)
@click.option(
    "--timeout",
    "limit",
    metavar="SECONDS",
    type=Amount(min=0, min_open=True),
    default=300,
    show_default=True,
    help="Time limit for the whole test.",
)
@click.option(
    "--sink-host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address of this machine for the delivery worker; any but loopback opens a port during the test.",
)
@click.option("--no-delivery", is_flag=True, help="Do not deliver: the result is read from the spool.")
@click.option("--json", "as_text", is_flag=True, help="For scripts: everything as one JSON document.")
@calling_option
@config_option
def selftest(
    target_name: str | None,
    limit: float,
    sink_host: str,
    no_delivery: bool,
    as_text: bool,
    calling: str | None,
    config_file: Path | None,
) -> None:
    """Send a generated case through the running service and check each step.

    The case is sent to our own listener by C-STORE, paired, scored by the running workers, compared with the expected
    features, and delivered. Only the target named with --target receives it. Afterwards the case is removed from the
    spool. Exit code 0 if every step is OK, 1 if one failed.
    """
    restrict_umask()
    from deploy.self_test.cleanup import remove_earlier

    configuration = as_running(read_configuration(config_file))
    if no_delivery and target_name is not None:
        raise WrongUsage("--target and --no-delivery cannot be combined", "use one of them")
    target = None if target_name is None else _target(target_name, configuration)
    title = calling_title(calling, configuration)
    spool = existing_spool(configuration)
    with exclusive(spool.root, LOCK_NAME) as mine:
        if not mine:
            raise CommandError("another self-test is running on this spool", "wait until it has ended")
        try:
            remove_earlier(configuration, spool)
            steps, said = _run(configuration, spool, target, title, None if no_delivery else sink_host, limit)
        except NotAudited as error:
            raise cannot_audit(configuration, error) from error
    passed = all(one.verdict in ("OK", "skipped") for one in steps)
    if as_text:
        click.echo(json.dumps({"passed": passed, "steps": [asdict(one) for one in steps], "remains": said}, indent=1))
    else:
        output().print(_table(steps))
        click.echo(said, err=True, nl=bool(said))
    if not passed:
        raise click.exceptions.Exit(CommandError.exit_code)


def _target(name: str, configuration: Configuration) -> Target:
    targets = configuration.workers.targets
    found = next((target for target in targets if target.name == name), None)
    if found is None:
        names = ", ".join(target.name for target in targets)
        raise WrongUsage(f"there is no target {name!r}", f"known targets: {names or 'none'}")
    return found


def _run(
    configuration: Configuration,
    spool: Spool,
    target: Target | None,
    calling: str,
    sink_host: str | None,
    limit: float,
) -> tuple[list["Checked"], str]:
    """Run the steps; return them, and the files of the case that remain in the spool."""
    from deploy.self_test.cleanup import drop_failed_run, remove_self_test
    from deploy.self_test.run import SelfTestRun
    from deploy.self_test.steps import Verdict
    from deploy.self_test.study import write_self_test

    caller = configuration.workers.ae_title
    with (
        tempfile.TemporaryDirectory(prefix="radtme-selftest-") as name,
        _sink(Path(name), target, sink_host, caller) as sink,
    ):
        study = write_self_test(Path(name) / "study")
        targets = () if target is None else (target.name,)
        seg = study.outline.sop_instance_uid
        announce_self_test(spool.ledger, SelfTest(study.study_uid, seg, targets, sink, datetime.now(UTC)))
        run = SelfTestRun(configuration, study, calling, target, Path(name) / "sink" if sink else None, limit)
        steps: list[Checked] = []
        try:
            with working(notices(), "running") as tell:
                for one in run.steps():
                    steps.append(one)
                    tell(f"{one.step.value}: {one.verdict.value}")
        finally:
            given_up = "" if _succeeded(steps) else drop_failed_run(configuration, spool, run.job_id)
        if any(one.verdict is Verdict.FAILED for one in steps):
            return steps, given_up or f"{run.job_id} is kept for inspection until the next self-test"
        if remove_self_test(configuration, spool, study.study_uid):
            return steps, ""
        return steps, f"the study {study.study_uid} is still in use; the next self-test removes it"


def _succeeded(steps: "list[Checked]") -> bool:
    return bool(steps) and steps[-1].step == "seen" and steps[-1].verdict in ("OK", "skipped")


@contextmanager
def _sink(folder: Path, target: Target | None, host: str | None, caller: str) -> Iterator[SinkAddress | None]:
    """Receive the results during the block, from ``caller`` alone, where no target was chosen."""
    from deploy.stack.sink import Sink

    if target is not None or host is None:
        yield None
        return
    bind = host if is_loopback(host) else "0.0.0.0"  # noqa: S104 - the person named an address for others
    server = Sink(SinkSettings(True, SINK_TITLE, bind, 0, folder / "sink"), [caller])
    server.start()
    try:
        yield SinkAddress(SINK_TITLE, host, server.port)
    finally:
        server.stop()


def _table(steps: "list[Checked]") -> Table:
    table = Table("step", "", "time", "", box=None, pad_edge=False, header_style="bold")
    for one in steps:
        style = STYLES.get(one.verdict.value, "dim")
        words = f"{one.detail}\n{one.remedy}" if one.remedy else one.detail
        table.add_row(one.step.value, f"[{style}]{one.verdict.value}[/]", duration(one.seconds), words)
    return table
