"""The `webhook` section: settings that cannot work, or would send a secret unencrypted, are refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.configuration.load import ConfigurationError, load_configuration
from support.certificates import secret_file


def problems(tmp_path: Path, **webhook: object) -> str:
    """Return what is wrong with a configuration that has this section; empty where nothing is."""
    file = tmp_path / "radtme.yaml"
    file.write_text(yaml.safe_dump({"data": ".", "webhook": webhook}))
    try:
        load_configuration(file, {})
    except ConfigurationError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("webhook", "words"),
    [
        ({"url": "ftp://h/x"}, "webhook.url: expected https://host/path"),
        ({"url": "https:///x"}, "webhook.url: expected https://host/path"),
        ({"url": "https://h/x?token=1", "tls": {"ca": "ca.pem"}}, "without ? and #"),
        ({"url": "https://u:p@h/x", "tls": {"ca": "ca.pem"}}, "webhook.url: holds a user or password"),
        ({"url": "https://h/x"}, "webhook.url: https needs webhook.tls"),
        ({"url": "http://h/x", "tls": {"ca": "ca.pem"}}, "webhook.tls: is given with an http url"),
        ({"url": "http://h/x", "secret_file": "s"}, "webhook.secret_file: the secret would go over the network in the"),
        ({"secret_file": "s"}, "webhook.secret_file: there is no webhook.url"),
        ({"url": "http://h/x", "secret_header": "X Y"}, "webhook.secret_header: expected the name of an HTTP header"),
        ({"url": "http://h/x", "outcomes": ["cured"]}, "expected one of scored, not_scored, failed, delivered"),
        ({"url": "http://h/x", "give_up_hours": 0}, "webhook.give_up_hours: expected a number from 1 to 8784"),
        ({"url": "http://127.0.0.1:8080/x", "secret_file": "s", "outcomes": ["failed"]}, ""),
        ({"url": "https://h/x", "tls": {"ca": "ca.pem"}, "secret_file": "s", "include_uids": True}, ""),
        ({}, ""),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, webhook: dict[str, object], words: str) -> None:
    """By setting, with the remedy; valid settings pass."""
    said = problems(tmp_path, **webhook)
    assert words in said if words else said == ""


def test_config_check_looks_into_template_and_secret(
    tmp_path: Path, run_radtme: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """A template with an unknown field, and a secret that every user can read, are reported with their lines."""
    template, secret = tmp_path / "body.jinja", secret_file(tmp_path / "secret", "s")
    template.write_text('{"text": {{ patient_name|tojson }}}')
    secret.chmod(0o644)
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\nwebhook:\n  url: http://127.0.0.1:1/x\n  secret_file: secret\n  template: body.jinja\n")
    run = run_radtme("config", "check", str(file))
    said = run.stdout + run.stderr
    assert run.returncode == 2
    assert "radtme.yaml:5: webhook.template: it uses patient_name, which is not a field of an event" in said
    assert "radtme.yaml:4: webhook.secret_file:" in said
    secret.chmod(0o600)
    template.write_text('{"text": {{ job_id|tojson }}}')
    assert run_radtme("config", "check", str(file)).returncode == 0
