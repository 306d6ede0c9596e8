"""How readers assessed delivered results, read from the ledger at each scrape."""

from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.ledger.database import LedgerUnavailable
from listener.ledger.reader_assessments import MOST_COUNTED, Assessment, newest_assessments
from listener.spool.record_file import UnreadableRecord
from listener.spool.spool import Spool
from workers.results.result_record import read_result

MOST_SENDERS = 32
OTHER = "other"
"""Under this label go the programs beyond the busiest: anyone may call itself anything."""


class AssessmentCollector(Collector):
    """Counts accepted, modified and rejected results by signature and sending program; never by person."""

    def __init__(self, spool: Spool, ledger_answers: Callable[[], bool] = lambda: True) -> None:
        self._spool = spool
        self._ledger_answers = ledger_answers
        self._signatures: dict[str, str] = {}
        """By job id: a result never changes, so each is read once."""

    def collect(self) -> Iterable[Metric]:
        """Yield the number of results by assessment; nothing while the ledger does not answer."""
        if not self._ledger_answers():
            return
        try:
            found = newest_assessments(self._spool.ledger)
            self._signatures = {one.job_id: self._signature(one.job_id) for one in found}
        except LedgerUnavailable:
            return
        busiest = dict(Counter(one.calling_ae_title for one in found).most_common(MOST_SENDERS))
        senders = {
            one.calling_ae_title: one.calling_ae_title if one.calling_ae_title in busiest else OTHER for one in found
        }
        counts = Counter((self._signatures[one.job_id], senders[one.calling_ae_title], one.assessment) for one in found)
        family = GaugeMetricFamily(
            "radtme_assessed_results",
            f"Of the last {MOST_COUNTED:,} assessments by readers: how many accepted, modified or rejected a result of "
            "this signature, by sending program?",
            labels=["signature", "calling_ae_title", "assessment"],
        )
        for signature, sender in sorted({(signature, sender) for signature, sender, _ in counts}):
            for assessment in Assessment:  # also the zeros: a share is calculated from all three
                family.add_metric([signature, sender, assessment.value], counts[signature, sender, assessment])
        yield family

    def _signature(self, job_id: str) -> str:
        """Return the name and version of the signature of a case; ``unknown`` where its result cannot be read."""
        if job_id in self._signatures:
            return self._signatures[job_id]
        job = self._spool.find_job(job_id)
        try:
            result = read_result(job) if job is not None else None
        except (OSError, UnreadableRecord):
            result = None
        signature = result.signature if result is not None else None
        return f"{signature.id} {signature.version}" if signature is not None else "unknown"
