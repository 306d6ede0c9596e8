"""Whether the ledger's database answers, as every part that uses it shows it to Prometheus."""

from prometheus_client.core import GaugeMetricFamily, Metric


def ledger_up(*, answers: bool) -> Metric:
    """Return the metric of a part whose last question to the database was answered, or was not."""
    help_text = "Does the ledger's database answer this part? 1: yes, 0: no."
    return GaugeMetricFamily("radtme_ledger_up", help_text, value=float(answers))
