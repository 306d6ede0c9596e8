"""The options that choose cases, for the commands that show them."""

from datetime import datetime
from functools import wraps
from typing import Any

import click

from deploy.commands.options import Decorated, time_argument
from deploy.configuration.settings import Configuration
from deploy.errors import WrongUsage
from listener.spool.jobs import JobState


def score_argument(text: str) -> tuple[float, float]:
    """Return the lowest and the highest score of a range such as ``0.4-0.6``."""
    low, dash, high = text.partition("-")
    try:
        found = float(low), float(high if dash else low)
    except ValueError as error:
        raise click.BadParameter(f"expected a range of scores such as 0.4-0.6, found {text!r}") from error
    if not 0 <= found[0] <= found[1] <= 1:
        raise click.BadParameter(f"expected scores from 0 to 1, the lower one first, found {text!r}")
    return found


def require_known(configuration: Configuration, target: str | None, reason: str | None) -> None:
    """Check what no case fits: a target that is not in the configuration, or no code of a reason, is an error.

    Raises
    ------
    WrongUsage
        With the known ones.
    """
    from workers.errors import FailureReason, Reason

    targets = [one.name for one in configuration.workers.targets]
    if target is not None and target not in targets:
        raise WrongUsage(f"there is no target {target!r}", f"known targets: {', '.join(targets) or 'none'}")
    reasons = [*FailureReason, *Reason]
    if reason is not None and reason not in reasons:
        raise WrongUsage(f"there is no reason {reason!r}", f"known reasons: {', '.join(reasons)}")


def case_options(command: Decorated) -> Decorated:
    """Add the options to a command, which gets them as one `CaseFilter` (``wanted``)."""

    @click.option(
        "--since",
        type=time_argument,
        metavar="TIME",
        help="Cases that came or changed since: 2026-11-25, or 12h (ago).",
    )
    @click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice([one.value for one in JobState]),
        metavar="STATE",
        help=f"Cases in this state: {', '.join(JobState)}. May be given several times.",
    )
    @click.option("--reason", metavar="CODE", help="Cases that failed or were not scored for this reason.")
    @click.option("--target", metavar="NAME", help="Cases whose results this target does not have yet.")
    @click.option("--score", type=score_argument, metavar="SCORES", help="Cases with a score in this range: 0.4-0.6.")
    @wraps(command)
    def with_filter(
        *args: Any,
        since: datetime | None,
        states: tuple[str, ...],
        reason: str | None,
        target: str | None,
        score: tuple[float, float] | None,
        **kwargs: Any,
    ) -> Any:
        from deploy.operations.case_filter import CaseFilter

        return command(*args, wanted=CaseFilter(since, tuple(map(JobState, states)), reason, target, score), **kwargs)

    return with_filter
