"""What is accepted, in which role, and in which encoding."""

import base64

import numpy as np
import pydicom.uid as uids
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLSLossless
from pynetdicom.presentation import build_context, negotiate_as_acceptor

from listener.dicom.sop_classes import STORAGE_CLASSES, sop_class_label
from listener.scp.presentation_contexts import TRANSFER_SYNTAXES, supported_contexts
from support.dicom_objects import image

HT_CODESTREAM = base64.b64decode(
    "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABCwEB/1AACAACAAAAB/9SAAwAAgABAAIEBEAB/1wACiBw"
    "eHh4cHB4/2QAFgABT3BlbkpQSCBWZXIgMC45LjAu/5AACgAAAAAAggAB/5PAAW+A8R/39KedA5wwinHi/eV0X5kjrjESrv4AZwch"
    "AFmYAMAAqoABUwACQIIIIogAqnKCdQBGw7jACEC0tgDgMFQAwAFpQAFfAAJwAAAAAAAAAID9/efUenpyAngA3t3dPfj+/YFiZ/fJ"
    "7LkA/3/+gHBVAP/Z"
)
"""16 x 16 pixels of 12 bits, (257 i + 7) mod 4096 for i = 0 ... 255, by OpenJPH 0.9.0, reversible, RPCL."""


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


@pytest.mark.parametrize("transfer_syntax", [one for one in TRANSFER_SYNTAXES if one.is_encapsulated])
def test_what_is_accepted_can_be_decoded(transfer_syntax: UID) -> None:
    """An image that is acknowledged and then cannot be read would never be scored."""
    assert get_decoder(transfer_syntax).is_available


def test_high_throughput_jpeg_2000_is_decoded_to_the_pixels_that_went_in() -> None:
    """The codestream comes from another library than the decoder's."""
    slice_ = image(1)
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = uids.HTJ2KLosslessRPCL
    slice_.Rows = slice_.Columns = 16
    slice_.PixelData = encapsulate([HT_CODESTREAM + b"\0"])
    slice_["PixelData"].VR = "OB"
    expected = (np.arange(256).reshape(16, 16) * 257 + 7) % 4096
    np.testing.assert_array_equal(pixel_array(slice_, raw=True), expected)
