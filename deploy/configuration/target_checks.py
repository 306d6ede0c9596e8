"""Checks the settings of a target: each kind needs its own, and secrets must not be sent unencrypted."""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from listener.ledger.self_test_recipients import SELF_TEST_TARGET
from listener.settings import is_loopback
from workers.targets.result_filter import Verdict, not_taken
from workers.targets.target import Proof, Target, TargetKind

DIMSE_SETTINGS = ("ae_title", "host", "port")
FIRST_PART = {TargetKind.DICOMWEB: "/studies", TargetKind.FHIR: "/metadata"}
WEB_SETTINGS = ("url", "token_file", "user", "password_file")


def settings_of_other_kind(kind: TargetKind) -> tuple[str, ...]:
    """Return the settings that belong to the other kind of target."""
    return WEB_SETTINGS if kind is TargetKind.DIMSE else DIMSE_SETTINGS


def check_targets(targets: Sequence[Target], report: Callable[[str, str], None]) -> None:
    """Report settings of a target that are missing, or that belong to the other kind."""
    for index, target in enumerate(targets):
        if target.name == SELF_TEST_TARGET:
            report(f"targets[{index}]", f"the name {SELF_TEST_TARGET} is kept for radtme selftest; give another one")
        problems = _of_web(target) if target.is_web else _of_dimse(target)
        for problem in (*problems, *_of_filter(target)):
            report(f"targets[{index}]", problem)


def filter_warnings(targets: Sequence[Target]) -> Iterator[str]:
    """Yield which results may go to no target, because each target has a filter."""
    lost = [verdict.replace("_", " ") for verdict in not_taken(one.filter for one in targets)]
    if targets and lost:
        yield f"targets: some results may go to no target, by their filters: {', '.join(lost)}"


def _of_dimse(target: Target) -> Iterator[str]:
    missing = [name for name in DIMSE_SETTINGS if not getattr(target, name)]
    if missing:
        yield f"expected also {', '.join(missing)} (or kind: dicomweb with a url)"
    foreign = [name for name in settings_of_other_kind(target.kind) if getattr(target, name)]
    if foreign:
        yield f"{', '.join(foreign)} belongs to kind: dicomweb or kind: fhir"


def _of_web(target: Target) -> Iterator[str]:
    foreign = [name for name in settings_of_other_kind(target.kind) if getattr(target, name)]
    if foreign:
        yield f"{', '.join(foreign)} belongs to kind: dimse; this kind has a url"
    parts = urlsplit(target.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        yield f"expected url: https://host/path, up to what stands before {FIRST_PART[target.kind]}"
        return
    if parts.username or parts.password:
        yield "url holds a user or password; give user: and password_file:"
    yield from _of_proof(target)
    if parts.scheme == "https" and target.tls is None:
        yield "https needs tls: {ca: FILE}, with whose certificates are accepted"
    if parts.scheme == "http" and target.tls is not None:
        yield "has a tls section and an http url; write https"
    if bool(target.user) != (target.password_file is not None):
        yield "user and password_file belong together"
    if target.token_file and target.user:
        yield "give token_file, or user and password_file; not both"
    if parts.scheme == "http" and not is_loopback(parts.hostname) and (target.token_file or target.user):
        yield "credentials would go over the network in the clear; use https"


def _of_proof(target: Target) -> Iterator[str]:
    if target.kind is TargetKind.FHIR and target.proof is not Proof.SENT:
        yield f"proof: {target.proof} does not exist for a FHIR server, whose answer confirms the transaction; use sent"
    elif target.proof.needs_commitment:
        yield f"proof: {target.proof} needs Storage Commitment, which DICOMweb does not have; use seen or sent"


def _of_filter(target: Target) -> Iterator[str]:
    """Yield what a filter asks for and can never find."""
    verdicts = target.filter.verdicts
    for criterion, verdict in (("doubts", Verdict.UNCERTAIN), ("reasons", Verdict.NOT_SCORED)):
        if verdicts and verdict not in verdicts and getattr(target.filter, criterion):
            yield f"filter.{criterion} applies to {verdict} only, which filter.verdicts leaves out; add {verdict} there"
