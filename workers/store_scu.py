"""C-STORE SCU: one association that carries the results of one case to one target."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association

from listener.certificates import TlsFileError
from listener.tls import tls_args
from workers.errors import TransientFailure
from workers.settings import ResultRole, Target
from workers.store_status import Answer, meaning_of

REJECTED_PERMANENTLY = 0x01
"""A-ASSOCIATE-RJ result field (PS3.8 table 9-21)."""
NO_CONTEXT = "no presentation context: the target does not take this SOP class"


class AssociationRefused(Exception):
    """The target rejected the association for good, for example because it does not know this AE title."""


@dataclass(frozen=True)
class Sent:
    """What the target said to one object."""

    role: ResultRole
    sop_instance_uid: str
    answer: Answer
    status: str
    """The status as 0xNNNN, or in words where no status came."""


Alternatives = Mapping[str, Callable[[], Dataset]]
"""The same result by SOP class, the best one first; each is built only when the target takes no better one."""


def send(target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]) -> Iterator[Sent]:
    """Send the objects in their order over one association and yield the target's word on each as it comes.

    There may be fewer words than ``objects`` when the association ended: what has none was not sent.

    Raises
    ------
    TransientFailure
        If there is no association.
    AssociationRefused
        If the target rejects the association permanently.
    """
    association = _associate(target, calling_ae_title, [UID(uid) for choices in objects.values() for uid in choices])
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    try:
        for role, choices in objects.items():
            build = next((build for uid, build in choices.items() if uid in accepted), None)
            if build is None:
                first = next(iter(choices.values()))()
                yield Sent(role, first.SOPInstanceUID, Answer.REFUSED, NO_CONTEXT)
                continue
            yield _store(association, role, build())
            if not association.is_established:
                break
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()


def _associate(target: Target, calling_ae_title: str, sop_classes: Sequence[UID]) -> Association:
    entity = AE(calling_ae_title)
    entity.connection_timeout = entity.acse_timeout = target.timeout_seconds
    entity.dimse_timeout = entity.network_timeout = target.timeout_seconds
    for sop_class in dict.fromkeys(sop_classes):
        entity.add_requested_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    where = f"{target.ae_title}@{target.host}:{target.port}"
    try:
        association = entity.associate(
            target.host,
            target.port,
            ae_title=target.ae_title,
            evt_handlers=[(evt.EVT_CONN_OPEN, send_at_once)],
            tls_args=tls_args(target.tls, target.host),
        )
    except TlsFileError as error:
        raise TransientFailure(f"{where} cannot be spoken to by TLS: {error}") from error
    except OSError as error:  # such as a host name that nobody knows
        raise TransientFailure(f"{where} cannot be reached: {error.strerror or type(error).__name__}") from error
    if association.is_established:
        return association
    answer = association.acceptor.primitive
    if not association.is_rejected or answer is None:
        if association.rejected_contexts:
            raise AssociationRefused(f"{where} accepts none of the SOP classes of the results")
        raise TransientFailure(f"{where} cannot be reached or ended the association")
    said = f"{answer.result_str}, {answer.source_str}, {answer.reason_str}"
    if answer.result == REJECTED_PERMANENTLY:
        raise AssociationRefused(f"{where} rejected the association: {said}")
    raise TransientFailure(f"{where} rejected the association for now: {said}")


def send_at_once(event: evt.Event) -> None:
    """Switch Nagle's algorithm off: each small write of a C-STORE would wait for a delayed acknowledgement."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _store(association: Association, role: ResultRole, dataset: Dataset) -> Sent:
    uid = dataset.SOPInstanceUID
    try:
        response = association.send_c_store(dataset)
    except RuntimeError:  # the association ended before the request was out
        return Sent(role, uid, Answer.TRY_AGAIN, "association ended")
    status = response.get("Status")
    text = "no response" if status is None else f"0x{status:04X}"
    return Sent(role, uid, meaning_of(status), text)
