"""The installations that are handed out: the image, what compose makes of it, and what all installations share."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli import radtme
from support.kubernetes_objects import KUBERNETES, kubernetes_objects

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
SYSTEMD = ROOT / "deploy" / "systemd"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
ROLES = [
    ["listen"],
    ["status-page"],
    ["work", "--queues", "compute"],
    ["work", "--queues", "delivery", "--concurrency", "2"],
]
needs_compose = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs docker-compose")


def compose_services(*options: str) -> dict[str, dict[str, Any]]:
    """Return the services as docker-compose understands them."""
    ran = subprocess.run(
        ["docker-compose", *options, "-f", COMPOSE / "compose.yaml", "config"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    services: dict[str, dict[str, Any]] = yaml.safe_load(ran.stdout)["services"]
    return services


def test_the_dockerfile_satisfies_hadolint() -> None:
    """The usual mistakes are not made."""
    ran = subprocess.run([Path(sys.executable).with_name("hadolint"), DOCKERFILE], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_image_holds_every_package_and_ignores_the_rest() -> None:
    """What the Python wheel needs is copied, and the build context is a list of what may be included."""
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE.read_text(), re.MULTILINE))
    assert copied == {"requirements", "listener", "workers", "model_store", "deploy"}
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {f"!{name}" for name in copied} <= set(ignored)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs dpkg")
@pytest.mark.parametrize(
    "program", ["sh", "find", "grep", "sleep", "touch", "hostname", "tar", "update-ca-certificates"]
)
def test_the_image_keeps_the_programs_that_are_run_in_its_containers(program: str) -> None:
    """Entry points and health checks of the compose file, commands of the documentation, and `kubectl cp`."""
    found = re.search(r"trim-system / (.*?)\s*&&", DOCKERFILE.read_text(), re.DOTALL)
    assert found is not None
    kept = set(found[1].replace("\\", "").split())
    asked = [f"{folder}/{program}" for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin")]
    ran = subprocess.run(["dpkg-query", "--search", *asked], capture_output=True, text=True)
    owners = {line.partition(":")[0] for line in ran.stdout.splitlines()}
    if not owners:
        pytest.skip(f"no package of {program} is installed here")
    assert owners & kept, f"{program} is in {', '.join(owners)}"


@needs_compose
def test_every_container_is_pinned_hardened_watched_and_limited() -> None:
    """No root, no writable root file system, no capability, a health check, limits, a version that stays."""
    services = compose_services("--profile", "demo", "--profile", "retention")
    assert set(services) == {
        "redis",
        "listener",
        "compute",
        "delivery",
        "status-page",
        "upgrade",
        "retention",
        "prometheus",
        "alertmanager",
        "grafana",
        "orthanc",
    }
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+\.\d+", service["image"]), name
        assert not service["user"].startswith(("0", "root")), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["healthcheck"].get("test") or name == "upgrade", name
        assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys(), name
        assert not any("password" in str(value).lower() for value in service.get("command") or [] if name != "redis")
    assert "orthanc" not in {
        name for name, service in compose_services().items() if "demo" not in service.get("profiles", [])
    }


@needs_compose
def test_only_scanners_people_and_the_pacs_reach_a_container() -> None:
    """Redis and Prometheus publish no port and stand in networks that lead nowhere."""
    services = compose_services()
    published = {name for name, service in services.items() if service.get("ports")}
    assert published - {"orthanc"} == {"listener", "status-page", "grafana"}
    networks = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["networks"]
    internal = {name for name, options in networks.items() if (options or {}).get("internal")}
    assert set(services["redis"]["networks"]) <= internal
    assert set(services["prometheus"]["networks"]) <= internal
    assert set(services["compute"]["networks"]) <= internal


def commands() -> list[tuple[str, list[str]]]:
    """Return what each part of each installation runs."""
    compose = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    found = [
        (f"compose {name}", compose[name]["command"]) for name in ("listener", "compute", "delivery", "status-page")
    ]
    for unit in [each for each in SYSTEMD.glob("*.service") if "Type=exec" in each.read_text()]:
        line = re.search(r"^ExecStart=/opt/radtme/bin/radtme (.*)$", unit.read_text(), re.MULTILINE)
        assert line is not None, unit.name
        found.append((unit.name, line[1].split()))
    found += [
        (f"kubernetes {each['metadata']['name']}", each["spec"]["template"]["spec"]["containers"][0]["args"])
        for each in kubernetes_objects("Deployment")
    ]
    return found


def test_all_installations_run_the_same_three_roles() -> None:
    """They are the commands that the tests start without containers."""
    found = commands()
    assert len(found) == 12
    assert sorted(arguments for _, arguments in found) == sorted(ROLES * 3)
    for _, arguments in found:
        assert CliRunner().invoke(radtme, [*arguments, "--help"]).exit_code == 0


@needs_compose
def test_every_installation_upgrades_before_it_starts_and_can_remove_daily() -> None:
    """The spool is brought up once and first; what is old goes only where a site switches that on."""
    services = compose_services("--profile", "retention")
    assert (services["upgrade"]["command"], services["upgrade"]["restart"]) == (["upgrade"], "no")
    for name in ("listener", "compute", "delivery", "retention"):
        assert services[name]["depends_on"]["upgrade"]["condition"] == "service_completed_successfully", name
    assert services["retention"]["profiles"] == ["retention"]
    assert "radtme retention --apply" in services["retention"]["command"][0]
    for name in ("listener", "compute", "delivery"):
        unit = (SYSTEMD / f"radtme-{name}.service").read_text()
        assert re.search(r"^After=.*\bradtme-upgrade\.service$", unit, re.MULTILINE), name
        assert "\nWants=radtme-upgrade.service\n" in unit, name
    oneshots = {
        path.stem: re.findall(r"^ExecStart=/opt/radtme/bin/(.*)$", path.read_text(), re.MULTILINE)
        for path in SYSTEMD.glob("*.service")
        if "Type=oneshot" in path.read_text()
    }
    assert oneshots == {"radtme-upgrade": ["radtme upgrade"], "radtme-retention": ["radtme retention --apply"]}
    assert "Persistent=yes" in (SYSTEMD / "radtme-retention.timer").read_text()
    listener = next(each for each in kubernetes_objects("Deployment") if each["metadata"]["name"] == "listener")
    (first,) = listener["spec"]["template"]["spec"]["initContainers"]
    (daily,) = kubernetes_objects("CronJob")
    (container,) = daily["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert (first["args"], container["args"]) == (["upgrade"], ["retention", "--apply"])
    assert (daily["spec"]["suspend"], daily["spec"]["concurrencyPolicy"]) == (True, "Forbid")
    for one in (first, container):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    for words in (["upgrade"], ["retention", "--apply"]):
        assert CliRunner().invoke(radtme, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "file", [COMPOSE / "radtme.yaml", KUBERNETES / "base" / "radtme.yaml"], ids=["compose", "kubernetes"]
)
def test_the_configurations_handed_out_are_valid(file: Path, tmp_path: Path) -> None:
    """They pass the service's own check, once the secret is where they say."""
    secrets = {"password_file": "only for this test", "url_file": "postgresql://radtme:secret@db.example.org/radtme"}
    for name, content in secrets.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    text, changes = re.subn(r"(password_file|url_file): /run/secrets/\S+", rf"\1: {tmp_path}/\1", file.read_text())
    assert changes == {"compose": 2, "base": 3}[file.parent.name]
    copy = tmp_path / "radtme.yaml"
    copy.write_text(text)
    ran = CliRunner().invoke(radtme, ["config", "check", str(copy)])
    assert ran.exit_code == 0, ran.output


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_prometheus_accepts_the_configuration_of_compose(tmp_path: Path) -> None:
    """With the rules where compose mounts them."""
    shutil.copy(COMPOSE / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "deploy" / "prometheus" / "rules", tmp_path / "rules")
    ran = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 rule files found" in ran.stdout


