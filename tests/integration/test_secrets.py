"""Secrets appear in no output: marked secrets are used in every setting, and every output is searched for them."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from support.certificates import Authority, secret_file
from support.installation import RADTME
from support.processes import free_port, start, stop, wait_until
from support.secured_redis import PASSWORD, secured_redis

IN_URL, IN_FILE, OF_KEY = "MARKED-in-url-7f3a", "MARKED-in-file-91cc", "MARKED-of-key-d04b"
MARKED = "MARKED-"


class Service:
    """A configuration with a secret in every setting that takes one, and the commands that read it."""

    def __init__(self, folder: Path, redis: dict[str, object], **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        authority = Authority(folder / "ca")
        ours = authority.issue("radtme", password=OF_KEY)
        opened_by = str(secret_file(folder / "key.password", OF_KEY))
        self.port, self.http = free_port(), free_port()
        client = {"ca": str(authority.ca), "certificate": str(ours.certificate), "key": str(ours.key)}
        client["key_password_file"] = opened_by
        target = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port(), "tls": client}
        settings = {
            "data": str(folder / "data"),
            "redis": redis,
            "listener": {"port": self.port, "metrics_port": self.http, "min_free_bytes": 0, "tls": client},
            "workers": {"metrics_port": free_port()},
            "targets": [target],
            "webhook": {
                "url": f"http://127.0.0.1:{free_port()}/hook",
                "secret_file": str(secret_file(folder / "webhook.secret", IN_FILE)),
            },
        }
        self.configuration = folder / "radtme.yaml"
        self.configuration.write_text(yaml.safe_dump(settings))
        self.environment = {"RADTME_DEBUG": "1", "RADTME_CONFIG": str(self.configuration), **environment}

    def run(self, *words: str) -> str:
        """Run a command to its end; return all of its output."""
        done = subprocess.run(
            [*RADTME, *words],
            env={**os.environ, **self.environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    def part(self, *words: str, until: str, look: Callable[[], str] = str) -> str:
        """Run a part until it logs a text, read its arguments and metrics, end it; return all of its output."""
        log = self.folder / f"{words[0]}.log"
        process = start([*RADTME, *words], log, OMP_NUM_THREADS="1", **self.environment)
        try:
            wait_until(
                lambda: until in log.read_text(errors="replace") or process.poll() is not None, 90, f"{words}: {until}"
            )
            seen = "".join(arguments_below(process.pid)) + (metrics(self.http) if words[0] != "work" else "")
            seen += look()
        finally:
            stop(process, signal.SIGTERM, 60)
        said = log.read_text(errors="replace")
        assert until in said, said[-3000:]
        return said + seen


def arguments_below(pid: int) -> Iterator[str]:
    """Yield the arguments of a process and of all that it started, as ``ps`` shows them."""
    try:
        yield Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from arguments_below(int(child))


def metrics(port: int) -> str:
    """Return the listener's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    assert "radtme_certificate_seconds_left" in text
    return str(text)


