"""The installations that are handed out: compose, systemd and Kubernetes files are what their own tools accept."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from deploy.cli import radtme

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
SYSTEMD = ROOT / "deploy" / "systemd"
KUBERNETES = ROOT / "deploy" / "kubernetes"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
ROLES = [
    ["listen"],
    ["status-page"],
    ["work", "--queues", "compute"],
    ["work", "--queues", "delivery", "--concurrency", "2"],
]
needs_compose = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs docker-compose")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def compose_services(*options: str) -> dict[str, dict[str, Any]]:
    """Return the services as docker-compose understands them."""
    ran = subprocess.run(
        ["docker-compose", *options, "-f", COMPOSE / "compose.yaml", "config"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    services: dict[str, dict[str, Any]] = yaml.safe_load(ran.stdout)["services"]
    return services


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every Kubernetes object in ``folder``."""
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in {"kustomization.yaml", "radtme.yaml"}:
            yield from yaml.safe_load_all(path.read_text())


def kubernetes_objects(kind: str) -> list[dict[str, Any]]:
    """Return the base's objects of ``kind``."""
    return [each for each in documents(KUBERNETES / "base") if each["kind"] == kind]


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


@needs_systemd
@pytest.mark.parametrize("unit", sorted(SYSTEMD.glob("*.service")), ids=lambda path: path.stem)
def test_systemd_accepts_the_units_and_finds_them_hardened(unit: Path, tmp_path: Path) -> None:
    """``systemd-analyze security`` gives 0 (safe) to 10 (unsafe); a usual service without hardening has 9.6."""
    program = tmp_path / "radtme"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for each in SYSTEMD.iterdir():  # they refer to each other
        (tmp_path / each.name).write_text(each.read_text().replace("/opt/radtme/bin/radtme", str(program)))
    copy = tmp_path / unit.name
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
    assert unit.name not in verified.stderr, verified.stderr
    assert verified.returncode == 0, verified.stderr
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", copy],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-600:]


@needs_systemd
def test_systemd_accepts_the_timer(tmp_path: Path) -> None:
    """Daily, at an hour that systemd understands."""
    timer = SYSTEMD / "radtme-retention.timer"
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", timer], capture_output=True, text=True)
    assert timer.name not in ran.stderr, ran.stderr
    (when,) = re.findall(r"^OnCalendar=(.*)$", timer.read_text(), re.MULTILINE)
    assert subprocess.run(["systemd-analyze", "calendar", when], capture_output=True).returncode == 0


def test_kubernetes_objects_satisfy_their_schemas() -> None:
    """Every object of the base, strictly: a field that Kubernetes does not know is a mistake."""
    count = 0
    for each in documents(KUBERNETES / "base"):
        kubernetes_validate.validate(each, "1.31", strict=True)
        count += 1
    assert count >= 12


@pytest.mark.parametrize("folder", ["base", "keda"])
def test_kustomization_names_every_file(folder: str) -> None:
    """What is not named is not applied."""
    kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    named = set(kustomization["resources"])
    for generator in kustomization.get("configMapGenerator", []):
        named |= set(generator["files"])
    here = {path.name for path in (KUBERNETES / folder).iterdir()} - {"kustomization.yaml"}
    assert {name for name in named if "/" not in name} == here
    assert all((KUBERNETES / folder / name).exists() for name in named)


def test_pods_are_probed_limited_and_without_privileges() -> None:
    """As the namespace's ``restricted`` pod security asks, and on one shared volume."""
    pods = [
        (each["metadata"]["name"], each["spec"]["template"]["spec"])
        for kind in ("Deployment", "StatefulSet")
        for each in kubernetes_objects(kind)
    ]
    assert {name for name, _ in pods} == {"listener", "compute", "delivery", "status-page", "redis"}
    for name, pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"livenessProbe", "readinessProbe"} <= container.keys(), name
        assert "memory" in container["resources"]["limits"], name
        claims = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        }
        assert claims == (set() if name == "redis" else {"radtme-data"}), name


def test_pods_that_know_redis_and_the_ledger_may_reach_them() -> None:
    """The network policies let out what bears the label: the status page too, which asks both."""
    for each in kubernetes_objects("Deployment"):
        template = each["spec"]["template"]
        if any(volume["name"] == "ledger" for volume in template["spec"]["volumes"]):
            assert template["metadata"]["labels"].get("radtme/configured") == "yes", each["metadata"]["name"]
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        if "redis_password" in service.get("secrets", ()):
            assert "backend" in service["networks"], name


def test_keda_scales_by_metrics_that_exist(tmp_path: Path) -> None:
    """The queries name metrics that the parts export, and the deployment that there is."""
    (scaled,) = documents(KUBERNETES / "keda")
    assert scaled["kind"] == "ScaledObject"
    assert scaled["spec"]["scaleTargetRef"]["name"] in {
        each["metadata"]["name"] for each in kubernetes_objects("Deployment")
    }
    source = "".join(path.read_text() for path in (ROOT / "listener" / "metrics").glob("*.py"))
    for trigger in scaled["spec"]["triggers"]:
        (metric,) = re.findall(r"radtme_\w+", trigger["metadata"]["query"])
        assert json.dumps(metric) in source, metric


KEDA_SPEC = {
    "type": "object",
    "additionalProperties": False,
    "required": ["scaleTargetRef", "triggers"],
    "properties": {
        "scaleTargetRef": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "minReplicaCount": {"type": "integer"},
        "maxReplicaCount": {"type": "integer"},
        "pollingInterval": {"type": "integer"},
        "cooldownPeriod": {"type": "integer"},
        "triggers": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "metadata"],
                "properties": {
                    "type": {"const": "prometheus"},
                    "metricType": {"enum": ["Value", "AverageValue"]},
                    "metadata": {
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                        "required": ["serverAddress", "query", "threshold"],
                    },
                },
            },
        },
    },
}
"""What we use of ``scaledobjects.keda.sh`` v1alpha1: names, types and where each stands, as its published CRD has them;
and of the prometheus scaler what its documentation requires.
"""


def test_keda_takes_the_scaled_object() -> None:
    """A threshold that is a number, or a metricType inside metadata, would be refused or passed over."""
    (scaled,) = documents(KUBERNETES / "keda")
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    jsonschema.validate(scaled["spec"], KEDA_SPEC)
    for trigger in scaled["spec"]["triggers"]:
        assert float(trigger["metadata"]["threshold"]) > 0


def test_the_images_requirements_suffice_for_the_service(tmp_path: Path) -> None:
    """What researchers and developers need beside them is not needed by any role."""
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
    ran = subprocess.run(
        [python, "-c", "import workers.jobs.app, workers.jobs.tasks, listener.listener"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
