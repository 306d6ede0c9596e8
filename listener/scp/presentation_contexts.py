"""What the listener accepts: SOP classes, transfer syntaxes and roles."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom.presentation import PresentationContext, build_context

from listener.dicom.commitment_report import STORAGE_COMMITMENT
from listener.dicom.sop_classes import DOCUMENT_CLASSES, STORAGE_CLASSES, VERIFICATION

TRANSFER_SYNTAXES = (
    # In our order of preference where one context proposes several: what every reader reads comes first.
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    RLELossless,
)
"""Uncompressed or lossless, all of them: a lossy image is not measured."""


DOCUMENT_SYNTAXES = TRANSFER_SYNTAXES[:4]
"""Uncompressed or deflated: documents have no pixels."""


def supported_contexts(*, documents: bool = False) -> list[PresentationContext]:
    """Return the contexts that an association is negotiated against; ``documents``: also those of assessments.

    Roles: the peer may be SCU and nothing else. One that proposes to be SCP only is refused that context; one that
    proposes both is told that it is the SCU (PS3.7 section D.3.3.4). In storage commitment it is the other way round:
    the peer comes as the SCP that reports on what we asked for (PS3.4 section J.3.3); one that does not negotiate
    roles is taken as that too, because there is nothing else that it could want here.
    """
    contexts = [build_context(VERIFICATION, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
    contexts += [build_context(storage_class, list(TRANSFER_SYNTAXES)) for storage_class in STORAGE_CLASSES]
    if documents:
        contexts += [build_context(document_class, list(DOCUMENT_SYNTAXES)) for document_class in DOCUMENT_CLASSES]
    for context in contexts:
        context.scu_role = True
        context.scp_role = False
    reports = build_context(STORAGE_COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    reports.scu_role, reports.scp_role = False, True
    return [*contexts, reports]


def contexts_for(
    contexts: Sequence[PresentationContext], *, may_send: bool, may_report: bool
) -> list[PresentationContext]:
    """Return those of ``contexts`` that a peer gets: any peer may verify, but not any may send or report."""

    def may(context: PresentationContext) -> bool:
        if context.abstract_syntax == STORAGE_COMMITMENT:
            return may_report
        return may_send or context.abstract_syntax == VERIFICATION

    return [context for context in contexts if may(context)]


def offered_storage(contexts: Sequence[PresentationContext]) -> bool:
    """Return whether a peer that gets these contexts may send objects."""
    return any(context.abstract_syntax in (*STORAGE_CLASSES, *DOCUMENT_CLASSES) for context in contexts)


@dataclass(frozen=True)
class Context:
    """An accepted presentation context: what its objects are and how they are encoded."""

    id: int
    sop_class_uid: str
    transfer_syntax: UID
