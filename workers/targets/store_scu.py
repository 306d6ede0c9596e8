"""C-STORE SCU: one association that carries the results of one case to one target."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from listener.runtime.fault_points import FaultPoint, reach
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.association import associated
from workers.targets.implicit_vr import NotConverted, in_implicit_vr
from workers.targets.store_status import StoreResult, meaning_of, status_words
from workers.targets.target import Target
from workers.targets.transport import Alternatives, SentObject

NO_CONTEXT = "no presentation context: the target does not take this SOP class"
TRANSFER_SYNTAXES: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def send(target: Target, calling_ae_title: str, objects: Mapping[ResultRole, Alternatives]) -> Iterator[SentObject]:
    """Send the objects in order over one association and yield the target's answer for each as it arrives.

    There may be fewer answers than ``objects`` when the association ended: objects without one were not sent.

    Raises
    ------
    TransientFailure
        If there is no association.
    AssociationRefused
        If the target rejects the association permanently.
    """
    contexts = storage_contexts(uid for choices in objects.values() for uid in choices)
    with associated(target, calling_ae_title, contexts, "none of the SOP classes of the results") as association:
        reach(FaultPoint.DELIVERY_OPENED)
        accepted: dict[str, set[str]] = {}
        for context in association.accepted_contexts:
            accepted.setdefault(str(context.abstract_syntax), set()).update(context.transfer_syntax)
        for role, choices in objects.items():
            uid = next((uid for uid in choices if uid in accepted), None)
            if uid is None:
                first = next(iter(choices.values()))()
                yield SentObject(role, InstanceReference.of(first), StoreResult.REFUSED, NO_CONTEXT)
                continue
            yield _store(association, role, _encoded_for(choices[uid](), accepted[uid]))
            if not association.is_established:
                break


def storage_contexts(sop_classes: Iterable[str]) -> list[PresentationContext]:
    """Return the presentation contexts for these SOP classes: one for each transfer syntax.

    The results are encoded in Explicit VR. Of one context with both transfer syntaxes, many targets choose Implicit VR,
    and each object would have to be encoded again.
    """
    return [build_context(UID(uid), syntax) for uid in dict.fromkeys(sop_classes) for syntax in TRANSFER_SYNTAXES]


def _encoded_for(dataset: Dataset, syntaxes: Collection[str]) -> Dataset:
    """Return the object in the transfer syntax that the target accepted, which pynetdicom would encode slowly."""
    if ExplicitVRLittleEndian in syntaxes:
        return dataset
    try:
        return in_implicit_vr(dataset)
    except NotConverted:
        return dataset


def _store(association: Association, role: ResultRole, dataset: Dataset) -> SentObject:
    instance = InstanceReference.of(dataset)
    try:
        response = association.send_c_store(dataset)
    except RuntimeError:  # the association ended before the request was out
        return SentObject(role, instance, StoreResult.TRY_AGAIN, "association ended", was_answered=False)
    status = response.get("Status")
    text = "no response" if status is None else status_words(status)
    return SentObject(role, instance, meaning_of(status), text, was_answered=status is not None)
