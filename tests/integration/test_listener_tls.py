"""The listener with TLS and foreign peers: who is accepted, who is rejected, and that others are served meanwhile."""

import contextlib
import json
import logging
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from listener.listener import Listener
from listener.runtime import logs
from listener.settings import AllowedPeer, ClientTls
from listener.tls.contexts import client_context
from support.certificates import DAY, Authority, Issued
from support.dicom_objects import file_bytes, image
from support.listening import RawPeer, association_request, listening
from support.processes import wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the hospital's authority."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def ours(authority: Authority) -> Issued:
    """Return our certificate."""
    return authority.issue("radtme")


@contextlib.contextmanager
def secured(tmp_path: Path, ours: Issued, **changes: Any) -> Iterator[Listener]:
    """Run a listener with TLS that requires client certificates."""
    with listening(tmp_path / "spool", tls=ours.server(), **changes) as listener:
        yield listener


def count(listener: Listener, name: str, **labels: str) -> float:
    """Return a counter's value; 0 where it was never counted."""
    return listener.metrics.registry.get_sample_value(name, labels) or 0.0


def handshakes(listener: Listener, reason: str) -> float:
    """Return how many handshakes failed for a reason."""
    return count(listener, "radtme_tls_handshakes_failed_total", reason=reason)


def echo(port: int, tls: ClientTls | None, calling: str = "MRI1") -> bool:
    """C-ECHO with pynetdicom; tell whether there was an association."""
    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.connection_timeout = 20
    entity.add_requested_context(Verification)
    arguments = None if tls is None else (client_context(tls), "127.0.0.1")
    association = entity.associate("127.0.0.1", port, ae_title="RADTME", tls_args=arguments)
    if not association.is_established:
        return False
    status = association.send_c_echo().get("Status")
    association.release()
    return status == 0


def tool_options(peer: Issued) -> tuple[str, ...]:
    """Return the options of a dcmtk tool for mutual TLS."""
    return ("+tls", str(peer.key), str(peer.certificate), "+cf", str(peer.ca))


