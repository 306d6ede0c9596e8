"""Checks of the service: Redis, the parts that run, the signature, peers and targets."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from deploy.configuration.settings import Configuration
from deploy.doctor.finding import Finding, Level, fault, ok, warning
from deploy.errors import CommandError, Unreachable
from deploy.network.echo import echo
from deploy.network.peer import Peer
from deploy.network.redis_check import check_redis
from deploy.operations.service_health import FIND_SENDERS, START_ALL, WITHOUT, check_ledger, nothing_received, start_of
from deploy.stack.redis_server import redis_program
from deploy.stack.running_stack import as_running, known_redis_url
from listener.ledger.database import SQLITE_NAME
from listener.runtime.heartbeat import Part, read_parts
from listener.spool.spool import Spool
from model_store.errors import SignatureError
from model_store.signatures.registry import Registry
from workers.errors import TransientFailure
from workers.targets.dimse import transport_of
from workers.targets.target import Target
from workers.targets.transport import TargetRefused

ANSWER_SECONDS = 5.0
"""For each answer of a peer. They are asked at the same time."""


def check_redis_answers(configuration: Configuration) -> Iterator[Finding]:
    """Whether Redis answers, with the password and the certificates of the configuration."""
    url = known_redis_url(configuration)
    if url is None:
        try:
            redis_program()
            yield ok("redis", "embedded: radtme up starts it")
        except CommandError as error:
            yield fault("redis", error.message, error.advice)
        return
    found = check_redis(url)
    yield fault("redis", found.message, found.remedy) if found else ok("redis", "answers")


def check_database(configuration: Configuration) -> Iterator[Finding]:
    """Whether the ledger's database answers; one in the spool, whether it is whole."""
    embedded = configuration.ledger.url is None and configuration.ledger.url_file is None
    spool = configuration.spool
    why = check_ledger(spool, whole=True)
    if why is None and embedded and not (spool.root / SQLITE_NAME).exists():
        yield ok("database", "SQLite in the spool: will be made at the first start")
    elif why is None:
        yield ok("database", "SQLite in the spool" if embedded else "PostgreSQL answers")
    elif embedded:
        yield fault(
            "database", f"SQLite in the spool: {why}", "correct its owner or mode, or see docs/operations/upgrade.md"
        )
    else:
        yield fault("database", f"PostgreSQL: {why}", "start it, or correct ledger.url and its password")


def check_parts(configuration: Configuration) -> Iterator[Finding]:
    """Which parts give signs of life."""
    running = [part for part in read_parts(Spool(configuration.locations.spool).parts) if part.is_alive]
    if not running:
        yield warning("parts", "nothing is running", START_ALL)
        return
    for part in Part:
        own = [one for one in running if part in one.parts]
        if own:
            yield ok("parts", f"{part} is running on {', '.join(f'{one.host} (process {one.pid})' for one in own)}")
        else:
            yield fault("parts", WITHOUT[part], start_of(part))


def check_signature(configuration: Configuration) -> Iterator[Finding]:
    """Whether a signature is active, complete and unchanged."""
    registry = Registry(configuration.locations.model_store)
    try:
        if registry.awaits_shipped():
            yield ok("signature", "the first start of a worker activates the one that comes with the program")
            return
        signature = registry.active()
    except SignatureError as error:
        message, _, advice = str(error).partition("; ")
        yield fault("signature", message, advice or "radtme signature list, then radtme signature activate NAME")
        return
    yield ok("signature", f"{signature.id} {signature.version} is active and unchanged")


def check_peers(configuration: Configuration) -> Iterator[Finding]:
    """Who may send, and whether our own listener and the PACS that images are fetched from answer."""
    listener = configuration.listener
    titles = [*listener.calling_ae_titles, *(peer.ae_title for peer in listener.peers)]
    yield ok("peers", f"may send: {', '.join(dict.fromkeys(titles)) or 'everyone on this machine'}")
    last = configuration.spool.last_arrival()
    if late := nothing_received(datetime.fromtimestamp(last, UTC) if last else None):
        yield warning("peers", late, FIND_SENDERS)
    running = as_running(configuration)
    parts = read_parts(Spool(configuration.locations.spool).parts)
    own = any(Part.LISTENER in part.parts and part.is_alive for part in parts)
    if own and (not titles or configuration.workers.ae_title in titles):
        remedy = "see the log of the listener, and restart it where it says nothing"
        found = _asked("peers", running.own_listener(), configuration.workers.ae_title, remedy)
        yield found if found.level is Level.OK else replace(found, remedy=remedy)
    source = listener.retrieve_from
    if source is not None:
        peer = Peer(source.ae_title, source.host, source.port, source.tls)
        yield _asked("peers", peer, listener.ae_title, "correct listener.retrieve_from, or that PACS")


def check_targets(configuration: Configuration) -> Iterator[Finding]:
    """Whether each target answers: C-ECHO, or QIDO-RS for a DICOMweb server."""
    targets = as_running(configuration).workers.targets
    if not targets:
        yield warning("targets", "none: results stay in the spool", "name the PACS under targets")
        return
    with ThreadPoolExecutor(len(targets)) as pool:
        yield from pool.map(lambda one: _ask_target(one, configuration.workers.ae_title), targets)


def _ask_target(target: Target, calling_ae_title: str) -> Finding:
    if not target.url and not target.port:  # of the sink alone, which has a free one while it runs
        return warning("targets", f"{target.name}: is not running", START_ALL)
    advice = f"correct the target, its firewall or that PACS, then run radtme echo {target.name}"
    if not target.url:
        peer = Peer(target.ae_title, target.host, target.port, target.tls)
        found = _asked("targets", peer, calling_ae_title, advice)
        then = "" if found.level is Level.OK or advice in found.remedy else f", then run radtme echo {target.name}"
        return replace(found, message=f"{target.name}: {found.message}", remedy=found.remedy + then)
    asked = replace(target, timeout_seconds=ANSWER_SECONDS)
    start = time.perf_counter()
    try:
        transport_of(asked).probe(asked, "")
    except (TransientFailure, TargetRefused) as error:
        return fault("targets", f"{target.name}: {error}", advice)
    return ok("targets", f"{target.name}: QIDO-RS in {(time.perf_counter() - start) * 1000:.0f} ms")


def _asked(check: str, peer: Peer, calling_ae_title: str, remedy: str) -> Finding:
    try:
        answer = echo(peer, calling_ae_title, ANSWER_SECONDS)
    except Unreachable as error:
        return fault(check, error.message, error.advice or remedy)
    return ok(check, f"{peer}: C-ECHO in {answer.echo_seconds * 1000:.0f} ms")
