"""Refused presentation contexts are reported, so that an administrator sees why no images arrive."""

import shutil
import subprocess
import urllib.request
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
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

from deploy.operations.service_health import read_health
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
    """Return the output of radtme status."""
    text = StringIO()
    health = read_health(listener.spool, 0, None)
    show_status(Console(file=text, width=400), read_status(listener.spool), health, everything=True)
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
        counted = 'radtme_contexts_refused_total{reason="transfer_syntax",sop_class="MRImageStorage"} 4.0'
        wait_until(lambda: counted in metrics(listener), 20, "the notes of both associations")
        told = f"CONSOLE offers MR Image Storage ({MRImageStorage}) only in"
        wait_until(lambda: said(listener).count(told) == 2, 20, "both notes")
        shown = said(listener)
        assert f"JPEG Baseline (Process 1) ({JPEGBaseline8Bit}): lossy images are not measured" in shown


def test_an_encoding_beside_one_that_is_accepted_counts_only_if_nothing_is_sent(tmp_path: Path) -> None:
    """A sender such as dcmsend proposes that of its files and the uncompressed one, and sends nothing with the last."""
    with listening(tmp_path / "spool") as listener:
        associate(listener, [(MRImageStorage, JPEGExtended12Bit), (MRImageStorage, ExplicitVRLittleEndian)])
        wait_until(lambda: "JPEG Extended" in said(listener), 20, "the note at the end of the association")
    with listening(tmp_path / "other") as listener:
        associate(listener, [(MRImageStorage, JPEGLosslessSV1), (MRImageStorage, ExplicitVRLittleEndian)])
        assert "offered and not accepted" not in said(listener)


ASSOCIATION = """
[[TransferSyntaxes]]
[Video]
TransferSyntax1 = 1.2.840.10008.1.2.4.100
TransferSyntax2 = 1.2.840.10008.1.2.4.102
[HTJ2K]
TransferSyntax1 = 1.2.840.10008.1.2.4.203
[Private]
TransferSyntax1 = 1.2.3.4.5.6
[Plain]
TransferSyntax1 = 1.2.840.10008.1.2.1
[[PresentationContexts]]
[Offered]
PresentationContext1 = 1.2.840.10008.5.1.4.1.1.4\\Video
PresentationContext2 = 1.2.840.10008.5.1.4.1.1.4.1\\HTJ2K
PresentationContext3 = 1.2.840.10008.5.1.4.1.1.4\\Private
PresentationContext4 = 1.2.840.113619.4.26\\Plain
PresentationContext5 = 1.2.840.10008.5.1.4.1.1.2\\Plain
[[Profiles]]
[Scanner]
PresentationContexts = Offered
"""


def storescu(listener: Listener, image: Path, *options: str) -> int:
    """Send an image with dcmtk's storescu; return its exit status."""
    command = ["storescu", *options, "-aet", "CONSOLE", "-aec", "RADTME", "127.0.0.1", str(listener.port), str(image)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


@pytest.mark.skipif(shutil.which("storescu") is None, reason="needs storescu (Debian package dcmtk)")
def test_what_storescu_offers_and_may_not_send_is_named(tmp_path: Path, shared_data: Path) -> None:
    """Video, HTJ2K with loss, a private transfer syntax and private SOP classes, each by its UID."""
    image = min((shared_data / "field_cases" / "00_reference_phantom" / "images").iterdir())
    profile = tmp_path / "scanner.cfg"
    profile.write_text(ASSOCIATION)
    with listening(tmp_path / "spool") as listener:
        assert storescu(listener, image, "-xf", str(profile), "Scanner") != 0
        wait_until(lambda: f"({CTImageStorage})" in said(listener), 20, "the note on the last context")
        shown = said(listener)
        counted = metrics(listener)
    for uid in ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.203", "1.2.3.4.5.6"):
        assert f"({uid})" in shown
    assert f"CT Image Storage ({CTImageStorage}), which is not accepted" in shown
    assert 'reason="transfer_syntax",sop_class="EnhancedMRImageStorage"} 1.0' in counted
    assert 'reason="sop_class",sop_class="other"} 1.0' in counted


@pytest.mark.skipif(shutil.which("storescu") is None, reason="needs storescu (Debian package dcmtk)")
def test_a_sender_that_offers_everything_is_named_only_if_it_sends_nothing(tmp_path: Path, shared_data: Path) -> None:
    """Storescu proposes all of its SOP classes for one MR image: 60 notes would hide the relevant ones."""
    image = min((shared_data / "field_cases" / "00_reference_phantom" / "images").iterdir())
    as_ct = min((shared_data / "field_cases" / "f03_slicer_exports_ct" / "input").rglob("*.dcm"))
    with listening(tmp_path / "spool") as listener:
        assert storescu(listener, image) == 0
        assert "offered and not accepted" not in said(listener)
        assert storescu(listener, as_ct) != 0
        wait_until(lambda: f"({CTImageStorage})" in said(listener), 20, "the note at the end of the association")


def test_peers_cannot_flood_the_metric_with_labels(tmp_path: Path) -> None:
    """Five hundred unknown SOP classes share one label."""
    with listening(tmp_path / "spool") as listener:
        for peer in range(5):
            associate(listener, [(f"1.2.{peer}.{at + 1}", ExplicitVRLittleEndian) for at in range(100)])
        wait_until(lambda: "} 500.0" in metrics(listener), 20, "all associations")
        lines = [line for line in metrics(listener).splitlines() if line.startswith("radtme_contexts_refused_total{")]
        assert lines == ['radtme_contexts_refused_total{reason="sop_class",sop_class="other"} 500.0']


def test_a_class_that_is_never_accepted_is_named(tmp_path: Path) -> None:
    """Without its encodings, which do not matter; an unknown class makes no label of its own."""
    with listening(tmp_path / "spool") as listener:
        associate(listener, [(CTImageStorage, ExplicitVRLittleEndian), ("1.2.3.4", ExplicitVRLittleEndian)])
        told = f"CONSOLE offers CT Image Storage ({CTImageStorage}), which is not accepted"
        wait_until(lambda: told in said(listener), 20, "the note on CT")
        wait_until(lambda: 'reason="sop_class",sop_class="other"' in metrics(listener), 20, "the count of the other")
