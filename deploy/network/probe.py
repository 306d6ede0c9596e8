"""Finds out what a target accepts, and the form in which each result would be sent. Nothing is stored there."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext

from deploy.network.association import associated
from deploy.network.echo import Echo, echo
from deploy.network.peer import Peer
from listener.dicom.commitment_report import STORAGE_COMMITMENT
from listener.scu.association import verification_contexts
from workers.results.result_classes import RESULT_CLASSES, may_go_as
from workers.results.result_roles import Fallback, ResultRole
from workers.targets import commitment_scu, find_scu
from workers.targets.store_scu import storage_contexts
from workers.targets.target import Proof

EVERY_CLASS = tuple(dict.fromkeys(uid for classes in RESULT_CLASSES.values() for uid in classes))


@dataclass(frozen=True)
class GoesAs:
    """The form in which a result would be sent."""

    sop_class: UID
    transfer_syntax: UID


@dataclass(frozen=True)
class Findings:
    """What a Storage SCP accepts."""

    echo: Echo
    taken: Mapping[UID, tuple[UID, ...]]
    """Transfer syntaxes by SOP class, of those that we send."""
    goes_as: Mapping[ResultRole, GoesAs | None]
    """None: the target accepts this result in no form that we can send."""
    commitment: bool
    query: bool

    def problems(self, results: frozenset[ResultRole], proof: Proof) -> list[str]:
        """Return what prevents these results from being delivered with this proof."""
        found = [
            f"{role.value} is not taken as any of its SOP classes"
            for role in RESULT_CLASSES
            if role in results and self.goes_as[role] is None
        ]
        if proof.needs_commitment and not self.commitment:
            found.append(f"proof: {proof} needs Storage Commitment, which is not accepted")
        if proof.needs_query and not self.query:
            found.append(f"proof: {proof} needs Study Root Query (C-FIND), which is not accepted")
        return found


def probe(
    peer: Peer, calling_ae_title: str, timeout_seconds: float, fallback: Fallback = Fallback.DOCUMENT
) -> Findings:
    """Probe ``peer`` by C-ECHO and negotiation alone.

    The association proposes each SOP class and transfer syntax in a context of its own, as a delivery does.

    Raises
    ------
    Unreachable
        If there is no association, or no answer to the C-ECHO.
    """
    echoed = echo(peer, calling_ae_title, timeout_seconds)
    services = [*commitment_scu.contexts(), *find_scu.contexts()]
    contexts = _accepted(peer, calling_ae_title, [*storage_contexts(EVERY_CLASS), *services], timeout_seconds)
    accepted = {context.abstract_syntax for context in contexts}
    taken = {
        uid: tuple(context.transfer_syntax[0] for context in contexts if context.abstract_syntax == uid)
        for uid in EVERY_CLASS
    }
    return Findings(
        echo=echoed,
        taken=taken,
        goes_as={
            role: next((GoesAs(uid, taken[uid][0]) for uid in may_go_as(fallback, classes) if taken[uid]), None)
            for role, classes in RESULT_CLASSES.items()
        },
        commitment=STORAGE_COMMITMENT in accepted,
        query=any(context.abstract_syntax in accepted for context in find_scu.contexts()),
    )


def _accepted(
    peer: Peer, calling_ae_title: str, contexts: list[PresentationContext], timeout_seconds: float
) -> list[PresentationContext]:
    """Return the contexts that the peer accepts; Verification, which it does accept, keeps an association open."""
    proposed = [*contexts, *verification_contexts()]
    with associated(peer, calling_ae_title, proposed, timeout_seconds) as association:
        return list(association.accepted_contexts)
