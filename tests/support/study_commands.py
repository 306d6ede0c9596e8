"""The commands of a study as a person runs them, and what they wrote."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from deploy.cli import radtme

COHORTS = {"train": ("P", 60, 1), "external": ("E", 44, 2), "treated": ("T", 40, 3)}


def run(home: Path, command: str, *arguments: object) -> Result:
    """Run ``radtme signature`` as a person does, with the study's own configuration."""
    needs_config = command in ("validate", "publish", "activate", "shadow", "score", "compare", "list")
    config = ["--config", str(home / "radtme.yaml")] if needs_config else []
    return CliRunner().invoke(radtme, ["signature", command, *map(str, arguments), *config])


def summary(study: Path, step: str) -> dict[str, Any]:
    """Return what a step says in numbers."""
    return dict(json.loads((study.parent / "out" / step / "summary.json").read_text()))


def published(study: Path) -> Path:
    """Return the published bundle's folder."""
    (folder,) = (study.parent / "out" / "publish" / "bundle").iterdir()
    return folder
