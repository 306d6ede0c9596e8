"""The doorbell's thread."""

import threading

import pytest
from structlog.testing import capture_logs

from listener.broker.announcer import Announcer
from listener.broker.messages import Bell, score_bell


def test_an_unforeseen_error_does_not_end_the_ringing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread says what happened and tries again; as long as it lives, a liveness check sees it."""
    sent: list[Bell] = []
    done = threading.Event()
    announcer = Announcer("redis://127.0.0.1:1/0")

    def send(bell: Bell) -> bool:
        sent.append(bell)
        if len(sent) == 1:
            raise RuntimeError("nobody thought of this")
        done.set()
        return True

    monkeypatch.setattr(announcer, "_send", send)
    monkeypatch.setattr("listener.broker.announcer.TRY_AGAIN_SECONDS", 0.01)
    with capture_logs() as logs:
        announcer.start()
        announcer.ring(score_bell("0123456789abcdef-v1"))
        assert done.wait(5)
        assert announcer.is_ringing
        announcer.stop()
    assert sent == [score_bell("0123456789abcdef-v1")] * 2
    assert [line["event"] for line in logs] == ["bell_failed"]
    assert not announcer.is_ringing
