"""README.md and docs/: units, services, objects and ports in lines for systemctl, docker, kubectl and curl exist."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from listener.settings import ListenerSettings
from support.documented_commands import PAGES, ROOT
from workers.settings import WorkerSettings

DEPLOY = ROOT / "deploy"
TOOLS = "systemctl|journalctl|docker compose|kubectl|curl"
LINE = re.compile(rf"`((?:{TOOLS}) [^`\n]+)`|^(?: {{4,}})((?:{TOOLS}) .*)$", re.MULTILINE)
NAMES_A_SERVICE = ("exec", "run", "logs", "kill", "restart", "stop", "up", "ps")
VALUED = ("--signal", "--profile", "--namespace", "--scale", "--replicas", "-n")


def lines(text: str) -> Iterator[list[str]]:
    """Yield the words of every such line, without remarks."""
    for found in LINE.finditer(text):
        line = found.group(1) or found.group(2)
        yield shlex.split(re.split(r"\s{2,}#|\s#", line)[0])


def without_options(words: list[str]) -> list[str]:
    """Return the words that are neither options nor what is given to them."""
    return [word for before, word in zip(["", *words], words, strict=False) if word[0] != "-" and before not in VALUED]


def unknown_units(words: list[str]) -> list[str]:
    """Return the units that there are no files for."""
    files = [path.name for path in (DEPLOY / "systemd").iterdir()]
    units = [word for word in words[1:] if word.startswith("radtme")]
    return [one for one in units if not any(fnmatch(name, one) or name == f"{one}.service" for name in files)]


def unknown_services(words: list[str]) -> list[str]:
    """Return the services and profiles that the compose file does not have."""
    services = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())["services"]
    profiles = {name for one in services.values() for name in one.get("profiles", [])}
    given = dict(pairwise(words))
    named = [given["--scale"].partition("=")[0]] if "--scale" in given else []
    verb, *rest = without_options(words[2:])
    if verb in NAMES_A_SERVICE:
        named += rest[:1] if verb in ("exec", "run") else rest
    wrong = [name for name in named if name not in services]
    return wrong + [name for name in [given.get("--profile")] if name and name not in profiles]


def unknown_objects(words: list[str]) -> list[str]:
    """Return the namespaces, objects, secrets and folders that deploy/kubernetes does not have."""
    texts = [path.read_text() for path in sorted((DEPLOY / "kubernetes" / "base").glob("*.yaml"))]
    objects = {
        (one["kind"].lower(), one["metadata"]["name"])
        for text in texts
        for one in yaml.safe_load_all(text)
        if one and "metadata" in one
    }
    named = [("deployment", word[len("deploy/") :]) for word in words if re.fullmatch(r"deploy/[\w-]+", word)]
    given = dict(pairwise(words))
    if "--namespace" in given:
        named.append(("namespace", given["--namespace"]))
    verb, *rest = without_options(words[1:])
    if verb in ("get", "create") and len(rest) == 2 and "," not in rest[0]:
        named.append((rest[0], rest[1]))
    wrong = [f"{kind} {name}" for kind, name in named if (kind, name) not in objects]
    if rest[:2] == ["secret", "generic"] and not any(f"secretName: {rest[2]}" in text for text in texts):
        wrong.append(f"secret {rest[2]}")
    folder = next((word for word in words if word.startswith("deploy/kubernetes/")), "")
    if folder and not (ROOT / folder.replace("OVERLAY", "base") / "kustomization.yaml").is_file():
        wrong.append(folder)
    return wrong


def unknown_ports(words: list[str]) -> list[str]:
    """Return the ports that nothing of ours answers on unless told otherwise."""
    ours = {str(ListenerSettings.metrics_port), str(WorkerSettings.metrics_port)}
    found = re.findall(r"://[^/\s:]+:(\d+)", " ".join(words))
    return [port for port in found if port not in ours]


CHECKS: dict[str, Callable[[list[str]], list[str]]] = {
    "systemctl": unknown_units,
    "journalctl": unknown_units,
    "docker": unknown_services,
    "kubectl": unknown_objects,
    "curl": unknown_ports,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_line_names_is_there(page: Path) -> None:
    """A line that a reader copies names only files and commands that exist."""
    found = {shlex.join(words): CHECKS[words[0]](words) for words in lines(page.read_text()) if len(words) > 1}
    assert {line: unknown for line, unknown in found.items() if unknown} == {}


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("systemctl reload radtme-listner radtme-compute", ["radtme-listner"]),
        ("systemctl status 'radtme-*'", []),
        ("docker compose --profile dmo up --detach", ["dmo"]),
        ("docker compose up --detach --scale score=3", ["score"]),
        ("docker compose exec listner radtme echo own", ["listner"]),
        ("docker compose kill --signal SIGHUP listener worker", ["worker"]),
        ("kubectl --namespace radtme exec deploy/work -- radtme echo pacs", ["deployment work"]),
        ("kubectl --namespace radtm get pods", ["namespace radtm"]),
        ("kubectl --namespace radtme get service listner", ["service listner"]),
        ("kubectl apply --kustomize deploy/kubernetes/over", ["deploy/kubernetes/over"]),
        ("kubectl create secret generic redis", ["secret redis"]),
        ("curl http://127.0.0.1:9101/readyz", []),
        ("curl http://127.0.0.1:9111/readyz", ["9111"]),
    ],
)
def test_what_is_not_there_is_told(line: str, unknown: list[str]) -> None:
    """The check can fail."""
    (words,) = lines(f"    {line}   # remark\n")
    assert CHECKS[words[0]](words) == unknown


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemctl")
def test_systemd_enables_what_the_pages_enable_and_can_reload_what_they_reload(tmp_path: Path) -> None:
    """Each documented line, run on a root folder with our units in place of a booted machine."""
    root, units = tmp_path / "root", tmp_path / "root" / "etc" / "systemd" / "system"
    shutil.copytree(DEPLOY / "systemd", units)
    documented = [words for page in PAGES for words in lines(page.read_text()) if words[0] == "systemctl"]
    enabled = {name for words in documented if words[1] == "enable" for name in without_options(words[2:])}
    reloaded = {name for words in documented if words[1] == "reload" for name in without_options(words[2:])}
    assert "radtme.target" in enabled
    for verb in ("enable", "is-enabled"):
        ran = subprocess.run(["systemctl", f"--root={root}", verb, *sorted(enabled)], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["enabled"] * len(enabled)
    assert {path.name for path in (units / "radtme.target.wants").iterdir()} == {
        f"{name}.service" for name in enabled if "." not in name
    }
    assert reloaded
    assert all("\nExecReload=" in (units / f"{name}.service").read_text() for name in reloaded)


def test_lines_are_found() -> None:
    """The search finds the lines in the form that the pages use."""
    tools = [words[0] for page in PAGES for words in lines(page.read_text())]
    assert all(tools.count(tool) for tool in CHECKS)
    assert len(tools) > 30
