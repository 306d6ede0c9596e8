"""What the parts of a stack are started with."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.configuration.load import load_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.stack.local_stack import DELIVERY, WORKERS, child_environment, programs
from deploy.stack.ports import delivery_metrics_port, port_overrides, require_apart

MACHINE = {"PATH": "/bin", "RADTME_DATA": "/srv/hospital", "RADTME_DEBUG": "1"}


def configuration(folder: Path, environment: dict[str, str], workers: str = "{}") -> Configuration:
    """Return a configuration that was read with an environment."""
    file = folder / "radtme.yaml"
    file.write_text(f"data: .\nworkers: {workers}\n")
    return load_configuration(file, environment)


def test_parts_get_the_variables_that_the_configuration_was_read_with(tmp_path: Path):
    """`radtme up` reads it with the environment, and the demo without: their parts must see the same settings."""
    demo = child_environment(configuration(tmp_path, {}), MACHINE)
    assert demo == {"PATH": "/bin", "RADTME_DEBUG": "1"}
    assert child_environment(configuration(tmp_path, MACHINE), MACHINE) == MACHINE


def test_scoring_and_delivery_do_not_wait_for_each_other(tmp_path: Path):
    """Two programs, each with its own queue and metrics port; a demo's single one does both."""
    settled = configuration(tmp_path, {"RADTME_WORKERS_METRICS_PORT": "4000"})
    apart = {program.name: program for program in programs(settled, None, None, 4001)}
    assert apart[WORKERS].command[5:7] == ["--queues", "compute"]
    assert apart[DELIVERY].command[5:7] == ["--queues", "delivery"]
    ports = [(apart[name].environment or {})["RADTME_WORKERS_METRICS_PORT"] for name in (WORKERS, DELIVERY)]
    assert ports == ["4000", "4001"]
    together = {program.name: program for program in programs(settled, None, None, None)}
    assert DELIVERY not in together
    assert together[WORKERS].command[5:7] == ["--queues", "compute,delivery"]


def test_delivery_answers_one_port_above_scoring(tmp_path: Path):
    """So a scrape configuration can name it; where that port is taken, the message names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settled = configuration(tmp_path, {}, f"{{metrics_port: {port - 1}}}")
        with pytest.raises(CommandError, match=f"port {port} of 127.0.0.1 is taken"):
            delivery_metrics_port(settled)
    assert delivery_metrics_port(settled) == port
    assert delivery_metrics_port(replace(settled, workers=replace(settled.workers, metrics_port=0))) > 0
    for metrics_port in (65535, settled.listener.metrics_port - 1):
        with pytest.raises(CommandError, match="cannot be used for the metrics of delivery"):
            delivery_metrics_port(replace(settled, workers=replace(settled.workers, metrics_port=metrics_port)))


def test_two_parts_on_one_port_are_named_before_anything_starts(tmp_path: Path):
    """Each would be free when it is tried: one of the two would start, and the other come and go."""
    same = {"RADTME_STATUS_PAGE_ENABLED": "true", "RADTME_STATUS_PAGE_PORT": "4001"}
    clashing = configuration(tmp_path, {**same, "RADTME_LISTENER_METRICS_PORT": "4001"})
    with pytest.raises(CommandError, match=r"listener\.metrics_port and status_page\.port are both 4001"):
        port_overrides(clashing)
    require_apart({"listener.metrics_port": ("127.0.0.2", 4001), "status_page.port": ("127.0.0.1", 4001)})
    with pytest.raises(CommandError, match="port 4001 cannot be used for the metrics of delivery"):
        delivery_metrics_port(configuration(tmp_path, same, "{metrics_port: 4000}"))
    sink = {"RADTME_SINK_ENABLED": "true", "RADTME_SINK_PORT": "4001"}
    with pytest.raises(CommandError, match="port 4001 cannot be used for the metrics of delivery"):
        delivery_metrics_port(configuration(tmp_path, sink, "{metrics_port: 4000}"))


def test_a_worker_whose_metrics_port_is_taken_names_the_setting(run_radtme):
    """As the listener does: an address and an errno alone would not say what to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = run_radtme("work", RADTME_WORKERS_METRICS_PORT=port, RADTME_REDIS_URL="redis://127.0.0.1:1/0")
    assert run.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in run.stderr
    assert "workers.metrics_port" in run.stderr
