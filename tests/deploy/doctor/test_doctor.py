"""`radtme doctor`: breaks one thing at a time, and expects it to be found and the remedy to be named."""

import json
import os
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli import radtme
from deploy.configuration.sections import StatusPageSettings
from deploy.status_page.overview import Pages
from deploy.status_page.server import _Content
from listener.runtime.heartbeat import Part
from listener.spool.recent_studies import note_recent
from listener.spool.spool import Spool
from support.listening import listening
from support.processes import free_port, running
from support.signs_of_life import signs_of_life


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Settings on free ports, with a Redis that answers nowhere."""
    ports = {"port": free_port(), "metrics_port": free_port()}
    return {
        "data": str(tmp_path / "data"),
        "redis": {"url": f"redis://127.0.0.1:{free_port()}/0"},
        "listener": {**ports, "min_free_bytes": 0},
        "workers": {"metrics_port": free_port()},
    }


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    """A Redis with a password."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running([*command, "--requirepass", "right"], tmp_path / "redis.log", port):
        yield port


def findings(settings: dict[str, Any], folder: Path) -> tuple[dict[str, list[dict[str, str]]], int]:
    """Return what doctor finds, by check, and its exit code."""
    file = folder / "radtme.yaml"
    file.write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(radtme, ["doctor", "--json", "--config", str(file)])
    found: dict[str, list[dict[str, str]]] = {}
    start = done.stdout.index("[\n")
    for one in json.loads(done.stdout[start:]):
        found.setdefault(one["check"], []).append(one)
    return found, done.exit_code


