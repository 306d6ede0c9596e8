"""The Prometheus rules: each alert fires when it should and not otherwise, and has a page that says what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.configuration.load import load_configuration

ROOT = Path(__file__).parents[3]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
CASES = sorted(Path(__file__).parent.glob("alerts*.test.yml"))
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for path in RULES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_prometheus_accepts_the_rules_and_they_fire_as_told() -> None:
    """Promtool reads every rule, and runs the cases."""
    config = ROOT / "deploy" / "prometheus" / "prometheus.yml"
    for arguments in (
        ["check", "config", str(config)],
        ["check", "rules", *map(str, RULES)],
        ["test", "rules", *map(str, CASES)],
    ):
        ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_recordings_are_evaluated_before_the_alerts_that_ask_for_them(path: Path) -> None:
    """Promtool takes groups in any order otherwise, and an alert that comes first finds nothing recorded yet."""
    groups = [group["name"] for rules in RULES for group in yaml.safe_load(rules.read_text())["groups"]]
    order = yaml.safe_load(path.read_text())["group_eval_order"]
    assert order[0] == "radtme-recording"
    assert sorted(order) == sorted(groups)


def test_each_alert_is_seen_firing_and_not_firing() -> None:
    """An alert that no case makes fire may never fire; one that always fires is no alert."""
    seen: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for case in (case for path in CASES for case in yaml.safe_load(path.read_text())["tests"]):
        for check in case["alert_rule_test"]:
            seen[check["alertname"]].add(bool(check.get("exp_alerts")))
    assert len(seen) >= 15
    assert {name for name, both in seen.items() if both != {True, False}} == set()


def page_of(rule: dict[str, Any]) -> Path:
    """Return the page that an alert links to where no external label says where the pages are published."""
    url = re.sub(r"\{\{ with .*?else \}\}(.*?)\{\{ end \}\}", r"\1", rule["annotations"]["runbook_url"])
    return ROOT / url


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_has_a_page(name: str) -> None:
    """Named after the alert; it says what still works, where to look and what to do; its links lead somewhere."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("page", "ticket")
    page = page_of(rule)
    assert page.stem == re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    for part in ("**What still works.**", "## Check", "## Fix", "The alert resolves "):
        assert part in text, part
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (page.parent / link).is_file(), link


def test_no_page_is_left_without_its_alert() -> None:
    """A page of an alert that is gone misleads."""
    pages = {path.name for path in (ROOT / "docs" / "operations" / "alerts").glob("*.md")}
    assert pages == {page_of(rule).name for rule in ALERTS.values()}


def test_the_handbook_lists_every_alert() -> None:
    """Under its name, with its severity and a link to its page: what the person on call opens first is whole."""
    handbook = (ROOT / "docs" / "operations" / "README.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(alerts/([\w.-]+)\) \| (\w+) \| .+ \|$", handbook, re.MULTILINE)
    assert sorted(rows) == sorted(
        (name, page_of(rule).name, rule["labels"]["severity"]) for name, rule in ALERTS.items()
    )


def test_the_scrape_configuration_for_one_machine_names_the_ports_of_its_parts() -> None:
    """The defaults, and the port that the unit of delivery sets, because two workers run on one machine."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    scraped = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    unit = (ROOT / "deploy" / "systemd" / "radtme-delivery.service").read_text()
    delivery = re.search(r"^Environment=RADTME_WORKERS_METRICS_PORT=(\d+)$", unit, re.MULTILINE)
    assert delivery is not None
    defaults = load_configuration(None, {})
    ports = {
        "radtme-listener": defaults.listener.metrics_port,
        "radtme-compute": defaults.workers.metrics_port,
        "radtme-delivery": delivery[1],
    }
    assert scraped == {job: [f"127.0.0.1:{port}"] for job, port in ports.items()}
