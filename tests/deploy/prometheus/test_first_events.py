"""Each alert fires at the first event after an installation: the counters exist before anything is counted."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from prometheus_client import values
from prometheus_client.samples import Sample

from deploy.grafana.build import dashboards
from deploy.grafana.panels import whole_day
from listener.settings import AllowedPeer
from model_store.signatures.registry import Registry
from support.listening import listening
from workers.metrics.counters import scrape_registry, share_between_processes, start_at_zero, worker_metrics
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[3]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
ALERTS = {
    rule["alert"]: rule["expr"]
    for path in RULES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
FIRST_EVENTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "RadtmePartDown": (
        "20m",
        {
            'up{job="radtme-listener"}': "_x9 1x3 stale",
            'up{job="radtme-compute"}': "_x9 1x30",
            'up{job="radtme-delivery"}': "_x9 1x30",
        },
    ),
    "RadtmeFewerInstances": (
        "70m",
        {
            'up{job="radtme-listener", instance="1"}': "_x9 1x90",
            'up{job="radtme-listener", instance="2"}': "_x9 1x40 stale",
        },
    ),
    "RadtmeRedisDown": ("20m", {"radtme_redis_up": "_x9 1 0x30"}),
    "RadtmeLedgerDown": ("20m", {"radtme_ledger_up": "_x9 1 0x30"}),
    "RadtmeSignatureUnusable": ("20m", {"radtme_signature_usable": "_x9 1 0x30"}),
    "RadtmeEnginesDiffer": ("14m", {'radtme_engine_checks_total{outcome="different"}': "_x9 0 0 1x30"}),
    "RadtmeRefusingObjects": (
        "14m",
        {'radtme_objects_received_total{outcome="out_of_resources", sop_class="mr"}': "_x9 0 0 1x30"},
    ),
    "RadtmeSpoolNotWritable": ("20m", {"radtme_spool_writable": "_x9 1 0x30"}),
    "RadtmeDiskFillsUp": (
        "120m",
        {
            "radtme_objects_received_bytes_total": "_x9 0 0+100000000x300",
            "radtme_spool_free_bytes": "_x9 100000000x300",
        },
    ),
    "RadtmeCasesWaitForWorkers": ("30m", {'radtme_job_oldest_seconds{state="ready"}': "_x9 0+60x60"}),
    "RadtmeWorkersIdle": (
        "20m",
        {
            'up{job="radtme-compute"}': "_x9 1x60",
            'radtme_jobs{state="running"}': "_x9 0x60",
            'radtme_job_oldest_seconds{state="ready"}': "_x9 0+60x60",
        },
    ),
    "RadtmeJobFailed": ("14m", {'radtme_jobs_failed_total{reason="worker_killed"}': "_x9 0 0 1x30"}),
    "RadtmeImagesMissing": ("220m", {'radtme_job_oldest_seconds{state="waiting"}': "_x9 0+60x300"}),
    "RadtmeManyCasesOfAStudy": ("20m", {"radtme_study_cases_per_hour": "_x9 0 21x60"}),
    "RadtmeManyNotScored": (
        "60m",
        {
            'radtme_cases_total{outcome="scored"}': "_x9 0 0x200",
            'radtme_cases_total{outcome="not_scored"}': "_x9 0 5x200",
        },
    ),
    "RadtmeTargetUnreachable": ("40m", {'radtme_target_circuit{target="pacs", state="closed"}': "_x9 1 0x60"}),
    "RadtmeTargetTakesNothing": (
        "60m",
        {
            'radtme_delivery_oldest_seconds{target="pacs"}': "_x9 0+60x100",
            'radtme_deliveries_waiting{target="pacs", state="retry"}': "_x9 0 1x100",
            'radtme_target_circuit{target="pacs", state="closed"}': "_x9 1x100",
            'radtme_deliveries_total{target="pacs", outcome="delivered"}': "_x9 0x100",
        },
    ),
    "RadtmeDeliveryLate": ("400m", {'radtme_delivery_oldest_seconds{target="pacs"}': "_x9 0+60x500"}),
    "RadtmeCommitmentUnanswered": (
        "20m",
        {'radtme_commitments_total{target="pacs", outcome="unanswered"}': "_x9 0 0 1x60"},
    ),
    "RadtmeTargetLostObjects": ("14m", {'radtme_commitments_total{target="pacs", outcome="failed"}': "_x9 0 0 1x60"}),
    "RadtmeNothingReceived": (
        "4400m",
        {
            "radtme_last_object_received_timestamp_seconds": "_x9 0x5000",
            "radtme_spool_set_up_timestamp_seconds": "_x9 540x5000",
        },
    ),
    "RadtmePeersRejected": ("20m", {'radtme_associations_rejected_total{reason="calling_ae_title"}': "_x9 0 7x60"}),
    "RadtmeQuarantineGrows": (
        "16m",
        {'radtme_objects_received_total{outcome="duplicate_sop_instance", sop_class="mr"}': "_x9 0 0 1x60"},
    ),
    "RadtmeStoreSlow": (
        "40m",
        {
            'radtme_store_seconds_bucket{le="5"}': "_x9 0x100",
            'radtme_store_seconds_bucket{le="10"}': "_x9 0+1x100",
            'radtme_store_seconds_bucket{le="+Inf"}': "_x9 0+1x100",
        },
    ),
    "RadtmeFeaturesDrift": ("400m", {'radtme_feature_stability_index{scanner="A", feature="f"}': "_x9 0.3x500"}),
    "RadtmeOutsideTrainingRange": (
        "400m",
        {
            'radtme_recent_features_outside_training_ratio{scanner="A"}': "_x9 0.3x500",
            'radtme_recent_cases{scanner="A"}': "_x9 10x500",
        },
    ),
    "RadtmeCertificateExpires": ("90m", {'radtme_certificate_seconds_left{role="listener"}': "_x9 86400x100"}),
    "RadtmeCertificateExpired": ("14m", {'radtme_certificate_seconds_left{role="listener"}': "_x9 60 0 -60x30"}),
    "RadtmeCertificateStale": ("40m", {'radtme_certificate_stale{role="listener"}': "_x9 0 1x100"}),
    "RadtmeAuditTrailFails": ("14m", {"radtme_audit_failures_total": "_x9 0 0 1x60"}),
    "RadtmeAuditBacklog": ("90m", {"radtme_audit_backlog_bytes": "_x9 60000000x100"}),
}
"""By alert: when it must fire, and what Prometheus has scraped: nothing at all, then each value once a minute."""


def test_every_alert_is_tried_from_nothing() -> None:
    """A new alert needs its first event here."""
    assert set(FIRST_EVENTS) == set(ALERTS)


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_every_alert_fires_at_its_first_event(tmp_path: Path) -> None:
    """Prometheus's own engine evaluates the rules on series that begin with the installation.

    All rules at each step, so that an alert that takes days gets longer steps.
    """
    tests = {
        name: {
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in scraped.items()],
            "promql_expr_test": [
                {
                    "expr": f'count by (alertname) (ALERTS{{alertname="{name}", alertstate="firing"}})',
                    "eval_time": moment,
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}],
                }
            ],
        }
        for name, (moment, scraped) in FIRST_EVENTS.items()
    }
    of_days = [tests.pop("RadtmeNothingReceived")]
    files = []
    for step, cases in (("1m", list(tests.values())), ("10m", of_days)):
        told = {"rule_files": list(map(str, RULES)), "evaluation_interval": step, "tests": cases}
        files.append(tmp_path / f"first_events_{step}.yml")
        files[-1].write_text(yaml.safe_dump(told))
    ran = subprocess.run(["promtool", "test", "rules", *map(str, files)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.acceptance
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_the_totals_of_the_day_are_what_came(tmp_path: Path) -> None:
    """42 objects on the first morning are shown as 42."""
    query = whole_day('radtme_objects_received_total{outcome="new"}')
    panels = json.loads(dashboards()["radtme-today.json"])["panels"]
    assert query in [target["expr"] for panel in panels for target in panel.get("targets", ())]
    check = {"expr": query, "eval_time": "8h", "exp_samples": [{"labels": "{}", "value": 42}]}
    series = {'radtme_objects_received_total{outcome="new", sop_class="mr"}': "_x9 0 0 38x2 40 42x900"}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [check],
    }
    file = tmp_path / "totals.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    ran = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_counter_that_is_asked_for_begins_at_zero(fresh: list[Sample]) -> None:
    """In a listener and a worker that have just started, with every value of a label that a query names."""
    asked = set(_counters())
    assert len(asked) >= 20
    for name, selector in asked:
        found = [sample.value for sample in fresh if sample.name == name and _matches(sample.labels, selector)]
        assert found, f"{name}{{{selector}}} does not exist before its first event"
        assert not any(found), name


def _counters() -> Iterator[tuple[str, str]]:
    """Yield every counter of alerts, recordings and dashboards, with the selector that it stands with."""
    expressions = [path.read_text() for path in RULES]
    expressions += [text.replace('\\"', '"') for text in dashboards().values()]
    for expression in expressions:
        for name, selector in re.findall(r"\b(radtme_\w+_total)(?:\{([^}]*)\})?", expression):
            if name not in OPEN_LABELS:
                yield name, selector


OPEN_LABELS = {
    "radtme_contexts_refused_total": "SOP classes are proposed by peers; no alert and no total is made of them",
    "radtme_pool_cpu_seconds_total": "processor time is no event",
}


def _matches(labels: Mapping[str, str], selector: str) -> bool:
    for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', selector):
        if not re.fullmatch(value if operator == "=~" else re.escape(value), labels.get(label, "")):
            return False
    return True


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """What a listener and a worker show before anything happened."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    with listening(tmp_path / "spool", peers=(AllowedPeer("MRI1"),)) as listener:
        families = list(listener.metrics.registry.collect())
    share_between_processes(tmp_path / "metrics")
    start_at_zero(worker_metrics(), ["pacs"])
    settings = WorkerSettings(tmp_path / "spool", tmp_path / "signatures")
    families += scrape_registry(tmp_path / "metrics", Registry(settings.model_store), settings).collect()
    return [sample for family in families for sample in family.samples]
