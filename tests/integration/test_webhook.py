"""The webhook of a whole installation: cases do not depend on its receiver."""

import json
import time
from pathlib import Path
from typing import Any

import yaml
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from deploy.self_test.study import write_self_test
from listener.spool.jobs import JobState
from support.installation import Installation, send
from support.processes import free_port, wait_until
from support.recorder import recorder
from support.web_server import Handler, web_server


def with_webhook(parts: Installation, **webhook: Any) -> Installation:
    """Write a webhook into the configuration."""
    settings = yaml.safe_load(parts.configuration.read_text())
    parts.configuration.write_text(yaml.safe_dump({**settings, "webhook": webhook}))
    return parts


class Receiver:
    """Answers 500 until it is repaired; records what it accepted."""

    def __init__(self) -> None:
        self.mended = False
        self.taken: list[dict[str, Any]] = []

    def __call__(self, handler: Handler) -> None:
        """Answer one request."""
        if not self.mended:
            time.sleep(0.2)
            handler.answer(500, b"broken")
            return
        self.taken.append(json.loads(handler.content))
        handler.answer(204)

    def outcomes(self) -> list[tuple[str, str | None]]:
        """Return the reported outcomes with their reasons."""
        return sorted((one["outcome"], one["reason"]) for one in self.taken)


def test_cases_go_on_without_it_and_it_is_told_later(tmp_path: Path) -> None:
    """One case scored, one not, both delivered while the webhook answers 500; all four outcomes are sent later."""
    receiver = Receiver()
    with web_server(receiver) as server, recorder() as pacs:  # noqa: SIM117 - the second needs the first
        with with_webhook(Installation(tmp_path / "parts", [pacs.target]), url=server.url) as parts:
            parts.start()
            whole = write_self_test(tmp_path / "whole")
            alone = write_self_test(tmp_path / "alone")
            send(parts.dicom_port, tmp_path / "whole")
            send(parts.dicom_port, alone.outline.path)
            jobs = parts.wait_for_jobs(2, 300)
            assert {job.state for job in jobs} == {JobState.DONE}
            assert receiver.taken == []
            wait_until(
                lambda: 'radtme_webhook_requests_total{outcome="error"} 0.0' not in parts.get("work", "/metrics"),
                120,
                "an error that is counted",
            )
            receiver.mended = True
            wait_until(lambda: len(receiver.taken) >= 4, 240, "four outcomes")
            wait_until(lambda: "radtme_webhook_waiting 0.0" in parts.get("work", "/metrics"), 120, "nothing left")
            assert receiver.outcomes() == [
                ("delivered", None),
                ("delivered", None),
                ("not_scored", "missing_instances"),
                ("scored", None),
            ]
            assert whole.study_uid not in json.dumps(receiver.taken)
            assert "webhook_delivery_failed" in parts.log("work")


def test_a_target_that_refuses_is_told_as_failed(tmp_path: Path) -> None:
    """A Storage SCP that accepts none of our SOP classes refuses permanently: failed, with its coded reason."""
    receiver = Receiver()
    receiver.mended = True
    entity = AE("REFUSES")
    entity.add_supported_context(CTImageStorage)
    pacs = entity.start_server(("127.0.0.1", free_port()), block=False)
    assert pacs is not None
    target = {"name": "pacs", "ae_title": "REFUSES", "host": "127.0.0.1", "port": pacs.server_address[1]}
    try:
        with web_server(receiver) as server:
            installation = Installation(tmp_path / "parts", [target])
            with with_webhook(installation, url=server.url, outcomes=["failed"]) as parts:
                parts.start()
                alone = write_self_test(tmp_path / "alone")
                send(parts.dicom_port, alone.outline.path)
                (job,) = parts.wait_for_jobs(1, 300)
                assert job.state is JobState.FAILED
                wait_until(lambda: receiver.taken, 240, "the failure")
    finally:
        pacs.shutdown()
    assert receiver.outcomes() == [("failed", "delivery_refused")]
