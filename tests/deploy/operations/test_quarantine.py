"""`radtme quarantine`: objects with sender and time; one object removed, and audited."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import radtme
from listener.ledger.quarantine import QuarantineReason
from listener.spool.spool import Spool
from support.dicom_objects import image


@pytest.fixture
def file(spool: Spool, tmp_path: Path) -> Path:
    """A configuration whose spool holds one object in quarantine."""
    part = spool.receiving / "x.part"
    instance = image(1)
    instance.PatientName = "Secret^Name"
    instance.save_as(part, enforce_file_format=True)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    why = QuarantineReason(
        reason="duplicate_sop_instance",
        message="kept earlier",
        at=at,
        status="0x0111",
        calling_ae_title="MRI1",
        sop_class_uid=str(instance.SOPClassUID),
        transfer_syntax_uid="1.2.3.4.5",
    )
    spool.put_in_quarantine(part, "1.2.3.4", why)
    file = tmp_path / "radtme.yaml"
    file.write_text(f"data: {spool.root.parent}\n")
    return file


def run(file: Path, *words: str, code: int = 0) -> str:
    """Return what a command printed."""
    done = CliRunner().invoke(radtme, ["quarantine", *words, "--config", str(file)])
    assert done.exit_code == code, done.output
    return done.output


def test_list_and_show_name_sender_and_time_and_no_patient(file: Path) -> None:
    """For people and for scripts."""
    (name,) = [path.stem for path in file.parent.glob("**/quarantine/*.dcm")]
    listed = run(file, "list")
    assert name in listed
    assert "MRI1, " in listed
    assert "duplicate sop instance: kept earlier" in " ".join(listed.split())
    one = json.loads(run(file, "list", "--json"))
    assert (one["name"], one["reason"]["calling_ae_title"]) == (name, "MRI1")
    shown = run(file, "show", name[:5])
    assert "2026-01-02T03:04:05+00:00" in shown
    assert "0x0111" in shown
    assert "MR Image Storage (1.2.840.10008.5.1.4.1.1.4)" in shown
    assert "1.2.3.4.5\n" in re.sub(" +\n", "\n", shown), "a private encoding has no name"
    assert "Secret" not in listed + shown


def test_drop_removes_one_and_says_so_in_the_audit_trail(file: Path, spool: Spool) -> None:
    """Not without a reason; another name changes nothing."""
    (name,) = [path.stem for path in spool.quarantine.glob("*.dcm")]
    run(file, "drop", name, code=2)
    run(file, "drop", "9.9", "--why", "x", code=1)
    assert len(list(spool.quarantine.iterdir())) == 1
    run(file, "drop", name, "--why", "sent again")
    assert list(spool.quarantine.iterdir()) == []
    trail = "".join(path.read_text() for path in (spool.root.parent / "audit").rglob("*") if path.is_file())
    assert f"object {name} dropped: sent again" in trail
    assert "nothing is in quarantine" in run(file, "list")
