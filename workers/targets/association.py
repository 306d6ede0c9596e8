"""Requests an association with a target; its errors distinguish failures that may pass from permanent ones."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from listener.scu.association import application_entity, request_association
from listener.tls.certificates import CredentialFileError
from listener.tls.diagnosis import why_no_tls
from workers.errors import TransientFailure
from workers.targets.target import Target
from workers.targets.transport import TargetRefused

REJECTED_PERMANENTLY = 0x01
"""A-ASSOCIATE-RJ result field (PS3.8 table 9-21)."""
CALLING_AE_TITLE, CALLED_AE_TITLE = (1, 3), (1, 7)
"""Source (service user) and the reasons that name an AE title."""


class AssociationRefused(TargetRefused):
    """The target rejected the association permanently, for example because it does not know this AE title."""


@contextmanager
def associated(
    target: Target,
    calling_ae_title: str,
    contexts: Sequence[PresentationContext],
    what: str,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[evt.EventHandlerType] = (),
) -> Iterator[Association]:
    """Hold an association for the block; released at its end, aborted where it broke.

    ``what`` describes the purpose of the contexts, for messages.

    Raises
    ------
    TransientFailure
        If there is no association.
    AssociationRefused
        If the target rejects the association permanently, or accepts none of the contexts.
    """
    association = _associate(target, calling_ae_title, contexts, what, roles, handlers)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()


def _associate(
    target: Target,
    calling_ae_title: str,
    contexts: Sequence[PresentationContext],
    what: str,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    handlers: Sequence[evt.EventHandlerType],
) -> Association:
    entity = application_entity(calling_ae_title, target.timeout_seconds)
    where = f"{target.ae_title}@{target.host}:{target.port}"
    rejections: list[A_ASSOCIATE] = []

    def note_rejection(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu.to_primitive())

    noted = (*handlers, (evt.EVT_PDU_RECV, note_rejection))
    try:
        association = request_association(
            entity, target.host, target.port, target.ae_title, contexts, target.tls, roles, noted
        )
    except CredentialFileError as error:
        raise TransientFailure(f"{where} cannot be spoken to by TLS: {error}") from error
    except OSError as error:  # such as an unknown host name
        raise TransientFailure(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from error
    if association.is_established:
        return association
    # pynetdicom may read a rejection and still report an abort, if the peer closes the connection right after it.
    answer = rejections[-1] if rejections else None
    raise _why_not(association, answer, target, calling_ae_title, where, what)


def _why_not(
    association: Association, answer: A_ASSOCIATE | None, target: Target, calling_ae_title: str, where: str, what: str
) -> Exception:
    if answer is None:
        if association.rejected_contexts:
            return AssociationRefused(f"{where} accepts {what}; its administrator can say which it could take")
        found = why_no_tls(target.tls, target.host, target.port, target.timeout_seconds) if target.tls else None
        return TransientFailure(f"{where} cannot be reached or ended the association{f': {found}' if found else ''}")
    said = f"{answer.result_str}, {answer.source_str}, {answer.reason_str}"
    if answer.result == REJECTED_PERMANENTLY:
        remedy = _remedy(answer.result_source, answer.diagnostic, calling_ae_title)
        return AssociationRefused(f"{where} rejected the association: {said}; {remedy}")
    return TransientFailure(f"{where} rejected the association for now: {said}")


def _remedy(source: int | None, reason: int | None, calling_ae_title: str) -> str:
    if (source, reason) == CALLING_AE_TITLE:
        return f"its administrator has to allow the calling AE title {calling_ae_title}"
    if (source, reason) == CALLED_AE_TITLE:
        return "the target's ae_title in the configuration is not the one that it goes by"
    return "its administrator can say why"
