"""The Kubernetes objects that are handed out in ``deploy/kubernetes``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every Kubernetes object in ``folder``."""
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in {"kustomization.yaml", "radtme.yaml"}:
            yield from yaml.safe_load_all(path.read_text())


def kubernetes_objects(kind: str) -> list[dict[str, Any]]:
    """Return the base's objects of ``kind``."""
    return [each for each in documents(KUBERNETES / "base") if each["kind"] == kind]
