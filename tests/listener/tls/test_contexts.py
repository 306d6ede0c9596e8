"""TLS contexts: what they accept, what they refuse, and how they say which file is wrong."""

import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from prometheus_client import CollectorRegistry

from listener.settings import AuditSettings, ClientTls, ListenerSettings, RetrieveSource, ServerTls, SyslogServer
from listener.tls.certificate_metrics import listener_certificates
from listener.tls.certificates import CredentialFileError, fingerprint, read_secret, subject
from listener.tls.contexts import Reloading, certificate_files, client_context, seconds_left, server_context, tls_args
from support.certificates import DAY, Authority, secret_file


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority."""
    return Authority(tmp_path / "ca")


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, host: str = "localhost"
) -> tuple[ssl.SSLSocket | ssl.SSLError, ssl.SSLSocket | ssl.SSLError]:
    """Do a handshake between two contexts; return the socket or the error of each side."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(20)
    outcome: list[ssl.SSLSocket | ssl.SSLError] = []

    def accept() -> None:
        outcome.append(_outcome(lambda: _answer(server.wrap_socket(ends[0], server_side=True))))

    thread = threading.Thread(target=accept)
    thread.start()
    # In TLS 1.3 a client learns only with the first answer that its certificate was refused.
    said = _outcome(lambda: _listen(client.wrap_socket(ends[1], server_hostname=host)))
    if isinstance(said, ssl.SSLError):
        ends[1].close()
    thread.join(30)
    return outcome[0], said


def _answer(connection: ssl.SSLSocket) -> ssl.SSLSocket:
    connection.sendall(b"hello")
    return connection


def _listen(connection: ssl.SSLSocket) -> ssl.SSLSocket:
    connection.recv(5)
    return connection


def _outcome(attempt: Callable[[], ssl.SSLSocket]) -> ssl.SSLSocket | ssl.SSLError:
    try:
        return attempt()
    except ssl.SSLError as error:
        return error


def test_both_sides_show_certificates_over_a_modern_protocol(authority: Authority) -> None:
    """Mutual TLS, TLS 1.3 among ourselves, and the server knows whose certificate it saw."""
    mri, ours = authority.issue("mri1"), authority.issue("radtme")
    accepted, reached = shake_hands(server_context(ours.server()), client_context(mri.client()))
    assert isinstance(accepted, ssl.SSLSocket)
    assert isinstance(reached, ssl.SSLSocket)
    assert accepted.version() == "TLSv1.3"
    der = accepted.getpeercert(binary_form=True)
    assert der == mri.der
    assert subject(mri.der) == "CN=mri1"
    assert fingerprint(mri.der) == ssl_fingerprint(mri.certificate)
    accepted.close()
    reached.close()


def ssl_fingerprint(certificate: Path) -> str:
    """Return what OpenSSL says the SHA-256 fingerprint is."""
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.partition("=")[2].strip().replace(":", "").lower()


def test_a_client_without_a_certificate_or_with_a_foreign_one_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Without a certificate, or with one of another authority, it is refused, unless none is required."""
    ours, stranger = authority.issue("radtme"), Authority(tmp_path / "other").issue("stranger")
    nobody = client_context(ClientTls(authority.ca))
    for client in (nobody, client_context(stranger.client(ca=authority.ca))):
        accepted, _ = shake_hands(server_context(ours.server()), client)
        assert isinstance(accepted, ssl.SSLError)
    accepted, reached = shake_hands(server_context(ours.server(ask=False)), nobody)
    assert isinstance(accepted, ssl.SSLSocket)
    accepted.close()
    assert isinstance(reached, ssl.SSLSocket)
    reached.close()


def test_a_server_has_to_be_the_host_that_was_meant(authority: Authority) -> None:
    """A certificate for another host is refused by default; to check the certificate only is a choice."""
    server, ours = authority.issue("pacs", hosts=("pacs.example.org",)), authority.issue("radtme")
    _, reached = shake_hands(server_context(server.server()), client_context(ours.client()), "127.0.0.1")
    assert isinstance(reached, ssl.SSLCertVerificationError)
    by_certificate = replace(ours.client(), check_hostname=False)
    accepted, reached = shake_hands(server_context(server.server()), client_context(by_certificate), "127.0.0.1")
    assert isinstance(reached, ssl.SSLSocket)
    reached.close()
    accepted.close()


def test_a_peers_own_certificate_can_be_what_is_trusted(authority: Authority) -> None:
    """With the server's own certificate as ``ca``, another one of the same authority is refused."""
    pacs, other, ours = authority.issue("pacs"), authority.issue("other"), authority.issue("radtme")
    pinned = client_context(ours.client(ca=pacs.certificate))
    accepted, reached = shake_hands(server_context(pacs.server()), pinned)
    assert isinstance(reached, ssl.SSLSocket)
    reached.close()
    accepted.close()
    assert isinstance(shake_hands(server_context(other.server()), pinned)[1], ssl.SSLCertVerificationError)


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384"),
     (ssl.TLSVersion.TLSv1_2, "ECDHE+AES:!AESGCM:!AESCCM")],
)  # fmt: skip
def test_old_protocols_and_weak_ciphers_find_no_one(
    authority: Authority, version: ssl.TLSVersion, ciphers: str
) -> None:
    """TLS 1.1, key exchange without forward secrecy, and CBC are refused (RFC 8996, RFC 9325 section 4.2)."""
    mri = authority.issue("mri1")
    old = client_context(mri.client())
    old.set_ciphers(ciphers)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of TLS 1.1
        old.minimum_version = old.maximum_version = version
    accepted, reached = shake_hands(server_context(authority.issue("radtme").server()), old)
    assert isinstance(accepted, ssl.SSLError)
    assert isinstance(reached, ssl.SSLError)


