"""Answering an A-ASSOCIATE-RQ: pynetdicom's own PDUs and negotiation, without its reactor (PS3.8 section 9.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from listener.dicom.commitment_report import STORAGE_COMMITMENT
from listener.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from listener.dicom.sop_classes import STORAGE_CLASSES, VERIFICATION
from listener.ledger.refused_contexts import RefusedContext
from listener.scp.admission import AssociationRejection
from listener.scp.connection import INVALID_PDU_PARAMETER, ProtocolError
from listener.scp.presentation_contexts import TRANSFER_SYNTAXES, Context

APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"
PROTOCOL_VERSION_BIT = 0x0001
_ACCEPTED = 0x00
NO_STORAGE = (VERIFICATION, STORAGE_COMMITMENT)


@dataclass(frozen=True)
class Request:
    """An A-ASSOCIATE-RQ."""

    primitive: A_ASSOCIATE
    calling_ae_title: str
    called_ae_title: str
    peer_max_pdu_bytes: int
    """0 where the peer takes any length."""
    protocol_version: int

    @property
    def rejection(self) -> AssociationRejection | None:
        """Why no association of this kind is served at all, or None."""
        if not self.protocol_version & PROTOCOL_VERSION_BIT:
            return AssociationRejection.PROTOCOL_VERSION
        if str(self.primitive.application_context_name) != APPLICATION_CONTEXT_NAME:
            return AssociationRejection.APPLICATION_CONTEXT
        return None


def read_request(body: memoryview) -> Request:
    """Read the body of an A-ASSOCIATE-RQ PDU.

    Raises
    ------
    ProtocolError
        If it cannot be read.
    """
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(bytes([1, 0]) + len(body).to_bytes(4, "big") + bytes(body))
        primitive = pdu.to_primitive()
        request = Request(
            primitive=primitive,
            calling_ae_title=(primitive.calling_ae_title or "").strip(),
            called_ae_title=(primitive.called_ae_title or "").strip(),
            peer_max_pdu_bytes=primitive.maximum_length_received or 0,
            protocol_version=pdu.protocol_version,
        )
    except Exception as error:
        message = f"the A-ASSOCIATE-RQ cannot be read ({type(error).__name__})"
        raise ProtocolError(INVALID_PDU_PARAMETER, message) from error
    for proposed in primitive.presentation_context_definition_list:
        if not proposed.abstract_syntax:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a presentation context is proposed without an abstract syntax")
        if not proposed.transfer_syntax:
            raise ProtocolError(INVALID_PDU_PARAMETER, "a presentation context is proposed without a transfer syntax")
    return request


def negotiate(
    request: Request, supported: list[PresentationContext], max_pdu_bytes: int
) -> tuple[Mapping[int, Context], bytes]:
    """Return the accepted contexts by id, and the A-ASSOCIATE-AC PDU."""
    results, role_items = negotiate_as_acceptor(
        request.primitive.presentation_context_definition_list, supported, _proposed_roles(request.primitive)
    )
    response = A_ASSOCIATE()
    response.application_context_name = UID(APPLICATION_CONTEXT_NAME)
    response.calling_ae_title = request.primitive.calling_ae_title
    response.called_ae_title = request.primitive.called_ae_title
    response.result = _ACCEPTED
    response.result_source = 0x01
    response.presentation_context_definition_results_list = results
    response.user_information = [*_user_information(max_pdu_bytes), *role_items]
    return {context.id: context for context in map(_accepted, results) if context}, A_ASSOCIATE_AC(response).encode()


def refused_contexts(request: Request, accepted: Iterable[Context]) -> list[RefusedContext]:
    """Return the SOP classes that the peer may not send, and the encodings that it may not send the others in.

    A class that was proposed several times is named once for each list of transfer syntaxes.
    """
    accepted_ids = {context.id for context in accepted}
    known = set(STORAGE_CLASSES)
    found = {}
    for proposed in request.primitive.presentation_context_definition_list:
        sop_class = str(proposed.abstract_syntax)
        if proposed.context_id in accepted_ids or sop_class in NO_STORAGE:
            continue
        syntaxes = tuple(map(str, proposed.transfer_syntax)) if sop_class in known else ()
        if not set(syntaxes) & set(TRANSFER_SYNTAXES):  # else it was refused for its role
            found[sop_class, syntaxes] = RefusedContext(request.calling_ae_title, sop_class, syntaxes)
    return list(found.values())


def _proposed_roles(primitive: A_ASSOCIATE) -> dict[UID, tuple[bool | None, bool | None]]:
    return {
        UID(item.sop_class_uid or ""): (bool(item.scu_role), bool(item.scp_role))
        for item in primitive.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
    }


def _user_information(
    max_pdu_bytes: int,
) -> list[MaximumLengthNotification | ImplementationClassUIDNotification | ImplementationVersionNameNotification]:
    length = MaximumLengthNotification()
    length.maximum_length_received = max_pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [length, implementation, version]


def _accepted(result: PresentationContext) -> Context | None:
    if result.result != _ACCEPTED or result.context_id is None:
        return None
    return Context(result.context_id, str(result.abstract_syntax), UID(result.transfer_syntax[0]))


def reject_pdu(rejection: AssociationRejection) -> bytes:
    """Return the A-ASSOCIATE-RJ PDU for ``rejection``."""
    response = A_ASSOCIATE()
    response.result = rejection.value.result
    response.result_source = rejection.value.source
    response.diagnostic = rejection.value.reason
    return A_ASSOCIATE_RJ(response).encode()
