"""TLS with foreign programs: Orthanc sends and dcmtk receives."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deploy.errors import Unreachable
from deploy.network.dicom_files import DicomFile, read_all
from deploy.network.echo import echo
from deploy.network.peer import Peer
from deploy.network.send import SendOutcome, send_files
from listener.settings import AllowedPeer, ClientTls
from support.certificates import Authority
from support.dicom_objects import image, write
from support.listening import listening
from support.pacs import Orthanc, orthanc
from support.processes import free_port, running


@pytest.mark.acceptance
def test_orthanc_sends_to_us_over_mutual_tls(tmp_path: Path) -> None:
    """Orthanc's C-STORE is accepted with its certificate, and refused with one of another authority."""
    authority, other = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    ours, theirs, foreign = authority.issue("radtme"), authority.issue("pacs"), other.issue("pacs")
    peers = (AllowedPeer("ORTHANC", ("127.0.0.1",), certificate_subject="CN=pacs"),)
    with listening(tmp_path / "spool", tls=ours.server(), peers=peers) as listener:
        to_us = {"AET": "RADTME", "Host": "127.0.0.1", "Port": listener.port, "UseDicomTls": True}
        for number, shown in enumerate((foreign, theirs)):
            more = {
                "DicomTlsCertificate": str(shown.certificate),
                "DicomTlsPrivateKey": str(shown.key),
                "DicomTlsTrustedCertificates": str(ours.ca),
                "DicomModalities": {"radtme": to_us},
            }
            with orthanc(tmp_path / f"orthanc{number}", **more) as pacs:
                instance = json.loads(post(pacs, "/instances", written(tmp_path / f"in{number}").read_bytes()))["ID"]
                assert is_sent(pacs, instance) == (shown is theirs)
            assert len(list(listener.spool.studies.rglob("*.dcm"))) == (1 if shown is theirs else 0)


@pytest.mark.acceptance
def test_dcmtks_storescp_takes_results_over_mutual_tls(tmp_path: Path) -> None:
    """`storescp +tls` that requires certificates accepts our objects; without ours, or unencrypted, nothing is sent."""
    authority = Authority(tmp_path / "ca")
    ours, pacs, port = authority.issue("radtme"), authority.issue("pacs"), free_port()
    (tmp_path / "kept").mkdir()
    command = ["storescp", "+tls", str(pacs.key), str(pacs.certificate), "+cf", str(pacs.ca), "+pz"]
    with running([*command, "-od", str(tmp_path / "kept"), str(port)], tmp_path / "storescp.log", port):
        for tls in (None, ClientTls(authority.ca)):
            with pytest.raises(Unreachable):
                echo(Peer("STORESCP", "127.0.0.1", port, tls), "RADTME", 20)
        files = [file for file in read_all([written(tmp_path / "in")]) if isinstance(file, DicomFile)]
        outcomes = send_files(Peer("STORESCP", "127.0.0.1", port, ours.client()), "RADTME", files, 20)
        assert [one.outcome for one in outcomes] == [SendOutcome.STORED]
        assert len(list((tmp_path / "kept").iterdir())) == 1


def written(folder: Path) -> Path:
    """Write an image; return its file."""
    return next(write(folder, [image(1)]).iterdir())


def is_sent(server: Orthanc, instance: str) -> bool:
    """Let Orthanc send an instance to us; return whether it reports success."""
    try:
        post(server, "/modalities/radtme/store", instance.encode())
    except urllib.error.HTTPError:
        return False
    return True


def post(server: Orthanc, path: str, body: bytes) -> bytes:
    """Return what Orthanc's REST API answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}{path}", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
        return bytes(answer.read())
