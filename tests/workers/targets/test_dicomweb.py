"""STOW-RS against a server that misbehaves: what each answer means for an object, and what never happens."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from listener.settings import ClientTls
from support.certificates import Authority, secret_file
from support.dicom_objects import image
from support.web_server import Handler, web_server
from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.dicomweb import Stow
from workers.targets.store_status import StoreResult
from workers.targets.target import Target, TargetKind
from workers.targets.transport import Alternatives, SentObject, TargetRefused

ROLES = (ResultRole.SEGMENTATION, ResultRole.SUMMARY_REPORT)


def target(url: str, **more: Any) -> Target:
    """Return a DICOMweb target."""
    return Target("web", kind=TargetKind.DICOMWEB, url=url, **{"timeout_seconds": 60.0, **more})


def result(number: int) -> Dataset:
    """Return an object to send."""
    return image(number)


def objects(count: int = 1) -> dict[ResultRole, Alternatives]:
    """Return so many results."""
    return {role: {"1.2": lambda n=n: result(n)} for n, role in enumerate(ROLES[:count], 1)}


def send(url: str, count: int = 1, **more: Any) -> list[SentObject]:
    """Send so many results."""
    return list(Stow().send(target(url, **more), "RADTME", objects(count)))


def failed(reason: int | None, uid: str) -> bytes:
    """Return a response with a Failed SOP Sequence."""
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    if reason is not None:
        item["00081197"] = {"vr": "US", "Value": [reason]}
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


@pytest.mark.parametrize(
    ("status", "reason", "meaning"),
    [
        (409, 0xA700, StoreResult.TRY_AGAIN),
        (409, 0xA900, StoreResult.REFUSED),
        (409, 0xC000, StoreResult.REFUSED),
        (409, 0x0122, StoreResult.REFUSED),
        (409, 0x0110, StoreResult.TRY_AGAIN),
        (409, 0x0111, StoreResult.TAKEN),
        (409, 0xB00E, StoreResult.TAKEN),
        (202, 0xA700, StoreResult.TRY_AGAIN),
        (200, 0xC000, StoreResult.REFUSED),
        (409, None, StoreResult.REFUSED),
    ],
)
def test_failure_reason_says_what_to_do(status: int, reason: int | None, meaning: StoreResult) -> None:
    """The reasons of the Failed SOP Sequence are C-STORE statuses (PS3.18 annex I) and mean the same."""
    with web_server(lambda handler: handler.answer(status, failed(reason, image(1).SOPInstanceUID))) as server:
        (sent,) = send(server.url)
    assert sent.answer is meaning
    assert str(status) in sent.status


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, b"", StoreResult.TAKEN),
        (200, b"<html>thanks</html>", StoreResult.TAKEN),
        (202, b"garbage \xff", StoreResult.TRY_AGAIN),
        (204, b"", StoreResult.TRY_AGAIN),
        (400, b"", StoreResult.REFUSED),
        (413, b"", StoreResult.REFUSED),
        (500, b"", StoreResult.TRY_AGAIN),
        (409, b"[" * 100_000, StoreResult.REFUSED),
        (409, b'{"00081198": {"Value": "x"}}', StoreResult.REFUSED),
        (409, b'[{"00081198": []}]', StoreResult.REFUSED),
    ],
)
def test_a_response_that_does_not_name_the_object_counts_by_its_status(
    status: int, body: bytes, meaning: StoreResult
) -> None:
    """Where the body says nothing that can be read, the status decides; what is not certain is tried again."""
    with web_server(lambda handler: handler.answer(status, body)) as server:
        assert [one.answer for one in send(server.url)] == [meaning]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 501])
def test_a_server_that_refuses_all_requests_is_not_tried_further(status: int) -> None:
    """Wrong credentials or URL need a person: the remaining objects are not tried."""
    with web_server(lambda handler: handler.answer(status)) as server:
        with pytest.raises(TargetRefused, match=f"HTTP {status}"):
            send(server.url, 2)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_server_is_asked_again_later(status: int) -> None:
    """Objects that were stored before count as delivered."""

    def behave(handler: Handler) -> None:
        handler.answer(200 if len(handler.server.requests) == 1 else status)

    with web_server(behave) as server:
        got: list[SentObject] = []
        with pytest.raises(TransientFailure, match=f"HTTP {status}"):
            got.extend(Stow().send(target(server.url), "RADTME", objects(2)))
        taken: Iterator[SentObject] = Stow().send(target(server.url), "RADTME", objects(2))
        server.requests.clear()
        assert next(taken).answer is StoreResult.TAKEN


def test_redirect_gets_neither_credentials_nor_patients(tmp_path: Path) -> None:
    """Another host is never called, whatever the server says."""
    token = secret_file(tmp_path / "token", "SECRET-TOKEN\n")
    with web_server(lambda handler: handler.answer(200)) as other:
        with web_server(lambda handler: handler.answer(307, Location=other.url)) as server:
            with pytest.raises(TargetRefused, match="redirects to another address") as refused:
                send(server.url, token_file=token)
            assert server.requests[0][2]["Authorization"] == "Bearer SECRET-TOKEN"
        assert other.requests == []
    assert "SECRET" not in str(refused.value)


def test_credentials_are_read_anew_and_never_told(tmp_path: Path) -> None:
    """A new token counts at the next try; a file that is gone, empty or of two lines is a reason, without content."""
    token = secret_file(tmp_path / "token", "")
    with web_server(lambda handler: handler.answer(200)) as server:
        for value in ("one", "two"):
            token.write_text(value)
            send(server.url, token_file=token)
        assert [headers["Authorization"] for _, _, headers, _ in server.requests] == ["Bearer one", "Bearer two"]
        for content, words in (("", "is empty"), ("SECRET\r\nX-Injected: 1", "one line"), ("SECRÈT", "one line")):
            token.write_text(content)
            with pytest.raises(TransientFailure, match=words) as failure:
                send(server.url, token_file=token)
            assert "SECR" not in str(failure.value)
        password = secret_file(tmp_path / "password", "pass")
        send(server.url, user="me", password_file=password)
        assert server.requests[-1][2]["Authorization"] == "Basic bWU6cGFzcw=="


def endless(handler: Handler) -> None:
    """Answer without end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * 65536)


