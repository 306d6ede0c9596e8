"""``radtme audit``, and what the program says of its own changes: configuration, version, signatures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import radtme
from deploy.configuration.change_audit import audit_configuration_changes
from deploy.configuration.load import load_configuration
from listener.audit.events import AuditedPatient, AuditedStudy, Node, instances_transferred, node_rejected
from listener.audit.message import Instances
from listener.audit.reader import AuditEntry, read_entries
from listener.audit.trail import AuditLog, NotAudited
from listener.settings import AuditSettings
from model_store.signatures.registry import Registry

STUDY, OTHER = "1.2.840.1", "1.2.840.2"


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLog:
    """Return the trail of the configuration in the working directory, which holds a transfer of each of two studies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "radtme.yaml").write_text("data: .\n")
    log = AuditLog(AuditSettings(tmp_path / "audit"))
    for uid in (STUDY, OTHER):
        study = AuditedStudy(uid, AuditedPatient("ID-77", "SECRET^NAME"), (Instances("1.2.840.10008.5.1.4.1.1.4", 60),))
        log.write(instances_transferred(Node("MRI1", "192.0.2.5"), Node("RADTME"), study, sends=False))
    log.write(node_rejected(Node("EVIL", "192.0.2.66"), "RADTME", "calling_ae_title"))
    return log


def run(*arguments: str) -> Result:
    """Run ``radtme audit`` as a person does."""
    return CliRunner().invoke(radtme, ["audit", *arguments])


def entries(folder: Path, code: str) -> list[AuditEntry]:
    """Return the messages of one kind."""
    return list(read_entries(folder, lambda entry: entry.event_code == code, print))


def test_patients_are_hidden_unless_asked_for(trail: AuditLog) -> None:
    """On a terminal and as JSON: ids and names only with ``--show-patients``."""
    for arguments in ((), ("--json",)):
        shown = run(*arguments).output
        assert "MRI1@192.0.2.5" in shown
        assert STUDY in shown
        assert "SECRET" not in shown
        assert "ID-77" not in shown
        assert "SECRET^NAME (ID-77)" in run(*arguments, "--show-patients").output


def test_messages_are_chosen_by_study_event_and_time(trail: AuditLog) -> None:
    """Each option narrows what is shown."""
    one = [json.loads(line) for line in run("--study", STUDY, "--json").output.splitlines()]
    assert [(entry["studies"], entry["instances"]) for entry in one] == [([STUDY], 60)]
    assert len(one) == 1
    alerts = [json.loads(line) for line in run("--event", "security", "--json").output.splitlines()]
    assert [entry["who"][1] for entry in alerts] == ["EVIL@192.0.2.66"]
    assert run("--event", "110113", "--json").output == run("--event", "security-alert", "--json").output
    assert run("--until", "1h", "--json").output == ""
    assert len(run("--since", "1h", "--event", "dicom-instances-transferred", "--json").output.splitlines()) == 2


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--event", "nonsense")])
def test_wrong_option_says_what_is_expected(trail: AuditLog, arguments: tuple[str, str]) -> None:
    """Exit code 2, and the choices."""
    failed = run(*arguments)
    assert failed.exit_code == 2
    assert "expected" in failed.output


def test_reading_is_audited(trail: AuditLog, tmp_path: Path) -> None:
    """Who read the trail stands in it (PS3.15 section A.5.3.2)."""
    run()
    (read,) = entries(tmp_path / "audit", "110101")
    assert read.objects[0].startswith("Security Audit Log")


def test_foreign_line_is_told_and_skipped(trail: AuditLog, tmp_path: Path) -> None:
    """Half a message, or one with a document type: a warning with its place, and the rest is shown."""
    with (tmp_path / "audit" / "audit-000001.log").open("a") as file:
        file.write("half a mess\n")
        file.write('<85>1 x \ufeff<!DOCTYPE a [<!ENTITY b "c">]><AuditMessage>&b;</AuditMessage>\n')
    shown = run()
    assert "2 lines are not audit messages" in shown.output
    assert "audit-000001.log:4" in shown.output
    assert "EVIL" in shown.output


