"""The announcer's thread."""

import threading

import pytest
from structlog.testing import capture_logs

from listener.broker.announcer import Announcer
from listener.broker.messages import Announcement, score_announcement


def test_an_unforeseen_error_does_not_end_the_ringing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread says what happened and tries again; as long as it lives, a liveness check sees it."""
    sent: list[Announcement] = []
    done = threading.Event()
    announcer = Announcer("redis://127.0.0.1:1/0")

    def send(announcement: Announcement) -> bool:
        sent.append(announcement)
        if len(sent) == 1:
            raise RuntimeError("nobody thought of this")
        done.set()
        return True

    monkeypatch.setattr(announcer, "_send", send)
    monkeypatch.setattr("listener.broker.announcer.TRY_AGAIN_SECONDS", 0.01)
    with capture_logs() as logs:
        announcer.start()
        announcer.announce(score_announcement("0123456789abcdef-v1"))
        assert done.wait(5)
        assert announcer.is_running
        announcer.stop()
    assert sent == [score_announcement("0123456789abcdef-v1")] * 2
    assert [line["event"] for line in logs] == ["job_announcement_internal_error"]
    assert not announcer.is_running
