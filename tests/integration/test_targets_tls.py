"""TLS to targets and other peers: Orthanc, our own commands, the sink, and C-MOVE."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import MRImageStorage, StudyRootQueryRetrieveInformationModelMove, Verification

from deploy.configuration.sections import SinkSettings
from deploy.errors import Unreachable
from deploy.network.association import associated
from deploy.network.dicom_files import DicomFile, read_all
from deploy.network.echo import echo
from deploy.network.peer import Peer
from deploy.network.send import SendOutcome, send_files
from deploy.stack.sink import Sink
from listener.pairing.retrieve import retrieve
from listener.settings import ClientTls, RetrieveSource
from listener.tls.contexts import server_context
from support.certificates import DAY, Authority, Issued
from support.dicom_objects import STUDY, image, write
from support.listening import listening
from support.pacs import Orthanc, orthanc
from workers.errors import TransientFailure
from workers.targets.association import associated as associated_target
from workers.targets.target import Target


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the hospital's authority."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def ours(authority: Authority) -> Issued:
    """Return our certificate."""
    return authority.issue("radtme")


@contextmanager
def secured_orthanc(folder: Path, pacs: Issued) -> Iterator[Orthanc]:
    """Run an Orthanc with mutual TLS."""
    more = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(pacs.certificate),
        "DicomTlsPrivateKey": str(pacs.key),
        "DicomTlsTrustedCertificates": str(pacs.ca),
        "DicomTlsRemoteCertificateRequired": True,
    }
    with orthanc(folder, **more) as server:
        yield server


def sent(target: Target) -> None:
    """Associate with a target as delivery does."""
    with associated_target(target, "RADTME", [build_context(Verification)], "no verification") as association:
        assert association.send_c_echo().Status == 0


@pytest.mark.acceptance
def test_orthanc_takes_results_over_mutual_tls(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """echo, send and delivery reach an Orthanc that requires certificates; without ours, or unencrypted, not."""
    files = [file for file in read_all(sorted(write(tmp_path / "in", [image(1), image(2)]).iterdir())) if file]
    with secured_orthanc(tmp_path / "orthanc", authority.issue("pacs")) as pacs:
        peer = Peer("ORTHANC", "127.0.0.1", pacs.dicom_port, ours.client())
        assert echo(peer, "RADTME", 20).echo_seconds > 0
        outcomes = send_files(peer, "RADTME", [file for file in files if isinstance(file, DicomFile)], 20)
        assert [one.outcome for one in outcomes] == [SendOutcome.STORED, SendOutcome.STORED]
        assert len(pacs.instances(STUDY)) == 2
        target = Target("pacs", "ORTHANC", "127.0.0.1", pacs.dicom_port, timeout_seconds=20, tls=ours.client())
        sent(target)
        for tls in (None, ClientTls(authority.ca)):
            with pytest.raises(Unreachable):
                echo(Peer("ORTHANC", "127.0.0.1", pacs.dicom_port, tls), "RADTME", 20)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("expired", "has expired"),
        ("foreign", "not accepted"),
        ("elsewhere", "host name"),
        ("refuses", "our certificate"),
    ],
)
def test_a_target_that_cannot_be_trusted_gets_nothing_and_the_reason_is_said(
    tmp_path: Path, authority: Authority, ours: Issued, server: str, words: str
) -> None:
    """Expired, of another authority, for another host, or refusing ours: delivery waits and states the reason."""
    stranger = Authority(tmp_path / "other")
    ours_tls = ours.client()
    match server:
        case "expired":
            presented = authority.issue("pacs", starts=-9 * DAY, ends=-DAY)
        case "foreign":
            presented = stranger.issue("pacs")
        case "elsewhere":
            presented = authority.issue("pacs", hosts=("pacs.example.org",))
        case _:
            presented = authority.issue("pacs")
            ours_tls = stranger.issue("radtme").client(ca=authority.ca)
    with tls_server(presented, authority.ca) as port:
        with pytest.raises(TransientFailure, match=words):
            sent(Target("pacs", "PACS", "127.0.0.1", port, timeout_seconds=20, tls=ours_tls))
        with pytest.raises(Unreachable) as caught:
            echo(Peer("PACS", "127.0.0.1", port, ours_tls), "RADTME", 20)
        assert words in caught.value.advice


@contextmanager
def tls_server(presented: Issued, ca: Path) -> Iterator[int]:
    """Serve TLS handshakes, also with a certificate that our own checks would not let through."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(presented.certificate, presented.key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def serve() -> None:
            while not ended.is_set():
                try:
                    plain, _ = server.accept()
                    plain.settimeout(20)
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        ended.set()
        thread.join()