def test_each_wrong_file_is_named_with_what_to_do(authority: Authority, tmp_path: Path) -> None:
    """Expired, not yet valid, not the key, readable for everyone, not there, no PEM, wrong password: each says so."""
    good = authority.issue("good")
    expired = authority.issue("expired", starts=-30 * DAY, ends=-DAY)
    early = authority.issue("early", starts=DAY)
    locked = authority.issue("locked", password="opensesame")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("hello")
    nowhere = tmp_path / "nowhere.pem"
    open_key = authority.issue("open")
    open_key.key.chmod(0o644)
    wrong = secret_file(tmp_path / "wrong.txt", "abracadabra")
    right = secret_file(tmp_path / "right.txt", "opensesame")
    cases = [
        (expired.server(), expired.certificate, "expired at"),
        (early.server(), early.certificate, "not valid before"),
        (replace(good.server(), key=early.key), early.key, "does not belong to the certificate"),
        (open_key.server(), open_key.key, "chmod o="),
        (replace(good.server(), key=tmp_path / "none.key"), tmp_path / "none.key", "there is no such file"),
        (replace(good.server(), certificate=garbage), garbage, "-----BEGIN CERTIFICATE-----"),
        (replace(good.server(), ca=garbage), garbage, "-----BEGIN CERTIFICATE-----"),
        (replace(good.server(), certificate=nowhere), nowhere, "there is no such file; check the path"),
        (replace(good.server(), ca=nowhere), nowhere, "there is no such file; check the path"),
        (replace(good.server(), key=garbage), garbage, "everyone on this machine can read"),
        (locked.server(), locked.key, "key_password_file"),
        (replace(locked.server(), key_password_file=wrong), locked.key, "cannot be read with the password"),
        (replace(good.server(), key_password_file=right), good.key, "is not encrypted"),
    ]
    for settings, file, words in cases:
        with pytest.raises(CredentialFileError) as caught:
            server_context(settings)
        assert str(file) in str(caught.value)
        assert words in str(caught.value)
        assert "abracadabra" not in str(caught.value)
    server_context(replace(locked.server(), key_password_file=right))
    with pytest.raises(CredentialFileError, match="without a CA"):
        server_context(ServerTls(good.certificate, good.key))


def test_a_secret_that_everyone_can_read_is_none(tmp_path: Path) -> None:
    """A password file is for its owner (and group); an empty one is a mistake."""
    file = secret_file(tmp_path / "secret", "s3cret")
    assert read_secret(file) == "s3cret"
    file.chmod(0o640)
    assert read_secret(file) == "s3cret"
    file.chmod(0o644)
    with pytest.raises(CredentialFileError, match="chmod o="):
        read_secret(file)
    with pytest.raises(CredentialFileError, match="is empty"):
        read_secret(secret_file(tmp_path / "empty", ""))


def test_changed_files_are_taken_and_broken_ones_are_not(authority: Authority) -> None:
    """A renewed certificate is used from the next look on; a broken one leaves the old and raises the alarm."""
    ours = authority.issue("radtme", ends=2 * DAY)
    renewed = Reloading("listener", lambda: server_context(ours.server()), certificate_files(ours.server()))
    first = renewed.current()
    assert renewed.current() is first
    authority.issue("radtme", ends=9 * DAY)
    second = renewed.current()
    assert second is not first
    assert seconds_left(ours.certificate) > timedelta(days=8).total_seconds()
    ours.certificate.write_text("half a file")
    assert renewed.current() is second
    assert renewed.is_stale
    authority.issue("radtme")
    assert renewed.current() is not second
    assert not renewed.is_stale


def test_a_target_without_tls_is_spoken_to_without(authority: Authority) -> None:
    """Pynetdicom's argument is None, or the context with the host that the certificate has to name."""
    assert tls_args(None, "pacs") is None
    arguments = tls_args(authority.issue("radtme").client(), "pacs")
    assert arguments is not None
    assert arguments[1] == "pacs"
    assert arguments[0].verify_mode is ssl.CERT_REQUIRED


def test_every_certificate_that_the_listener_shows_has_its_date(authority: Authority, tmp_path: Path) -> None:
    """Also those for Redis and the syslog server: one that expires unseen stops announcements, or the audit's copy."""
    roles = ("listener", "retrieve_from", "syslog", "redis")
    shown = {role: authority.issue(role, ends=(number + 2) * DAY) for number, role in enumerate(roles)}
    settings = ListenerSettings(
        spool=tmp_path / "spool",
        tls=shown["listener"].server(),
        retrieve_from=RetrieveSource("PACS", "localhost", 104, shown["retrieve_from"].client()),
        audit=AuditSettings(tmp_path / "audit", syslog=SyslogServer("localhost", shown["syslog"].client())),
        redis_url=f"rediss://localhost/0?ssl_cert_reqs=required&ssl_certfile={quote(str(shown['redis'].certificate))}",
    )
    metrics = CollectorRegistry()
    metrics.register(listener_certificates(settings, None))
    for number, role in enumerate(roles):
        left = metrics.get_sample_value("radtme_certificate_seconds_left", {"role": role})
        assert left is not None, role
        assert number + 1 < left / DAY.total_seconds() <= number + 2
