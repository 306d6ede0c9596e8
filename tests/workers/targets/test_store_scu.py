"""One association to a target, against dcmtk and against a peer that answers what a PACS may answer."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from pynetdicom import AE, evt

from support.processes import free_port, running
from workers.errors import TransientFailure
from workers.results.result_roles import ResultRole
from workers.targets.association import AssociationRefused
from workers.targets.store_scu import send
from workers.targets.store_status import StoreResult
from workers.targets.target import Target

IMAGE, REPORT = ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT


def instance(sop_class: str) -> Dataset:
    """Return a data set that is good enough to be carried."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality = "1", "A", "OT"
    dataset.file_meta = Dataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def target(port: int, **settings: object) -> Target:
    """Return a target on this machine."""
    return Target("pacs", "PACS", "127.0.0.1", port, timeout_seconds=60, **settings)  # type: ignore[arg-type]


@contextmanager
def peer(
    answer: Callable[[evt.Event], int | Dataset],
    sop_classes: tuple[str, ...] = (SecondaryCaptureImageStorage, Comprehensive3DSRStorage),
    syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,),
    called_aet: bool = False,
) -> Iterator[int]:
    """Run a Storage SCP that answers each C-STORE with a given status."""
    entity = AE("OTHER" if called_aet else "PACS")
    entity.require_called_aet = called_aet
    for sop_class in sop_classes:
        entity.add_supported_context(sop_class, list(syntaxes))
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_dcmtk_takes_what_is_sent(tmp_path: Path) -> None:
    """Another toolkit receives the object and can print it."""
    port, dataset = free_port(), instance(SecondaryCaptureImageStorage)
    with running(["storescp", "-od", str(tmp_path), str(port)], tmp_path / "storescp.log", port):
        [sent] = send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}})
    assert (sent.role, sent.answer, sent.status) == (IMAGE, StoreResult.TAKEN, "status 0x0000")
    [received] = [path for path in tmp_path.iterdir() if path.suffix != ".log"]
    assert dataset.SOPInstanceUID in subprocess.run(["dcmdump", received], capture_output=True, text=True).stdout


def test_a_target_that_takes_implicit_only_gets_implicit() -> None:
    """PS3.5 section 10.1: implicit little endian is what every application entity takes."""
    seen = []

    def answer(event: evt.Event) -> int:
        seen.append((event.context.transfer_syntax, event.dataset.SOPInstanceUID))
        return 0x0000

    dataset = instance(SecondaryCaptureImageStorage)
    with peer(answer, syntaxes=(ImplicitVRLittleEndian,)) as port:
        [sent] = send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}})
    assert sent.answer is StoreResult.TAKEN
    assert seen == [(ImplicitVRLittleEndian, dataset.SOPInstanceUID)]


def test_a_target_that_prefers_implicit_gets_explicit() -> None:
    """It accepts both, each in a context of its own, and the object goes out as it is encoded."""
    seen = []

    def answer(event: evt.Event) -> int:
        seen.append(event.context.transfer_syntax)
        return 0x0000

    dataset = instance(SecondaryCaptureImageStorage)
    with peer(answer, syntaxes=(ImplicitVRLittleEndian, ExplicitVRLittleEndian)) as port:
        [sent] = send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}})
    assert sent.answer is StoreResult.TAKEN
    assert seen == [ExplicitVRLittleEndian]


def test_a_report_falls_back_to_a_class_that_the_target_takes() -> None:
    """Comprehensive 3D SR is the class most often missing in a PACS."""
    better, plainer = instance(Comprehensive3DSRStorage), instance(ComprehensiveSRStorage)
    choices = {Comprehensive3DSRStorage: lambda: better, ComprehensiveSRStorage: lambda: plainer}
    with peer(lambda _: 0x0000, sop_classes=(ComprehensiveSRStorage,)) as port:
        [sent] = send(target(port), "RADTME", {REPORT: choices})
    assert (sent.answer, sent.sop_instance_uid) == (StoreResult.TAKEN, plainer.SOPInstanceUID)


def test_an_object_that_the_target_has_no_context_for_does_not_hold_back_the_others() -> None:
    """What cannot be sent is refused by name, and the rest arrives."""
    image, report = instance(SecondaryCaptureImageStorage), instance(Comprehensive3DSRStorage)
    with peer(lambda _: 0x0000, sop_classes=(SecondaryCaptureImageStorage,)) as port:
        objects = {REPORT: {report.SOPClassUID: lambda: report}, IMAGE: {image.SOPClassUID: lambda: image}}
        sent = list(send(target(port), "RADTME", objects))
    assert [one.answer for one in sent] == [StoreResult.REFUSED, StoreResult.TAKEN]
    assert "presentation context" in sent[0].status


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (0xB000, StoreResult.TAKEN, "coercion of data elements"),
        (0xA900, StoreResult.REFUSED, "data set does not match sop class"),
        (0xA700, StoreResult.TRY_AGAIN, "refused: out of resources"),
    ],
)
def test_the_status_decides(status: int, answer: StoreResult, words: str) -> None:
    """A warning is delivered, a mismatch is refused, a full disk is tried again; the status is said in words, too."""
    dataset = instance(SecondaryCaptureImageStorage)
    with peer(lambda _: status) as port:
        [sent] = send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}})
    assert (sent.answer, sent.status) == (answer, f"{words} (status 0x{status:04X})")


def test_a_response_that_never_comes_is_tried_again() -> None:
    """The peer may have stored the object or not: it is sent again, under the same UID."""

    def swallow(event: evt.Event) -> int:
        event.assoc.abort()
        return 0x0000

    dataset = instance(SecondaryCaptureImageStorage)
    with peer(swallow) as port:
        [sent] = send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}})
    assert sent.answer is StoreResult.TRY_AGAIN


def test_an_unreachable_target_is_transient() -> None:
    """A PACS that is down is temporary."""
    dataset = instance(SecondaryCaptureImageStorage)
    with pytest.raises(TransientFailure, match="cannot be reached"):
        list(send(target(free_port()), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}}))


def test_an_unknown_host_is_transient() -> None:
    """The name server may be down, and a typing error is visible in the record."""
    nowhere = Target("pacs", "PACS", "no-such-host.invalid", 104, timeout_seconds=3)
    dataset = instance(SecondaryCaptureImageStorage)
    with pytest.raises(TransientFailure, match=r"no-such-host\.invalid"):
        list(send(nowhere, "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}}))


def test_a_rejected_ae_title_is_permanent() -> None:
    """Called AE title not recognized: asking again every half hour would not change it."""
    dataset = instance(SecondaryCaptureImageStorage)
    with peer(lambda _: 0x0000, called_aet=True) as port, pytest.raises(AssociationRefused, match="alled AE title"):
        list(send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: dataset}}))


def test_what_is_stored_is_what_was_written(tmp_path: Path) -> None:
    """The bytes that a target receives decode to the data set that was handed in."""
    received: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return 0x0000

    dataset = instance(SecondaryCaptureImageStorage)
    dataset.save_as(tmp_path / "one.dcm", enforce_file_format=True)
    written = dcmread(tmp_path / "one.dcm")
    with peer(keep) as port:
        list(send(target(port), "RADTME", {IMAGE: {dataset.SOPClassUID: lambda: written}}))
    assert received[0] == written