def by_file(folder: Path) -> dict[str, object]:
    """Return the settings of a Redis that does not run, with its password in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = secret_file(folder / "redis.password", IN_FILE)
    return {"url": "redis://user@127.0.0.1:1/0", "password_file": str(secret)}


def test_no_command_shows_a_secret(tmp_path: Path) -> None:
    """Config show, config check, echo, status and retry, with tracebacks on: no password from a file, a URL, a key."""
    url = f"redis://user:{IN_URL}@127.0.0.1:1/0"
    services = [
        Service(tmp_path / "file", by_file(tmp_path / "secrets")),
        Service(tmp_path / "environment", {}, RADTME_REDIS_URL=url),
        Service(tmp_path / "url", {"url": url}),
        Service(tmp_path / "url_file", {"url_file": str(secret_file(tmp_path / "redis.url", url))}),
    ]
    others = (("echo", "pacs", "--timeout", "5"), ("status",), ("retry", "nothing"))
    shown = [service.run("config", "show") for service in services]
    for service, settings in zip(services, shown, strict=True):
        assert "redis:" in settings
        assert MARKED not in settings + service.run("config", "check")
    for words in others:  # what they know of Redis is the same, wherever its password came from
        assert MARKED not in services[0].run(*words)
    assert "user:***@127.0.0.1" in shown[2]
    assert str(tmp_path / "secrets" / "redis.password") in shown[0]


@pytest.mark.parametrize(
    ("redis", "words"),
    [
        ({"url": f"http://user:{IN_URL}@host/0"}, "expected redis://"),
        ({"url": f"redis://user:{IN_URL}@host:1/0", "embedded": True}, "remove one"),
        ({"url": f"rediss://user:{IN_URL}@host:1/0?ssl_cert_reqs=none"}, "always verified"),
        ({"url": f"redis://user:{IN_URL}@host:notaport/0"}, "expected redis://"),
        ({"url": f"redis://user:{IN_URL}@[host:1/0"}, "expected redis://"),
        ({"url": f"redis://host:1/0?password={IN_URL}"}, "password is not allowed"),
        ({"url": [f"redis://user:{IN_URL}@host:1/0"]}, "found a list"),
        ({"password": IN_URL}, "unknown key"),
    ],
)
def test_a_wrong_configuration_is_named_without_its_secret(
    tmp_path: Path, redis: dict[str, object], words: str
) -> None:
    """The message names the setting; it does not repeat the value."""
    said = Service(tmp_path / "one", redis).run("config", "check")
    assert words in said
    assert MARKED not in said


def test_running_parts_keep_secrets_out_of_logs_and_arguments(tmp_path: Path) -> None:
    """`listen` and `work`, started, without Redis, and stopped: no secret in their output or in ``ps``."""
    service = Service(tmp_path / "file", by_file(tmp_path / "secrets"))
    assert MARKED not in service.part("listen", until="listener_started")
    url = Service(tmp_path / "url", {}, RADTME_REDIS_URL=f"redis://user:{IN_URL}@127.0.0.1:1/0")
    assert MARKED not in url.part("work", until="health_server_started")


def test_the_whole_stack_keeps_the_password_of_an_external_redis_to_its_file(tmp_path: Path) -> None:
    """`radtme up` with a real Redis: its password is in no log, no argument, and in no file below the data folder."""
    authority = Authority(tmp_path / "redis-ca")
    with secured_redis(tmp_path, authority.issue("redis")) as server:
        ours = authority.issue("radtme")
        redis = {
            "url": f"rediss://localhost:{server.port}/0",
            "username": "radtme",
            "password_file": str(secret_file(tmp_path / "redis.password", PASSWORD)),
            "ca": str(authority.ca),
            "certificate": str(ours.certificate),
            "key": str(ours.key),
        }
        service = Service(tmp_path / "one", redis)
        said = service.part("up", until="radtme is running")
        assert MARKED not in said
        assert PASSWORD not in said
        kept = [path for path in (tmp_path / "one" / "data").rglob("*") if path.is_file()]
        assert any("audit" in path.parts for path in kept), "no audit trail to look into"
        for path in kept:
            content = path.read_bytes()
            assert PASSWORD.encode() not in content, path
            assert MARKED.encode() not in content, path


def test_the_password_of_the_embedded_redis_stays_in_its_owners_folder(tmp_path: Path) -> None:
    """`radtme up` generates it: it is in no argument and in no file that another user can read."""
    service = Service(tmp_path / "one", {})
    folder = tmp_path / "one" / "data" / "run"
    found: list[tuple[str, int]] = []

    def look() -> str:
        running = next(folder.glob("*.json"))
        password = urlsplit(json.loads(running.read_text())["redis_url"]).password
        assert password
        found.append((password, running.stat().st_mode & 0o077))
        return ""

    said = service.part("up", until="radtme is running", look=look)
    (password, readable_for_others) = found[0]
    assert readable_for_others == 0
    assert password not in said
    for path in (tmp_path / "one" / "data").rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077:
            assert password.encode() not in path.read_bytes(), path


def test_a_key_that_does_not_open_is_named_without_its_password(tmp_path: Path) -> None:
    """A wrong key password ends `listen` with the file's name, tracebacks on, and without the password."""
    service = Service(tmp_path / "one", by_file(tmp_path / "secrets"))
    secret_file(service.folder / "key.password", "MARKED-wrong")
    said = service.run("listen") + service.run("config", "check")
    assert "radtme.key" in said
    assert "cannot be read with the password" in said
    assert MARKED not in said