def faults(found: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return the message of each fault, each of which names a remedy."""
    assert all(one["remedy"] for ones in found.values() for one in ones if one["level"] != "ok")
    return {name: one["message"] for name, ones in found.items() for one in ones if one["level"] == "fault"}


@pytest.mark.acceptance
def test_a_healthy_installation_has_no_fault(settings: dict[str, Any], tmp_path: Path, redis_port: int) -> None:
    """Every check has a finding; exit code 0."""
    settings["redis"] = {"url": f"redis://:right@127.0.0.1:{redis_port}/0"}
    spool = Spool(tmp_path / "data" / "spool")
    port = settings["listener"]["port"]
    with listening(spool.root, port=port), signs_of_life(spool):
        settings["targets"] = [{"name": "pacs", "ae_title": "RADTME", "host": "127.0.0.1", "port": port}]
        found, code = findings(settings, tmp_path)
    assert faults(found) == {}
    assert code == 0
    expected = {
        "versions",
        "configuration",
        "folders",
        "disk",
        "ports",
        "clock",
        "redis",
        "database",
        "signature",
        "parts",
    }
    assert set(found) == expected | {"peers", "targets"}


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:wrong@127.0.0.1:{port}/0", "refuses the password"),
        ("redis://127.0.0.1:{port}/0", "needs a password, and none is configured"),
    ],
)
def test_a_wrong_password_of_redis_is_named(
    settings: dict[str, Any], tmp_path: Path, redis_port: int, url: str, words: str
) -> None:
    """And never shown."""
    settings["redis"] = {"url": url.format(port=redis_port)}
    found, code = findings(settings, tmp_path)
    assert words in faults(found)["redis"]
    assert "redis.password_file" in found["redis"][0]["remedy"]
    assert "wrong@" not in json.dumps(found)
    assert code == 1


def test_no_redis_is_named(settings: dict[str, Any], tmp_path: Path) -> None:
    """With its address and the setting."""
    found, code = findings(settings, tmp_path)
    assert faults(found)["redis"].startswith("no Redis answers at 127.0.0.1:")
    assert "redis.url" in found["redis"][0]["remedy"]
    assert code == 1


def test_what_is_broken_on_this_machine_is_named(settings: dict[str, Any], tmp_path: Path) -> None:
    """An unreachable target, a port in use, a full disk, an object from the future, parts that do not run."""
    spool = Spool(tmp_path / "data" / "spool")
    spool.prepare()
    series = spool.studies / "1.2" / "1.2.1"
    series.mkdir(parents=True)
    os.utime(series, (4e9, 4e9))
    note_recent(str(spool.root), "1.2")
    settings["targets"] = [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}]
    settings["listener"]["min_free_bytes"] = 1 << 60
    with listening(tmp_path / "other", port=settings["listener"]["port"]):
        found, code = findings(settings, tmp_path)
    said = faults(found)
    assert "listener.port" in found["ports"][0]["remedy"]
    assert "taken by another program" in said["ports"]
    assert "objects are refused below" in said["disk"]
    assert "in the future" in said["clock"]
    assert said["targets"].startswith("pacs: PACS@127.0.0.1")
    assert "then run radtme echo pacs" in found["targets"][0]["remedy"]
    assert [one["message"] for one in found["parts"]] == ["nothing is running"]
    assert code == 1


def test_a_file_in_the_place_of_the_data_folder(settings: dict[str, Any], tmp_path: Path) -> None:
    """`doctor` and `config check` name the setting."""
    (tmp_path / "data").write_text("")
    found, _ = findings(settings, tmp_path)
    assert "is a file" in faults(found)["folders"]
    assert not {"database", "signature"} & set(found)
    for words in (["status"], ["retention"], ["quarantine", "list"]):
        done = CliRunner().invoke(radtme, [*words, "--config", str(tmp_path / "radtme.yaml")])
        assert done.exit_code == 1
        assert "data: " in done.stderr
        assert "is a file" in done.stderr
        assert "nothing ever ran" not in done.stderr
    done = CliRunner().invoke(radtme, ["config", "check", str(tmp_path / "radtme.yaml")])
    assert done.exit_code == 2
    assert "data: " in done.stderr
    assert "is a file" in done.stderr


def test_the_sink_of_a_stack_that_does_not_run_is_no_wrong_target(settings: dict[str, Any], tmp_path: Path) -> None:
    """Its port is chosen when it starts."""
    settings["sink"] = {"enabled": True, "port": 0, "folder": str(tmp_path / "pacs")}
    found, _ = findings(settings, tmp_path)
    said = [one for one in found["targets"] if one["message"].startswith("sink: ")]
    assert [(one["level"], one["message"]) for one in said] == [("warning", "sink: is not running")]


def test_what_does_not_exist_yet_is_said_to_be_made(settings: dict[str, Any], tmp_path: Path) -> None:
    """The disk is that of the nearest folder that exists; there is no database before the first start."""
    settings["listener"]["min_free_bytes"] = 1 << 60
    found, _ = findings(settings, tmp_path)
    assert "objects are refused below" in faults(found)["disk"]
    assert found["database"][0]["message"] == "SQLite in the spool: will be made at the first start"
    with signs_of_life(Spool(tmp_path / "data" / "spool"), Part.COMPUTE, Part.DELIVERY):
        found, _ = findings(settings, tmp_path)
    assert "radtme listen" in next(one["remedy"] for one in found["parts"] if one["level"] == "fault")


def check(settings: dict[str, Any], folder: Path, *options: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of `config check`."""
    file = folder / "radtme.yaml"
    file.write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(radtme, ["config", "check", str(file), *options])
    return done.exit_code, done.stdout, done.stderr


def test_config_check_warns_of_redis_in_the_clear(settings: dict[str, Any], tmp_path: Path) -> None:
    """A Redis on another host without TLS works, and can be read on the way."""
    settings["redis"] = {"url": "redis://redis.example.org:6379/0"}
    code, _, errors = check(settings, tmp_path)
    assert code == 0
    assert "messages go, without a password, to redis.example.org in the clear" in errors


@pytest.mark.parametrize(
    ("changes", "setting", "other"),
    [
        ({"listener": {"metrics_port": 4001, "port": 4001}}, "listener.metrics_port", "listener.port"),
        ({"workers": {"metrics_port": 4001}}, "workers.metrics_port", "listener.metrics_port"),
        ({"workers": {"metrics_port": 4000}}, "workers.metrics_port", "listener.port"),
        ({"workers": {"metrics_port": 4001, "metrics_host": "::"}}, "workers.metrics_port", "listener.metrics_"),
        ({"workers": {"metrics_port": 4001, "metrics_host": "localhost"}}, "workers.metrics_port", "listener.metrics_"),
        ({"sink": {"enabled": True, "port": 4001}}, "sink.port", "listener.metrics_port"),
        ({"status_page": {"enabled": True, "port": 4001}}, "status_page.port", "listener.metrics_port"),
        ({"status_page": {"port": 4001}}, "status_page.port", "listener.metrics_port"),
        ({"status_page": {"port": 5001}}, "status_page.port", "workers.metrics_port + 1 (metrics of delivery)"),
    ],
)
def test_equal_ports_are_an_error(
    settings: dict[str, Any], tmp_path: Path, changes: dict[str, Any], setting: str, other: str
) -> None:
    """Of any two parts on the same address; config check names the line, doctor the setting."""
    settings["listener"] |= {"port": 4000, "metrics_port": 4001}
    settings["workers"] |= {"metrics_port": 5000}
    for section, changed in changes.items():
        settings[section] = {**settings.get(section, {}), **changed}
    code, _, errors = check(settings, tmp_path)
    assert code == 2
    assert f"{setting}: is " in errors
    assert f", as {other}" in errors
    if setting != "listener.metrics_port":  # with that, nothing starts, not even doctor
        found, code = findings(settings, tmp_path)
        assert setting in faults(found)["ports"]
        assert code == 1


def test_equal_ports_of_different_addresses_or_of_parts_that_do_not_run_are_fine(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """Such as two addresses of one machine; a sink and a page that are not enabled."""
    settings["listener"] |= {"port": 11113, "metrics_port": 9180}
    settings["workers"] |= {"metrics_port": 9180, "metrics_host": "127.0.0.2"}
    assert check(settings, tmp_path)[0] == 0


def test_a_database_that_is_away_is_named_everywhere(settings: dict[str, Any], tmp_path: Path) -> None:
    """By doctor, by status, which still shows the running parts, and by the status page."""
    spool = Spool(tmp_path / "data" / "spool")
    spool.prepare()
    url = f"postgresql://radtme:secret@127.0.0.1:{free_port()}/radtme"
    settings["ledger"] = {"url": url}
    found, code = findings(settings, tmp_path)
    assert faults(found)["database"].startswith("PostgreSQL: ")
    assert code == 1
    done = CliRunner().invoke(radtme, ["status", "--config", str(tmp_path / "radtme.yaml")])
    assert done.exit_code == 1
    assert "The ledger's database cannot be used: " in done.output
    assert "Nothing is running: no object is received" in done.output
    assert "secret" not in done.output + json.dumps(found)
    away = Spool(spool.root, url.replace("postgresql:", "postgresql+psycopg:"))
    page = _Content(Pages(away, tmp_path / "none", (), 0, StatusPageSettings())).answer("/")
    assert page.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "database of the ledger cannot be used" in page.body.decode()


@pytest.mark.acceptance
def test_config_check_connects_on_request(settings: dict[str, Any], tmp_path: Path, redis_port: int) -> None:
    """With the password that the file names; it says "ok" only where everything answers."""
    for password, expected, words in (("right", 0, "redis: answers"), ("wrong", 3, "refuses the password")):
        settings["redis"] = {"url": f"redis://:{password}@127.0.0.1:{redis_port}/0"}
        code, shown, errors = check(settings, tmp_path, "--connect")
        assert code == expected, shown + errors
        assert words in shown
        assert "database: " in shown
        assert (": ok, " in shown) is (code == 0)
        assert ("the settings are valid, but 1 of 2 connections cannot be used" in errors) is (code == 3)
