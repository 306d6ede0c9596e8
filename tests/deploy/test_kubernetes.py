"""The Kubernetes objects that are handed out satisfy their schemas, and the requirements of the service."""

import json
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from support.kubernetes_objects import KUBERNETES, documents, kubernetes_objects

ROOT = Path(__file__).parents[2]


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
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())["services"]
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
