"""What is accepted, in which role, and in which encoding."""

import pydicom.uid as uids
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLSLossless
from pynetdicom.presentation import build_context, negotiate_as_acceptor

from listener.presentation_contexts import STORAGE_CLASSES, TRANSFER_SYNTAXES, sop_class_label, supported_contexts


def negotiated(proposals: list[tuple[str, list[str]]], roles: dict[UID, tuple[bool, bool]] | None = None) -> list[int]:
    """Return the results for proposed contexts (abstract syntax, transfer syntaxes)."""
    contexts = [build_context(abstract, transfer) for abstract, transfer in proposals]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    results, _ = negotiate_as_acceptor(contexts, supported_contexts(), roles or {})
    return [result.result for result in results if result.result is not None]


@pytest.mark.parametrize(
    "name",
    [
        "ImplicitVRLittleEndian",
        "ExplicitVRLittleEndian",
        "ExplicitVRBigEndian",
        "DeflatedExplicitVRLittleEndian",
        "RLELossless",
        "JPEGLossless",
        "JPEGLosslessSV1",
        "JPEGLSLossless",
        "JPEG2000Lossless",
        "HTJ2KLossless",
        "HTJ2KLosslessRPCL",
    ],
)
@pytest.mark.parametrize("storage_class", STORAGE_CLASSES)
def test_every_lossless_encoding_of_every_class_is_accepted(name: str, storage_class: UID) -> None:
    """A proposal with one uncompressed or lossless transfer syntax gets exactly that one."""
    assert negotiated([(storage_class, [getattr(uids, name)])]) == [0]


def test_lossy_images_and_other_classes_are_refused() -> None:
    """Result 4 for a lossy transfer syntax, 3 for a class that is not scored (PS3.8 table 9-18)."""
    ct = "1.2.840.10008.5.1.4.1.1.2"
    assert negotiated([(STORAGE_CLASSES[0], [JPEGBaseline8Bit]), (ct, [ExplicitVRLittleEndian])]) == [4, 3]


def test_one_encoding_is_chosen_from_each_proposal() -> None:
    """Explicit VR is preferred, for it keeps what private elements are; the same class may come in several contexts."""
    contexts = [
        build_context(STORAGE_CLASSES[0], [ImplicitVRLittleEndian, ExplicitVRLittleEndian]),
        build_context(STORAGE_CLASSES[0], [JPEGLSLossless]),
    ]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    results, _ = negotiate_as_acceptor(contexts, supported_contexts())
    assert [result.transfer_syntax for result in results] == [[ExplicitVRLittleEndian], [JPEGLSLossless]]


def test_a_peer_that_would_only_receive_is_refused_its_context() -> None:
    """We are SCP: a peer that proposes to be SCP only (0, 1) gets no context, one that proposes both is the SCU."""
    storage_class = STORAGE_CLASSES[0]
    proposal = [(storage_class, [ExplicitVRLittleEndian])]
    assert negotiated(proposal, {storage_class: (False, True)}) == [1]
    assert negotiated(proposal, {storage_class: (True, True)}) == [0]


def test_metric_labels_are_a_closed_set() -> None:
    """A peer cannot make new metric series by naming classes of its own."""
    assert {sop_class_label(f"1.2.3.{number}") for number in range(50)} == {"other"}
    assert len({sop_class_label(storage_class) for storage_class in STORAGE_CLASSES}) == len(STORAGE_CLASSES)
    assert len(set(TRANSFER_SYNTAXES)) == 11