def silent(handler: Handler) -> None:
    """Say nothing."""
    threading.Event().wait(6)


def dripping(handler: Handler) -> None:
    """Send a byte now and then."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        threading.Event().wait(0.2)


def dripping_head(handler: Handler) -> None:
    """Send a header now and then."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(90):
        handler.wfile.write(b"X-%d: 1\r\n" % number)
        threading.Event().wait(0.2)


@pytest.mark.parametrize(
    ("behave", "seconds", "words"),
    [(endless, 60, "longer than"), (silent, 2, "in time"), (dripping, 2, "in time"), (dripping_head, 2, "in time")],
)
def test_server_that_never_ends_is_left(behave: Any, seconds: float, words: str) -> None:
    """An answer without end, none at all, or a byte now and then: the try ends, and comes again later."""
    with web_server(behave) as server, pytest.raises(TransientFailure, match=words):
        send(server.url, timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("issued", "words"),
    [
        ({"ends": timedelta(hours=-1)}, "has expired"),
        ({"hosts": ("elsewhere.example",)}, "check tls.ca and the host name"),
        (None, "does not speak TLS"),
    ],
    ids=["expired", "other host", "no TLS"],
)
def test_the_reason_why_there_is_no_tls_is_named(tmp_path: Path, issued: dict[str, Any] | None, words: str) -> None:
    """The status names the side that has to be corrected, and how."""
    authority = Authority(tmp_path / "ca")
    context = None
    if issued is not None:
        theirs = authority.issue("server", **issued)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(theirs.certificate, theirs.key)
    with web_server(lambda handler: handler.answer(200), context) as server:
        url = server.url.replace("http://", "https://")
        with pytest.raises(TransientFailure, match=words):
            send(url, tls=ClientTls(authority.ca))


def test_server_that_is_no_http_server() -> None:
    """Random bytes, and a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"\x05\x00garbage\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        with pytest.raises(TransientFailure):
            send(url)
    with pytest.raises(TransientFailure, match="cannot be reached"):
        send(url)


def test_plainer_report_is_tried_where_the_class_is_not_taken() -> None:
    """Without negotiation, the next alternative is sent when the server refuses the SOP class (0x0122)."""

    def behave(handler: Handler) -> None:
        first = len(handler.server.requests) == 1
        handler.answer(409, failed(0x0122, image(1).SOPInstanceUID)) if first else handler.answer(200)

    choices: Alternatives = {"1.2": lambda: result(1), "1.3": lambda: result(2)}
    with web_server(behave) as server:
        (sent,) = Stow().send(target(server.url), "RADTME", {ROLES[0]: choices})
    assert sent.answer is StoreResult.TAKEN
    assert sent.sop_instance_uid == image(2).SOPInstanceUID


def test_seen_believes_only_what_it_asked_for() -> None:
    """A list of other objects, nothing (204), an unknown study (404), garbage: not seen; an error is no answer."""
    one = InstanceReference.of(image(1))
    listed = json.dumps([{"00080018": {"vr": "UI", "Value": [one.sop_instance_uid]}}]).encode()
    other = json.dumps([{"00080018": {"vr": "UI", "Value": ["1.2.3"]}}]).encode()
    for status, body, expected in [(200, listed, 1), (200, other, 0), (204, b"", 0), (404, b"", 0), (200, b"{", 0)]:
        with web_server(lambda handler, s=status, b=body: handler.answer(s, b)) as server:  # type: ignore[misc]
            assert len(Stow().seen(target(server.url), "RADTME", [one])) == expected
    with web_server(lambda handler: handler.answer(500)) as server, pytest.raises(TransientFailure):
        Stow().seen(target(server.url), "RADTME", [one])
