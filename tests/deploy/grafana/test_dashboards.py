"""The Grafana dashboards: made from code, complete, and about metrics that exist."""

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import build
from support.declared_metrics import declared_metrics

DEPLOY = Path(build.__file__).parents[1]
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
METRIC = re.compile(r"\bradtme_[a-z0-9_]+|\bprocess_[a-z_]+")
FILES = sorted(build.FOLDER.glob("*.json"))


def panels(path: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard, without the titles of its rows."""
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Yield every expression with where it stands."""
    for path in FILES:
        for panel in panels(path):
            for target in panel["targets"]:
                if "expr" in target:  # SQL is run by test_ledger_dashboard.py
                    yield f"{path.name}: {panel['title']}", target["expr"]
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield f"{path.name}: {rule.get('record') or rule['alert']}", rule["expr"]


def test_the_files_are_what_the_code_makes() -> None:
    """A change of the code without its files is noticed: make dashboards."""
    assert {path.name: path.read_text() for path in FILES} == build.dashboards()
    assert len(FILES) == 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafanas_own_model_reads_them(path: Path) -> None:
    """What Grafana's published schema types read is what they write back: no field that Grafana would drop."""
    value = json.loads(path.read_text())
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(value)))
    assert {panel["id"] for panel in again["panels"]} == {panel["id"] for panel in value["panels"]}
    assert again["title"] == value["title"]
    for before, after in zip(value["panels"], again["panels"], strict=True):
        assert after["gridPos"] == before["gridPos"]
        assert after.get("targets") == before.get("targets")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows(path: Path) -> None:
    """A title, a description, a unit and words for the case that there is nothing to show; unique numbers."""
    numbers = [panel["id"] for panel in panels(path)]
    assert len(set(numbers)) == len(numbers)
    for panel in panels(path):
        assert panel["title"], panel
        assert panel["description"].endswith((".", "?")), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_what_does_not_work_is_red() -> None:
    """A tile that says 1 or 0 in words: red at 0, green at 1."""
    tiles = [panel for path in FILES for panel in panels(path) if panel["fieldConfig"]["defaults"].get("mappings")]
    assert {"Redis", "Database", "Signature", "Verified"} == {panel["title"] for panel in tiles}
    for panel in tiles:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [(step["value"], step["color"]) for step in steps] == [(None, "red"), (1, "green")], panel["title"]
        assert panel["options"]["colorMode"] == "value", panel["title"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_panel_lies_on_another_or_beside_the_page(path: Path) -> None:
    """24 columns, nothing twice in one place."""
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        columns, lines = range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
        cells = set(itertools.product(columns, lines))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_metric_that_is_asked_for_is_declared() -> None:
    """A renamed metric fails here, not at night."""
    known = declared_metrics()
    recorded = {
        rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    asked = list(queries())
    assert len(asked) > 60
    for where, expression in asked:
        names = METRIC.findall(expression)
        own = re.findall(r"\bradtme:[a-z0-9_:]+", expression)
        assert names or own or re.search(r"\bup\{|^ALERTS", expression), where
        assert not set(names) - known, f"{where} asks for unknown metrics: {sorted(set(names) - known)}"
        assert not set(own) - recorded, where


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_every_query_is_promql(tmp_path: Path) -> None:
    """Prometheus's own parser reads every expression."""
    rules = [{"record": f"q:{number}", "expr": expression} for number, (_, expression) in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
