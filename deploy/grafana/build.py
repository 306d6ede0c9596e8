"""Writes the dashboards as the JSON files that Grafana is provisioned with: ``python -m deploy.grafana.build``.

Needs the development environment; an installation needs the JSON files only.
"""

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.case import case
from deploy.grafana.delivery import delivery
from deploy.grafana.ingest import ingest
from deploy.grafana.signature import signature
from deploy.grafana.today import today
from deploy.grafana.workers import workers

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (today, case, delivery, ingest, workers, signature)


def dashboards() -> dict[str, str]:
    """Return the content of each dashboard file by its name."""
    return {f"{builder().build().uid}.json": _encoded(builder()) for builder in BOARDS}


def _encoded(builder: Dashboard) -> str:
    value: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(builder.build()))
    for number, panel in enumerate(value["panels"], start=1):
        panel["id"] = number
        for letter, target in zip("ABCDEFGH", panel.get("targets", ()), strict=False):
            target["refId"] = letter
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write all files, and remove those of former dashboards."""
    contents = dashboards()
    FOLDER.mkdir(exist_ok=True)
    for stale in set(FOLDER.glob("*.json")) - {FOLDER / name for name in contents}:
        stale.unlink()
    for name, content in contents.items():
        (FOLDER / name).write_text(content)


if __name__ == "__main__":
    main()