def run_tool(tool: str, port: int, *options: str, files: Sequence[str] = ()) -> None:
    """Run a dcmtk tool and check that it succeeds."""
    command = [tool, *options, "127.0.0.1", str(port), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.acceptance
def test_dcmtk_stores_over_mutual_tls(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """Dcmtk's storescu and echoscu with a certificate of our authority are served; objects are stored byte for byte."""
    mri = authority.issue("mri1")
    file = tmp_path / "image.dcm"
    file.write_bytes(file_bytes(image(1)))
    with secured(tmp_path, ours) as listener:
        for profile in ("+py", "+px", "+pz"):
            run_tool("echoscu", listener.port, *tool_options(mri), profile)
        run_tool("storescu", listener.port, *tool_options(mri), files=[str(file)])
        kept = list(listener.spool.studies.rglob("*.dcm"))
        assert len(kept) == 1


def test_an_association_carries_large_objects_in_both_record_and_pdu_sizes(
    tmp_path: Path, authority: Authority, ours: Issued
) -> None:
    """Many TLS records per PDU, or many PDUs per record, arrive complete: nothing stays in a buffer."""
    mri = authority.issue("mri1")
    with secured(tmp_path, ours) as listener:
        tls = ssl_socket(listener.port, mri)
        tls.sendall(association_request())
        assert read_pdu(tls)[0] == 2
        # A C-ECHO in one-byte P-DATA pieces inside one record, and another spread over records of one byte.
        tls.sendall(b"".join(echo_pdus()))
        assert read_pdu(tls)[0] == 4
        for byte in b"".join(echo_pdus()):
            tls.sendall(bytes([byte]))
        assert read_pdu(tls)[0] == 4
        tls.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
        assert read_pdu(tls)[0] == 6
        tls.close()
        large = image(1, pixel_bytes=4 * 1024 * 1024)
        entity = AE("MRI1")
        entity.maximum_pdu_size = 0
        entity.dimse_timeout = 30
        entity.add_requested_context(large.SOPClassUID)
        association = entity.associate("127.0.0.1", listener.port, tls_args=(client_context(mri.client()), "127.0.0.1"))
        assert association.is_established
        assert association.send_c_store(large).get("Status") == 0
        association.release()


def ssl_socket(port: int, peer: Issued) -> ssl.SSLSocket:
    """Return an encrypted connection."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return client_context(peer.client()).wrap_socket(plain, server_hostname="127.0.0.1")


def read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """Read one PDU."""
    header = _read(connection, 6)
    return header[0], _read(connection, int.from_bytes(header[2:6], "big"))


def _read(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        received = connection.recv(length - len(content))
        assert received, "the connection was closed"
        content += received
    return content


def echo_pdus() -> list[bytes]:
    """Return a C-ECHO-RQ in fragments of one byte each, every one in a P-DATA-TF PDU of its own."""
    command = Dataset()
    command.CommandGroupLength = 56
    command.AffectedSOPClassUID = "1.2.840.10008.1.1"
    command.CommandField, command.MessageID, command.CommandDataSetType = 0x0030, 1, 0x0101
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, command)
    content = buffer.getvalue()
    pdus = []
    for index, byte in enumerate(content):
        last = 2 if index == len(content) - 1 else 0
        pdv = b"\x00\x00\x00\x03\x01" + bytes([1 | last, byte])
        pdus.append(b"\x04\x00" + len(pdv).to_bytes(4, "big") + pdv)
    return pdus


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("foreign", "certificate_not_trusted"),
        ("expired", "certificate_expired"),
        ("none", "no_certificate"),
        ("distrusts", "refused_by_peer"),
        ("plain", "not_tls"),
        ("old", "no_common_version_or_cipher"),
        ("gone", "connection_lost"),
        ("silent", "timed_out"),
    ],
)
def test_who_has_no_right_certificate_gets_no_association(
    tmp_path: Path, authority: Authority, ours: Issued, kind: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends at once or at its deadline, with the reason in log and metric, and the next peer is served."""
    logs.configure(json=True, level=logging.INFO)
    mri, stranger = authority.issue("mri1"), Authority(tmp_path / "other").issue("stranger")
    with secured(tmp_path, ours, acse_timeout_seconds=8.0 if kind == "silent" else 600.0) as listener:
        unwelcome(kind, listener.port, authority, stranger)
        wait_until(lambda: handshakes(listener, reason) == 1, 60, f"a handshake that failed with {reason}")
        assert echo(listener.port, mri.client())
        never = partial(count, listener, "radtme_associations_total", outcome="never_associated")
        wait_until(lambda: never() == 1, 60, "the end of its thread")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    failed = [event for event in events if event["event"] == "tls_handshake_failed"]
    assert [event["reason"] for event in failed] == [reason]
    accepted = [event for event in events if event["event"] == "association_accepted"]
    assert [event["certificate"] for event in accepted] == ["CN=mri1"]


def unwelcome(kind: str, port: int, authority: Authority, stranger: Issued) -> None:
    """Connect in a way that is refused."""
    ca = authority.ca
    match kind:
        case "foreign":
            assert not echo(port, stranger.client(ca=ca))
        case "expired":
            knock_with(port, authority.issue("old", starts=-9 * DAY, ends=-DAY))
        case "none":
            assert not echo(port, ClientTls(ca))
        case "distrusts":
            assert not echo(port, authority.issue("mri1").client(ca=stranger.ca))
        case "plain":
            assert not echo(port, None)
        case "old":
            done = s_client(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
            assert "alert protocol version" in done
        case "gone":
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        case "silent":
            with RawPeer(port) as peer:
                peer.socket.sendall(b"\x16\x03")
                assert peer.read_pdu()[0] in (0, 0x15)


def knock_with(port: int, peer: Issued) -> None:
    """Shake hands with a certificate that our own checks would not let through."""
    context = ssl.create_default_context(cafile=str(peer.ca))
    context.load_cert_chain(peer.certificate, peer.key)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        context.wrap_socket(plain, server_hostname="127.0.0.1").recv(1)


def s_client(port: int, *options: str) -> str:
    """Return what OpenSSL's own client says about the port."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-tls1_2",), "Cipher    : ECDHE-ECDSA-AES256-GCM-SHA384"),
        (("-tls1_3",), "TLSv1.3"),
        (("-tls1",), "alert protocol version"),
        (("-tls1_1",), "alert protocol version"),
        (("-tls1_2", "-cipher", "AES256-GCM-SHA384"), "alert handshake failure"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"), "alert handshake failure"),
        (("-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"), "alert handshake failure"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"), "Cipher    : ECDHE-ECDSA-CHACHA20-POLY1305"),
    ],
)
def test_openssl_finds_only_modern_protocols_and_ciphers(
    tmp_path: Path, authority: Authority, ours: Issued, options: tuple[str, ...], expected: str
) -> None:
    """TLS 1.2 and 1.3 with forward secrecy and AEAD; no compression, no session tickets (BCP 195)."""
    mri = authority.issue("mri1")
    old = ("-cipher", "ALL:@SECLEVEL=0") if options in (("-tls1",), ("-tls1_1",)) else ()
    with secured(tmp_path, ours) as listener:
        said = s_client(
            listener.port, "-cert", str(mri.certificate), "-key", str(mri.key), "-CAfile", str(mri.ca), *options, *old
        )
        assert expected in said
        assert "Compression: zlib" not in said
        assert "session ticket hint" not in said


def test_tls_on_a_plain_port_is_disconnected_and_logged(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """A TLS client is disconnected at once where TLS is not configured, and the log names the missing setting."""
    logs.configure(json=True, level=logging.INFO)
    with listening(tmp_path / "spool") as listener:
        assert not echo(listener.port, authority.issue("mri1").client())
        wait_until(lambda: count(listener, "radtme_associations_total", outcome="never_associated") == 1, 60, "the end")
        assert echo(listener.port, None)
    assert "set listener.tls" in capsys.readouterr().out


def test_slow_handshakes_hold_up_nobody(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """Twenty peers that stop in the middle of a handshake are each in a thread of their own: the next one is served."""
    mri = authority.issue("mri1")
    with secured(tmp_path, ours, acse_timeout_seconds=600.0) as listener, contextlib.ExitStack() as stack:
        for _ in range(20):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), timeout=10))
            peer.sendall(b"\x16\x03\x01\x02")
        assert echo(listener.port, mri.client())
        assert handshakes(listener, "timed_out") == 0
    assert listener._admission.open_associations == 0


def test_a_handshake_by_the_byte_ends_at_its_deadline(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """The deadline is for the handshake as a whole: a byte now and then does not move it."""
    with secured(tmp_path, ours, acse_timeout_seconds=1.5) as listener:
        drip(listener)
        assert handshakes(listener, "timed_out") == 1


def drip(listener: Listener) -> None:
    """Send the beginning of a handshake, a byte at a time, until the listener disconnects."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", listener.port), timeout=10) as peer:
        for byte in b"\x16\x03\x01\x02\x00\x01" + bytes(2000):
            peer.sendall(bytes([byte]))
            if handshakes(listener, "timed_out"):
                break
            time.sleep(0.1)


def test_a_renewed_certificate_is_used_without_dropping_associations(
    tmp_path: Path, authority: Authority, ours: Issued
) -> None:
    """New connections use the new certificate, open ones continue; a broken file leaves the last valid one in use."""
    mri = authority.issue("mri1")
    with secured(tmp_path, ours) as listener:
        old = ssl_socket(listener.port, mri)
        first = old.getpeercert(binary_form=True)
        old.sendall(association_request())
        assert read_pdu(old)[0] == 2
        authority.issue("radtme", ends=90 * DAY)
        new = ssl_socket(listener.port, mri)
        second = new.getpeercert(binary_form=True)
        new.close()
        assert first != second
        ours.key.write_text("broken")
        third = ssl_socket(listener.port, mri)
        assert third.getpeercert(binary_form=True) == second
        third.close()
        assert count(listener, "radtme_certificate_stale", role="listener") == 1
        assert count(listener, "radtme_certificate_seconds_left", role="listener") > 80 * DAY.total_seconds()
        authority.issue("radtme")
        assert count(listener, "radtme_certificate_stale", role="listener") == 0
        old.sendall(b"".join(echo_pdus()))
        assert read_pdu(old)[0] == 4
        old.close()


def test_a_title_needs_its_certificate(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """A peer with a valid certificate and another's AE title is refused; the list can be replaced while it runs."""
    mri, pacs = authority.issue("mri1"), authority.issue("pacs")
    peers = (
        AllowedPeer("MRI1", ("127.0.0.0/8",), certificate_subject="CN=mri1"),
        AllowedPeer("PACS", ("127.0.0.1",), certificate_subject="CN=pacs"),
    )
    with secured(tmp_path, ours, peers=peers) as listener:
        assert echo(listener.port, mri.client(), "MRI1")
        assert not echo(listener.port, mri.client(), "PACS")
        assert echo(listener.port, pacs.client(), "PACS")
        assert not echo(listener.port, pacs.client(), "WHO")
        assert count(listener, "radtme_associations_rejected_total", reason="calling_certificate") == 1
        assert count(listener, "radtme_associations_rejected_total", reason="calling_ae_title") == 1
        open_one = ssl_socket(listener.port, mri)
        open_one.sendall(association_request("MRI1"))
        assert read_pdu(open_one)[0] == 2
        listener.allow((), (replace(peers[0], ae_title="MRI2"),))
        assert not echo(listener.port, mri.client(), "MRI1")
        assert echo(listener.port, mri.client(), "MRI2")
        open_one.sendall(b"".join(echo_pdus()))
        assert read_pdu(open_one)[0] == 4
        open_one.close()


def test_a_foreign_address_is_not_listened_to(tmp_path: Path) -> None:
    """Where every peer has addresses, a connection from another one is closed before anything is read, and counted."""
    with listening(tmp_path / "spool", peers=(AllowedPeer("MRI1", ("192.0.2.0/24",)),)) as listener:
        assert not echo(listener.port, None, "MRI1")
        assert count(listener, "radtme_associations_rejected_total", reason="address_not_allowed") == 1
