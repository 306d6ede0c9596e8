"""Requests an association (PS3.8 section 7.1) under our implementation identity, over TLS where the peer wants it.

And the one request that every peer has to answer: C-ECHO.
"""

import socket
from collections.abc import Sequence

from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.settings import ClientTls
from listener.tls.contexts import tls_args

CALLING_AE_TITLE, CALLED_AE_TITLE = (1, 3), (1, 7)
"""Source (service user) and the reasons of an A-ASSOCIATE-RJ that name an AE title (PS3.8 table 9-21)."""
_REJECTED_PERMANENTLY = 0x01


class AssociationRejected(Exception):
    """The peer answered the request with an A-ASSOCIATE-RJ; the message is its result, source and reason as text."""

    def __init__(self, answer: A_ASSOCIATE) -> None:
        super().__init__(f"{answer.result_str}, {answer.source_str}, {answer.reason_str}")
        self.is_permanent = answer.result == _REJECTED_PERMANENTLY
        self.source_and_reason = (answer.result_source, answer.diagnostic)
        """As numbers: see ``CALLING_AE_TITLE`` and ``CALLED_AE_TITLE``."""


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
    """Return the association that was requested; ``is_established`` is false where the peer did not answer.

    It is false as well where the peer aborted, or accepted none of the presentation contexts.

    Raises
    ------
    AssociationRejected
        If the peer rejected the association.
    CredentialFileError
        If a TLS file of ours cannot be used.
    OSError
        If the host cannot be resolved.
    """
    rejections: list[A_ASSOCIATE] = []

    def note_rejection(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu.to_primitive())

    association = entity.associate(
        host,
        port,
        list(contexts),
        ae_title=called_ae_title,
        ext_neg=list(roles),
        evt_handlers=[(evt.EVT_CONN_OPEN, disable_nagle), (evt.EVT_PDU_RECV, note_rejection), *handlers],
        tls_args=tls_args(tls, host),
    )
    # ``is_rejected`` is not enough: where the peer closes the connection right after its A-ASSOCIATE-RJ, pynetdicom may
    # have read the PDU and report an abort all the same.
    if rejections:
        raise AssociationRejected(rejections[-1])
    return association


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