def test_changed_configuration_is_told_with_what_changed(tmp_path: Path) -> None:
    """First seen, unchanged (nothing), changed (old and new value), and a password never."""
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\nlistener: {calling_ae_titles: [MRI1]}\n")
    for _ in range(2):
        audit_configuration_changes(load_configuration(file, {"RADTME_REDIS_URL": "redis://:first@redis/0"}), "listen")
    assert len(entries(tmp_path / "audit", "110113")) == 3  # recording started, configuration, version
    file.write_text("data: .\nlistener: {calling_ae_titles: [MRI1, MRI2]}\n")
    audit_configuration_changes(load_configuration(file, {"RADTME_REDIS_URL": "redis://:second@redis/0"}), "listen")
    changed = entries(tmp_path / "audit", "110113")[-1]
    assert changed.kinds == ("Security Configuration",)
    assert 'listener.calling_ae_titles: ["MRI1"] -> ["MRI1", "MRI2"]' in changed.description
    everything = "".join(path.read_text() for path in (tmp_path / "audit").iterdir())
    assert "first@" not in everything
    assert "second@" not in everything


def test_a_criterion_that_only_warns_from_now_on_is_told(tmp_path: Path) -> None:
    """A site that weakens the acceptance contract does so on record."""
    file = tmp_path / "radtme.yaml"
    for text in ("data: .\n", "data: .\nworkers: {criteria_as_notes: [body_part]}\n"):
        file.write_text(text)
        audit_configuration_changes(load_configuration(file, {}), "work")
    changed = entries(tmp_path / "audit", "110113")[-1]
    assert "workers.criteria_as_notes: [] -> [body_part]" in changed.description


def test_switching_the_trail_off_is_its_last_message(tmp_path: Path) -> None:
    """Audit Recording Stopped is written although the new configuration says that nothing is."""
    file = tmp_path / "radtme.yaml"
    for enabled in ("true", "false"):
        file.write_text(f"data: .\naudit: {{enabled: {enabled}}}\n")
        audit_configuration_changes(load_configuration(file, {}), "up")
    kinds = [entry.kinds for entry in entries(tmp_path / "audit", "110113")]
    assert kinds[0] == ("Audit Recording Started",)
    assert ("Audit Recording Stopped",) in kinds


def test_activation_is_audited_before_it_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the account, the signature and the one before; while the trail cannot be written, nothing is activated."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "radtme.yaml").write_text("data: .\n")
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    (name,) = registry.names()
    done = CliRunner().invoke(radtme, ["signature", "activate", name])
    assert done.exit_code == 0, done.output
    (told,) = entries(tmp_path / "audit", "110113")
    assert told.kinds == ("Software Configuration",)
    assert told.description == f"activate {name}; active before: {name}"
    moves = len(registry.history())
    (tmp_path / "audit").rename(tmp_path / "away")
    (tmp_path / "audit").write_text("")
    refused = CliRunner().invoke(radtme, ["signature", "activate", name])
    assert refused.exit_code == 1
    assert len(registry.history()) == moves


def test_start_is_refused_while_the_trail_cannot_be_written(tmp_path: Path) -> None:
    """`radtme listen` and the like end with the reason."""
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\n")
    (tmp_path / "audit").write_text("")
    with pytest.raises(NotAudited):
        audit_configuration_changes(load_configuration(file, {}), "up")


def test_a_trail_that_cannot_be_written_is_said_once_with_its_cause(run_radtme, tmp_path: Path) -> None:
    """The first word of a first start with a wrong `data`: where, why, and which keys to change."""
    (tmp_path / "audit").write_text("")
    run = run_radtme("up")
    assert run.returncode == 1
    assert run.stderr.splitlines()[0] == "error: the audit trail in audit cannot be written: File exists"
    assert "data: or audit.folder:" in run.stderr
