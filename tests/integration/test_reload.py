"""Changing targets at run time: after SIGHUP, the next case goes to the new targets."""

import itertools
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pynetdicom import AE, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel
from structlog.testing import capture_logs

from deploy.configuration.load import load_configuration
from deploy.configuration.sections import SinkSettings
from deploy.stack.reload import Reload, reload_allow_list
from deploy.stack.sink import Sink
from listener.audit.reader import read_entries
from listener.settings import AuditSettings
from support.dicom_objects import image, outline, write
from support.installation import RADTME, Installation, send
from support.listening import listening
from support.processes import free_port, start, stop, wait_until


@pytest.fixture
def make_sink(tmp_path: Path) -> Iterator[Callable[[str], tuple[dict[str, Any], Path]]]:
    """Return a function that starts a Storage SCP; it returns the target and the folder that it writes to."""
    started = []

    def make(name: str) -> tuple[dict[str, Any], Path]:
        folder = tmp_path / name
        server = Sink(SinkSettings(ae_title=name.upper(), port=0, folder=folder))
        server.start()
        started.append(server)
        return {"name": name, "ae_title": name.upper(), "host": "127.0.0.1", "port": server.port}, folder

    yield make
    for server in started:
        server.stop()


def with_targets(file: Path, targets: object) -> None:
    """Write other targets into a configuration."""
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "targets": targets}))


def test_the_next_case_goes_to_the_new_target(
    tmp_path: Path, make_sink: Callable[[str], tuple[dict[str, Any], Path]]
) -> None:
    """A mistake in the file keeps the old target. A valid file applies to each pool process and is audited."""
    (old, at_old), (new, at_new) = make_sink("old"), make_sink("new")
    numbers = itertools.count(1)
    with Installation(tmp_path / "one", [old], concurrency=2) as parts:
        parts.start()

        def one_more_case() -> None:
            number = next(numbers)
            study = f"1.2.3.{number}"
            own = {"study": study, "frame_of_reference": f"{study}.9"}
            images = [image(one, f"{study}.1", **own) for one in range(1, 5)]
            outlined = outline(range(1, 5), number, f"{study}.2", image_series=f"{study}.1", **own)
            send(parts.dicom_port, write(tmp_path / f"in{number}", [*images, outlined]))
            parts.wait_for_jobs(number, 200)

        def hang_up(expected: str) -> None:
            said = parts.log("work").count(expected)
            os.kill(parts.pid("work"), signal.SIGHUP)
            wait_until(lambda: parts.log("work").count(expected) > said, 60, expected)

        one_more_case()
        first = len(list(at_old.glob("[!.]*.dcm")))
        assert first > 0
        with_targets(parts.configuration, [{**new, "port": "everywhere"}])
        hang_up("configuration_not_reloaded")
        one_more_case()
        assert len(list(at_old.glob("[!.]*.dcm"))) == 2 * first
        with_targets(parts.configuration, [{**new, "timeout_seconds": 60}])
        hang_up("targets_replaced")
        with_targets(parts.configuration, "half a file")  # nobody was told: what was taken over stays
        for _ in range(4):
            one_more_case()
        assert len(list(at_new.glob("[!.]*.dcm"))) == 4 * first
        assert len(list(at_old.glob("[!.]*.dcm"))) == 2 * first
        shown = parts.get("work", "/metrics")
        assert 'radtme_target_circuit{state="closed",target="new"} 1.0' in shown
        assert 'target="old"' not in shown.split("radtme_target_circuit{", 1)[1].split("# HELP")[0]
    alerts = read_entries(tmp_path / "one" / "data" / "audit", lambda entry: entry.event_code == "110113", print)
    changes = [text for entry in alerts for text in entry.details.values() if "targets[0]: " in text]
    assert any("name: old" in text.replace('"', "") and "name: new" in text.replace('"', "") for text in changes)


def test_a_new_target_may_report_to_the_listener(tmp_path: Path) -> None:
    """Its AE title opens an association for a commitment report after the reload, and not before."""
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\nlistener: {calling_ae_titles: [MR1]}\n")
    configuration = load_configuration(file, {})
    audit = AuditSettings(tmp_path / "audit")
    with listening(configuration.locations.spool, calling_ae_titles=("MR1",), audit=audit) as listener:
        assert not may_report(listener.port)
        pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104, "proof": "committed"}
        with_targets(file, [pacs])
        reload_allow_list(listener, file)
        assert may_report(listener.port)
        with_targets(file, "half a file")
        reload_allow_list(listener, file)
        assert may_report(listener.port)
        with_targets(file, [])
        reload_allow_list(listener, file)
        assert not may_report(listener.port)


def may_report(port: int) -> bool:
    """Return whether PACS gets an association to report on storage commitment."""
    entity = AE("PACS")
    entity.add_requested_context(StorageCommitmentPushModel)
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
    association = entity.associate("127.0.0.1", port, ae_title="RADTME", ext_neg=roles)
    established = association.is_established
    if established:
        association.release()
    return established


def test_a_port_that_was_changed_waits_for_a_restart_and_is_named(tmp_path: Path) -> None:
    """A running server keeps its port; after SIGHUP, the log states that the new port needs a restart."""
    file = tmp_path / "radtme.yaml"
    file.write_text(yaml.safe_dump({"data": ".", "workers": {"metrics_port": 4000}}))
    running = Reload(load_configuration(file, {}), file)
    file.write_text(yaml.safe_dump({"data": ".", "workers": {"metrics_port": 4002}}))
    with capture_logs() as said:
        assert running.targets() == ()
    assert [entry["needs_restart"] for entry in said] == [["metrics_port"]]


def test_radtme_up_hands_a_hangup_to_every_part(tmp_path: Path) -> None:
    """One SIGHUP to it: listener, both kinds of workers and the status page have the new target."""
    page = free_port()
    settings = {
        "data": str(tmp_path / "data"),
        "listener": {"port": 0, "metrics_port": 0, "min_free_bytes": 0},
        "workers": {"metrics_port": 0},
        "status_page": {"enabled": True, "port": page},
    }
    file, logs = tmp_path / "radtme.yaml", tmp_path / "logs"
    file.write_text(yaml.safe_dump(settings))

    def shown() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/", timeout=10) as answer:
            return str(answer.read().decode())

    def log(part: str) -> str:
        return (logs / f"{part}.log").read_text()

    up = start([*RADTME, "up", "--config", str(file), "--logs", str(logs)], tmp_path / "up.log")
    try:
        said = tmp_path / "up.log"
        wait_until(lambda: "radtme is running" in said.read_text(), 240, "radtme up")
        assert "archive2" not in shown()
        with_targets(file, [{"name": "archive2", "ae_title": "ARCHIVE2", "host": "127.0.0.1", "port": free_port()}])
        os.kill(up.pid, signal.SIGHUP)
        for part in ("workers", "delivery"):
            wait_until(lambda part=part: "targets_replaced" in log(part), 120, f"the new target at {part}")
        wait_until(lambda: "configuration_reloaded" in log("listener"), 120, "the listener's word")
        for part in ("workers", "delivery", "listener"):  # the ports that were chosen for 0 are no change
            assert '"needs_restart": []' in log(part), part
        wait_until(lambda: "archive2" in shown(), 120, "the new target on the status page")
        with_targets(file, "half a file")
        os.kill(up.pid, signal.SIGHUP)
        wait_until(lambda: "configuration_not_reloaded" in log("status page"), 120, "the mistake in the log")
        assert "archive2" in shown()
        assert "started again" not in said.read_text()
    finally:
        assert stop(up, seconds=120) == 0
