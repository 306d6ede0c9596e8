"""Requests an association (PS3.8 section 7.1) under our implementation identity, over TLS where the peer wants it.

And the one request that every peer has to answer: C-ECHO.
"""

import socket
from collections.abc import Sequence

from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.settings import ClientTls
from listener.tls.contexts import tls_args


def application_entity(ae_title: str, timeout_seconds: float, response_timeout_seconds: float | None = None) -> AE:
    """Return an application entity with our implementation identity.

    ``timeout_seconds`` limits connection and negotiation; ``response_timeout_seconds`` (None: the same) limits the wait
    for each DIMSE response and for the network.
    """
    entity = AE(ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = entity.acse_timeout = timeout_seconds
    entity.dimse_timeout = entity.network_timeout = (
        timeout_seconds if response_timeout_seconds is None else response_timeout_seconds
    )
    return entity


def request_association(
    entity: AE,
    host: str,
    port: int,
    called_ae_title: str,
    contexts: Sequence[PresentationContext],
    tls: ClientTls | None = None,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[evt.EventHandlerType] = (),
) -> Association:
    """Return the association that was requested, whether or not it was accepted: see its ``is_established``.

    Raises
    ------
    CredentialFileError
        If a TLS file of ours cannot be used.
    OSError
        If the host cannot be resolved.
    """
    return entity.associate(
        host,
        port,
        list(contexts),
        ae_title=called_ae_title,
        ext_neg=list(roles),
        evt_handlers=[(evt.EVT_CONN_OPEN, disable_nagle), *handlers],
        tls_args=tls_args(tls, host),
    )


def verification_contexts() -> list[PresentationContext]:
    """Return what is proposed for a C-ECHO."""
    return [build_context(Verification)]


def c_echo(association: Association) -> int | None:
    """Return the status that a C-ECHO was answered with (PS3.4 annex A); None where no answer came."""
    try:
        status: int | None = association.send_c_echo().get("Status")
    except RuntimeError:  # the association ended before the request was out
        return None
    return status


def disable_nagle(event: evt.Event) -> None:
    """Switch Nagle's algorithm off: each small write of a C-STORE would wait for a delayed acknowledgement."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
