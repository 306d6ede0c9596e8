"""What a sender offers and may not send is said, so that an administrator sees why nothing comes."""

import urllib.request
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    MRImageStorage,
)
from pynetdicom import AE
from rich.console import Console

from deploy.operations.status import read_status
from deploy.operations.status_text import show_status
from listener.listener import Listener
from support.listening import listening
from support.processes import wait_until


def associate(listener: Listener, contexts: Sequence[tuple[str, str]], calling: str = "CONSOLE") -> None:
    """Open and release an association; nothing is sent."""
    entity = AE(calling)
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", listener.port)
    if association.is_established:
        association.release()


def said(listener: Listener) -> str:
    """Return what radtme status prints."""
    text = StringIO()
    show_status(Console(file=text, width=400), read_status(listener.spool), everything=True)
    return text.getvalue()


def metrics(listener: Listener) -> str:
    """Return what the listener counts."""
    with urllib.request.urlopen(f"http://127.0.0.1:{listener.metrics_port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_sender_of_lossy_images_alone_is_named_with_its_encodings(tmp_path: Path) -> None:
    """By name and UID, with the reason; the same again is counted and shown once."""
    with listening(tmp_path / "spool") as listener:
        for _ in range(2):
            associate(listener, [(MRImageStorage, JPEGBaseline8Bit), (MRImageStorage, JPEGExtended12Bit)])
        shown = said(listener)
        assert shown.count("CONSOLE offers MR Image Storage only in") == 2
        assert f"JPEG Baseline (Process 1) ({JPEGBaseline8Bit}): lossy images are not measured" in shown
        counted = 'radtme_contexts_refused_total{reason="transfer_syntax",sop_class="MRImageStorage"} 4.0'
        assert counted in metrics(listener)


def test_an_encoding_beside_one_that_is_accepted_counts_only_if_nothing_is_sent(tmp_path: Path) -> None:
    """A sender such as dcmsend proposes that of its files and the uncompressed one, and sends nothing with the last."""
    with listening(tmp_path / "spool") as listener:
        associate(listener, [(MRImageStorage, JPEGExtended12Bit), (MRImageStorage, ExplicitVRLittleEndian)])
        wait_until(lambda: "JPEG Extended" in said(listener), 10, "the note at the end of the association")
    with listening(tmp_path / "other") as listener:
        associate(listener, [(MRImageStorage, JPEGLosslessSV1), (MRImageStorage, ExplicitVRLittleEndian)])
        assert "offered and not accepted" not in said(listener)


def test_a_class_that_is_never_accepted_is_named(tmp_path: Path) -> None:
    """Without its encodings, which do not matter; an unknown class makes no label of its own."""
    with listening(tmp_path / "spool") as listener:
        associate(listener, [(CTImageStorage, ExplicitVRLittleEndian), ("1.2.3.4", ExplicitVRLittleEndian)])
        assert f"CONSOLE offers CT Image Storage ({CTImageStorage}), which is not accepted" in said(listener)
        assert 'reason="sop_class",sop_class="other"' in metrics(listener)
