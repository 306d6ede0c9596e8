"""Prometheus finds the parts by DNS, as in compose: the names of a scaled, a stopped and an unanswered part."""

import json
import random
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer
from prometheus_client import CollectorRegistry, start_http_server

from support.processes import free_port, running, wait_until
from support.whole_stack import COMPOSE, prometheus_ready, quick_rules

DNS_PORT = 53
"""/etc/resolv.conf cannot name another one."""
IN_OWN_NAMESPACE = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
WITH_RESOLV_CONF = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
PARTS = ("listener", "compute", "delivery")

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
    pytest.mark.skipif(
        subprocess.run([*IN_OWN_NAMESPACE, WITH_RESOLV_CONF, "/etc/hostname", "true"], check=False).returncode != 0,
        reason="needs the right to mount a file over /etc/resolv.conf",
    ),
]


class Names(BaseResolver):
    """A DNS server's answers: the addresses of each name, NXDOMAIN for others, or SERVFAIL for all."""

    def __init__(self, addresses: Mapping[str, list[str]]) -> None:
        self.addresses = dict(addresses)
        self.fails = False

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        """Answer one question."""
        reply = request.reply()
        found = self.addresses.get(str(request.q.qname).rstrip("."), [])
        for address in found:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=0))
        if self.fails or not found:
            reply.header.rcode = RCODE.SERVFAIL if self.fails else RCODE.NXDOMAIN
        return reply


class Discovery:
    """Prometheus with compose's own scrape configuration, its DNS server, and a process for each part."""

    def __init__(self, names: Names, port: int) -> None:
        self.names = names
        self._port = port

    def query(self, expression: str) -> dict[str, float]:
        """Return the value of each series by its job."""
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/query?{words}", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return {one["metric"].get("job", ""): float(one["value"][1]) for one in found}

    def failed_lookups(self) -> int:
        """Return how often Prometheus got no answer from the name server."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        counted = [line for line in lines if line.startswith("prometheus_sd_dns_lookup_failures_total")]
        return sum(int(line.split()[-1]) for line in counted)

    def wait_for(self, expression: str, wanted: Mapping[str, float]) -> None:
        """Wait until an expression has these values."""
        wait_until(lambda: self.query(expression) == wanted, 60, f"{expression} is {wanted}")

    def is_down(self, part: str) -> None:
        """Wait until alert and dashboards say that this part is down, and no other."""
        job = f"radtme-{part}"
        self.wait_for('max by (job) (ALERTS{alertname="RadtmePartDown", alertstate="firing"})', {job: 1})
        self.wait_for("radtme:part_up", {f"radtme-{one}": float(one != part) for one in PARTS})

    def all_run(self) -> None:
        """Wait until every part is up and no alert fires."""
        self.wait_for("radtme:part_up", {f"radtme-{part}": 1 for part in PARTS})
        self.wait_for('ALERTS{alertname="RadtmePartDown", alertstate="firing"}', {})


@contextmanager
def metrics_of(job: Mapping[str, Any], address: str) -> Iterator[None]:
    """Serve metrics where compose says that a part does."""
    server, thread = start_http_server(job["dns_sd_configs"][0]["port"], address, CollectorRegistry())
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def dns_server(names: Names, address: str) -> Iterator[None]:
    """Answer for these names."""
    server = DNSServer(names, address=address, port=DNS_PORT, logger=DNSLogger("-request,-reply"))
    server.start_thread()
    try:
        yield
    finally:
        server.stop()
        server.server.server_close()


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[Discovery]:
    """Run it all on loopback addresses of this test's own; compose's intervals are shortened."""
    network = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
    addresses = {part: [f"{network}.{number}"] for number, part in enumerate(PARTS, 1)}
    addresses["compute"].append(f"{network}.{len(PARTS) + 1}")  # docker compose up --scale compute=2
    told = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    del told["alerting"]
    with ExitStack() as ready:
        for job in told["scrape_configs"]:
            (found,) = job["dns_sd_configs"]
            found["refresh_interval"] = "1s"
            for address in addresses[found["names"][0]]:
                ready.enter_context(metrics_of(job, address))
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(told))
        quick_rules(tmp_path / "rules")
        names, server = Names(addresses), f"{network}.{len(PARTS) + 2}"
        ready.enter_context(dns_server(names, server))
        resolv_conf, port = tmp_path / "resolv.conf", free_port()
        resolv_conf.write_text(f"nameserver {server}\noptions ndots:0\n")
        command = [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        apart = [*IN_OWN_NAMESPACE, WITH_RESOLV_CONF, str(resolv_conf), *command]
        ready.enter_context(running(apart, tmp_path / "prometheus.log", port))
        wait_until(lambda: prometheus_ready(port), 60, "Prometheus ready")
        yield Discovery(names, port)


def test_a_part_whose_name_is_gone_is_down(discovery: Discovery) -> None:
    """Docker's DNS answers NXDOMAIN for a stopped service; each process of a scaled one is scraped."""
    discovery.all_run()
    discovery.wait_for("count by (job) (up)", {"radtme-listener": 1, "radtme-compute": 2, "radtme-delivery": 1})
    for part in PARTS:
        stopped = discovery.names.addresses.pop(part)
        discovery.is_down(part)
        discovery.names.addresses[part] = stopped
        discovery.all_run()


def test_one_of_two_workers_is_gone(discovery: Discovery) -> None:
    """Its name has one address less; the part is not down, and the alert clears when it is back."""
    discovery.all_run()
    usual = 'count_over_time(radtme:part_instances{job="radtme-compute"}[1h]) > 20'  # so that two is what was usual
    wait_until(lambda: discovery.query(usual), 120, "two workers for a while")
    gone = discovery.names.addresses["compute"].pop()
    fewer = 'ALERTS{alertname="RadtmeFewerInstances", alertstate="firing"}'
    discovery.wait_for(fewer, {"radtme-compute": 1})
    discovery.all_run()
    discovery.names.addresses["compute"].append(gone)
    discovery.wait_for(fewer, {})


def test_a_name_server_that_fails_hides_no_part(discovery: Discovery) -> None:
    """It answers SERVFAIL, as Docker's does without a name server behind it: parts that were found stay known."""
    discovery.all_run()
    discovery.names.fails = True
    before = discovery.failed_lookups()
    wait_until(lambda: discovery.failed_lookups() >= before + 2 * len(PARTS), 60, "lookups of each name that fail")
    discovery.wait_for("count by (job) (up)", {"radtme-listener": 1, "radtme-compute": 2, "radtme-delivery": 1})
