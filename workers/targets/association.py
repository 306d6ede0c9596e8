"""Requests an association with a target; its errors distinguish failures that may pass from permanent ones."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from listener.scu.association import (
    CALLED_AE_TITLE,
    CALLING_AE_TITLE,
    AssociationRejected,
    application_entity,
    request_association,
)
from listener.tls.certificates import CredentialFileError
from listener.tls.diagnosis import why_no_tls
from workers.errors import TransientFailure
from workers.targets.target import Target
from workers.targets.transport import TargetRefused


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
    try:
        association = request_association(
            entity, target.host, target.port, target.ae_title, contexts, target.tls, roles, handlers
        )
    except AssociationRejected as rejection:
        raise _rejected(rejection, calling_ae_title, where) from rejection
    except CredentialFileError as error:
        raise TransientFailure(f"{where}: no TLS connection is possible: {error}") from error
    except OSError as error:  # such as an unknown host name
        raise TransientFailure(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from error
    if association.is_established:
        return association
    raise _why_not(association, target, where, what)


def _why_not(association: Association, target: Target, where: str, what: str) -> Exception:
    if association.rejected_contexts:
        return AssociationRefused(f"{where} accepts {what}; its administrator can say which it could take")
    found = why_no_tls(target.tls, target.host, target.port, target.timeout_seconds) if target.tls else None
    return TransientFailure(f"{where} cannot be reached or ended the association{f': {found}' if found else ''}")


def _rejected(rejection: AssociationRejected, calling_ae_title: str, where: str) -> Exception:
    if rejection.is_permanent:
        remedy = _remedy(rejection.source_and_reason, calling_ae_title)
        return AssociationRefused(f"{where} rejected the association: {rejection}; {remedy}")
    return TransientFailure(f"{where} rejected the association for now: {rejection}")


def _remedy(source_and_reason: tuple[int | None, int | None], calling_ae_title: str) -> str:
    if source_and_reason == CALLING_AE_TITLE:
        return f"its administrator has to allow the calling AE title {calling_ae_title}"
    if source_and_reason == CALLED_AE_TITLE:
        return "the target's ae_title in the configuration is not its AE title"
    return "its log or its administrator can tell the reason"