def test_prepare_makes_secrets_once_that_only_their_owner_reads(tmp_path: Path) -> None:
    """Run again it changes nothing."""
    script = shutil.copy(COMPOSE / "prepare", tmp_path)
    seen = []
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        seen.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert {name: len(value) for name, value in seen[0].items()} == {
        "redis_password": 48,
        "grafana_password": 48,
        "status_page_password": 48,
    }
    assert seen[0] == seen[1]
    assert all(path.stat().st_mode & 0o007 == 0 for path in (tmp_path / "secrets").iterdir())


def test_the_images_requirements_suffice_for_the_service(tmp_path: Path) -> None:
    """What researchers and developers need beside them is not needed by any role, and the image can be built.

    Its build imports all modules, except those that need a library of which it knows that it is not there.
    """
    uv = Path(sys.executable).with_name("uv")
    environment = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    requirements = ROOT / "requirements" / "service.txt"
    for arguments in (["--require-hashes", "-r", requirements], ["--no-deps", ROOT]):
        command = [uv, "pip", "install", "--quiet", "--python", python, *arguments]
        # Python compiles what the roles import; all modules of all libraries take longer than the rest of the test.
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "UV_COMPILE_BYTECODE": "0"})
    for arguments in ROLES:
        ran = subprocess.run(
            [environment / "bin" / "radtme", *arguments, "--help"], capture_output=True, text=True, cwd=tmp_path
        )
        assert ran.returncode == 0, ran.stderr
    script = str(ROOT / "deploy" / "trim-environment")
    imports = f"import runpy; runpy.run_path({script!r})['import_packages']()"
    ran = subprocess.run([python, "-c", imports], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
