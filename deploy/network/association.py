"""Requests associations for commands; errors say why one could not be opened, and what to check."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from deploy.errors import Unreachable
from deploy.network.peer import Peer
from listener.scu.association import (
    CALLED_AE_TITLE,
    CALLING_AE_TITLE,
    AssociationRejected,
    application_entity,
    request_association,
)
from listener.tls.certificates import CredentialFileError
from listener.tls.diagnosis import why_no_tls


@contextmanager
def associated(
    peer: Peer, calling_ae_title: str, contexts: Sequence[PresentationContext], timeout_seconds: float
) -> Iterator[Association]:
    """Hold an association with ``peer`` for the block; released at its end, aborted after an exception.

    Raises
    ------
    Unreachable
        If it cannot be opened, with the reason and what to check.
    """
    entity = application_entity(calling_ae_title, timeout_seconds)
    try:
        association = request_association(entity, peer.host, peer.port, peer.ae_title, contexts, peer.tls)
    except AssociationRejected as rejection:
        raise _rejected(peer, calling_ae_title, rejection) from rejection
    except CredentialFileError as error:
        raise Unreachable(f"{peer}: our own TLS files cannot be used", str(error)) from error
    except socket.gaierror as error:
        raise Unreachable(
            f"{peer}: the host name {peer.host} is not known", "check the name, or use an IP address"
        ) from error
    if not association.is_established:
        raise _why_not(peer, association, timeout_seconds)
    try:
        yield association
    except BaseException:
        association.abort()
        raise
    if association.is_established:
        association.release()


def _why_not(peer: Peer, association: Association, timeout_seconds: float) -> Unreachable:
    if association.rejected_contexts:
        return Unreachable(
            f"{peer} accepts none of the SOP classes and transfer syntaxes that were proposed",
            "the storage classes that the peer takes are in its DICOM conformance statement",
        )
    try:
        socket.create_connection((peer.host, peer.port), timeout_seconds).close()
    except ConnectionRefusedError:
        return Unreachable(
            f"{peer}: nothing listens on port {peer.port} of {peer.host}", "start it, or correct its host and port"
        )
    except TimeoutError:
        return Unreachable(
            f"{peer}: no answer within {timeout_seconds:g} s", "check the address, and the firewalls on the way"
        )
    except OSError as error:
        return Unreachable(f"{peer}: cannot be reached: {error.strerror or error}", "check the address and the port")
    found = why_no_tls(peer.tls, peer.host, peer.port, timeout_seconds) if peer.tls else None
    if found is not None:
        return Unreachable(f"{peer}: no TLS connection is possible", found)
    return Unreachable(
        f"{peer}: something listens there and does not answer an association request",
        "check that this is its DICOM port, and whether it wants TLS (tls: in the target, or --ca)",
    )


def _rejected(peer: Peer, calling_ae_title: str, rejection: AssociationRejected) -> Unreachable:
    message = f"{peer} rejected the association: {rejection}"
    if rejection.source_and_reason == CALLED_AE_TITLE:
        return Unreachable(message, f"it does not answer to the AE title {peer.ae_title}")
    if rejection.source_and_reason == CALLING_AE_TITLE:
        advice = f"it does not know our AE title: add {calling_ae_title} there (in a radtme.yaml: listener.peers)"
        return Unreachable(message, advice)
    return Unreachable(message, "see its log; where a limit was reached, try again later")
