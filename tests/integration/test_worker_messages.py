"""Malformed messages through Redis, and cases that exceed limits, do not stop a worker: it scores the next case."""

import pickle
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Queue

from deploy.simulation.phantom import write_phantom
from support.broken_studies import SMALL
from support.installation import Installation, send

LARGE = {"slices": 192, "rows": 256, "columns": 256, "phases": 1}
"""Needs more than the least limit that can be set."""
PICKLE = "application/x-python-serialize"


class Harmful:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def put(url: str, body: bytes, content_type: str, encoding: str) -> None:
    """Put a message for the score task into its queue."""
    with (
        Celery("test", broker=url, set_as_current=False) as app,
        app.connection_for_write() as connection,
        connection.Producer() as producer,
    ):
        producer.publish(
            body,
            routing_key="compute",
            declare=[Queue("compute")],
            content_type=content_type,
            content_encoding=encoding,
            headers={"task": "workers.tasks.score", "id": "1", "lang": "py"},
        )


def rejection_of(parts: Installation, folder: Path, number: int) -> Any:
    """Send a study, wait until it is judged, and return why it was not scored; None where it was."""
    phantom = write_phantom(folder, number, **(LARGE if number == 1 else {**SMALL, "phases": 1}))
    send(parts.dicom_port, folder)
    jobs = parts.wait_for_jobs(number, 120)
    [job] = [one for one in jobs if one.record.study_uid == phantom.study_uid]
    return parts.result(job)["rejection"]


def test_foreign_messages_and_a_case_over_its_memory_leave_the_worker_at_work(tmp_path: Path) -> None:
    """Pickle is refused unread, also under another content type; a case over its limit ends with its reason."""
    touched, control = tmp_path / "touched", tmp_path / "control"
    pickle.loads(pickle.dumps(Harmful(control)))  # noqa: S301 - ours, to see that it would do harm
    assert control.exists()
    pickled = pickle.dumps(((Harmful(touched),), {}, {}))
    with Installation(tmp_path / "installation", max_job_memory_bytes=64 << 20, concurrency=1) as parts:
        parts.start()
        url = f"redis://127.0.0.1:{parts.redis_port}/0"
        put(url, pickled, PICKLE, "binary")
        put(url, pickled, "application/json", "binary")
        put(url, b"no json", "application/json", "utf-8")
        assert rejection_of(parts, tmp_path / "large", 1)["reason"] == "memory_limit"
        assert rejection_of(parts, tmp_path / "small", 2) is None
        assert not touched.exists()
        said = parts.log("work")
        assert said.count("Received invalid task message") + said.count("Can't decode message body") == 3
        assert "Harmful" not in said
        assert said.count('"event": "worker_ready"') == 1
        assert parts.get("work", "/healthz")
