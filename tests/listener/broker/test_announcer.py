"""The announcer's thread."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from listener.broker.announcer import Announcer
from listener.broker.messages import Announcement, score_announcement
from support.processes import free_port, running, wait_until


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
        assert done.wait(60)
        assert announcer.is_running
        announcer.stop()
    assert sent == [score_announcement("0123456789abcdef-v1")] * 2
    assert [line["event"] for line in logs] == ["job_announcement_internal_error"]
    assert not announcer.is_running


def test_who_asks_while_it_stops_meets_no_closed_connection(tmp_path: Path) -> None:
    """Prometheus may scrape a listener that is being stopped: no traceback in its log."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, tmp_path / "redis.log", port) as redis, ThreadPoolExecutor(1) as pool:
        announcer = Announcer(f"redis://127.0.0.1:{port}/0")
        assert announcer.depths() == {"compute": 0, "delivery": 0}
        redis.send_signal(signal.SIGSTOP)  # answers come late
        asked = pool.submit(announcer.depths)
        wait_until(lambda: announcer._redis.connection_pool._in_use_connections, 30, "a question")
        announcer.stop()
        redis.send_signal(signal.SIGCONT)
        assert asked.exception() is None