def test_a_target_without_tls_on_its_port_is_said_to_have_none(
    tmp_path: Path, authority: Authority, ours: Issued
) -> None:
    """TLS to a port without it: refused, with advice; errors in our own files are reported as ours."""
    with listening(tmp_path / "spool") as listener:
        with pytest.raises(Unreachable) as caught:
            echo(Peer("RADTME", "127.0.0.1", listener.port, ours.client()), "MRI1", 20)
        assert "TLS" in caught.value.advice
        ours.key.chmod(0o644)
        with pytest.raises(Unreachable, match="our own TLS files") as caught:
            echo(Peer("RADTME", "127.0.0.1", listener.port, ours.client()), "MRI1", 20)
        assert str(ours.key) in caught.value.advice
        with pytest.raises(TransientFailure, match="chmod o="):
            sent(Target("pacs", "RADTME", "127.0.0.1", listener.port, tls=ours.client()))


def test_we_reach_our_own_servers_by_their_own_certificate(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """`radtme send` to our own listener and delivery to the sink need no second certificate."""
    own = ours.server()
    with listening(tmp_path / "spool", tls=own) as listener:
        assert echo(Peer("RADTME", "127.0.0.1", listener.port, own.as_client), "RADTME", 20)
    sink = Sink(SinkSettings(port=0, folder=tmp_path / "sink", tls=own))
    sink.start()
    try:
        held_up = socket.create_connection(("127.0.0.1", sink.port), timeout=10)
        peer = Peer("SINK", "127.0.0.1", sink.port, own.as_client)
        context = build_context(MRImageStorage)
        with associated(peer, "RADTME", [context], 20) as association:
            assert association.send_c_store(image(1)).Status == 0
        held_up.close()
        assert len(list((tmp_path / "sink").glob("[!.]*.dcm"))) == 1
        with pytest.raises(Unreachable):
            echo(Peer("SINK", "127.0.0.1", sink.port), "RADTME", 20)
    finally:
        sink.stop()


def test_missing_images_are_asked_for_over_tls(tmp_path: Path, authority: Authority, ours: Issued) -> None:
    """C-MOVE goes to a Query/Retrieve SCP that shows a certificate of ours, and to no other."""
    pacs = authority.issue("pacs")
    asked: list[str] = []

    def move(event: evt.Event) -> Iterator[Any]:
        asked.append(event.move_destination)
        yield None, None

    entity = AE("PACS")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, ssl_context=server_context(pacs.server()), evt_handlers=[(evt.EVT_C_MOVE, move)]
    )
    assert server is not None
    port = server.server_address[1]
    try:
        missing = {"1.2.3.1": ("1.2.3.1.1",)}
        retrieve(RetrieveSource("PACS", "127.0.0.1", port, ours.client()), "RADTME", "1.2.3", missing)
        assert asked == ["RADTME"]
        foreign = Authority(tmp_path / "other")
        retrieve(RetrieveSource("PACS", "127.0.0.1", port, ours.client(ca=foreign.ca)), "RADTME", "1.2.3", missing)
        gone = ours.client(ca=tmp_path / "none.pem")
        assert not retrieve(RetrieveSource("PACS", "127.0.0.1", port, gone), "RADTME", "1.2.3", missing)
        assert asked == ["RADTME"]
    finally:
        server.shutdown()
        server.server_close()
