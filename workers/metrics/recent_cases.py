"""The results of the last cases, read from the spool at each scrape.

The spool is authoritative: a number read from it is right after a restart, and the same from every worker.
Results never change once they are written, so each is read once.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.ledger.database import LedgerUnavailable
from listener.runtime.logger import Logger
from listener.spool.job_notes import RESULT_NAME
from listener.spool.job_queries import newest_with_outcome
from listener.spool.record_file import UnreadableRecord, read_optional
from listener.spool.spool import Spool
from workers.results.result_record import ResultRecord
from workers.scoring.case_result import DriftRecord, Phenotype, ResultOutcome
from workers.scoring.drift import SHARES, stability_index

MAX_CASES = 200
"""Per scanner: as many as a busy month brings, few enough that last month's repair is forgotten."""
MIN_CASES = 30
"""Below this number of cases, the stability index reflects chance rather than the scanner."""
MAX_SCANNERS = 20
OTHER = "other"
"""Under this label go scanners beyond the first ones, so that a field that anyone can fill cannot fill Prometheus."""

log = Logger(__name__)


@dataclass(frozen=True)
class RecentCase:
    """The cached facts of a scored case."""

    finished: datetime
    digest: str
    """Of the signature that scored it."""
    is_hot: bool
    """By the threshold, however sure that is."""
    is_uncertain: bool
    drift: DriftRecord


class RecentCases:
    """The scored cases in the spool; each result is read once. Safe for several threads."""

    def __init__(self, spool: Spool, ledger_answers: Callable[[], bool] = lambda: True) -> None:
        self._spool = spool
        self._ledger_answers = ledger_answers
        self._seen: dict[str, RecentCase | None] = {}
        self._lock = threading.Lock()

    def by_scanner(self, digest: str) -> Mapping[str, list[RecentCase]]:
        """Return the last cases that this signature scored, the newest first, by scanner."""
        with self._lock:
            if self._ledger_answers():
                with suppress(LedgerUnavailable):  # the cases that are known still count
                    self._rescan()
            cases = [case for case in self._seen.values() if case is not None and case.digest == digest]
        found: dict[str, list[RecentCase]] = defaultdict(list)
        for case in sorted(cases, key=lambda case: case.finished, reverse=True):
            name = case.drift.scanner
            found[name if name in found or len(found) < MAX_SCANNERS else OTHER].append(case)
        return {name: of_scanner[:MAX_CASES] for name, of_scanner in found.items()}

    def _rescan(self) -> None:
        scored = newest_with_outcome(self._spool.ledger, ResultOutcome.SCORED, (MAX_SCANNERS + 1) * MAX_CASES)
        self._seen = {
            job_id: self._seen[job_id] if job_id in self._seen else _read(self._spool, job_id) for job_id in scored
        }


def _read(spool: Spool, job_id: str) -> RecentCase | None:
    try:
        result = read_optional(ResultRecord, spool.job_folder(job_id) / RESULT_NAME)
    except (OSError, UnreadableRecord) as error:
        log.warning("result_unreadable", job=job_id, error=str(error))
        return None
    if result is None or result.score is None or result.signature is None or result.drift is None:
        return None
    if result.outcome is not ResultOutcome.SCORED:
        return None
    score = result.score
    is_uncertain = score.phenotype is Phenotype.UNCERTAIN
    return RecentCase(result.finished, result.signature.digest, score.is_hot, is_uncertain, result.drift)


class DriftCollector(Collector):
    """How the last cases of each scanner compare with the training cases of the active signature."""

    def __init__(self, cases: RecentCases, active_digest: Callable[[], str | None]) -> None:
        self._cases = cases
        self._active_digest = active_digest

    def collect(self) -> Iterable[Metric]:
        """Yield the number of cases, shares and stability indices by scanner; nothing without a signature."""
        digest = self._active_digest()
        by_scanner = self._cases.by_scanner(digest) if digest else {}
        cases = GaugeMetricFamily(
            "radtme_recent_cases",
            "How many recent cases of this scanner are the ratios calculated from?",
            labels=["scanner"],
        )
        hot = GaugeMetricFamily(
            "radtme_recent_hot_ratio",
            "Which fraction of this scanner's recent cases scored as hot, certain or not?",
            labels=["scanner"],
        )
        uncertain = GaugeMetricFamily(
            "radtme_recent_uncertain_ratio",
            "Which fraction of this scanner's recent cases has an uncertain verdict?",
            labels=["scanner"],
        )
        outside = GaugeMetricFamily(
            "radtme_recent_features_outside_training_ratio",
            "Which fraction of the score's features is outside the training range, in this scanner's recent cases?",
            labels=["scanner"],
        )
        stability = GaugeMetricFamily(
            "radtme_feature_stability_index",
            "How far has this feature shifted from training (population stability index)? Large: above 0.25.",
            labels=["scanner", "feature"],
        )
        for scanner, recent in by_scanner.items():
            cases.add_metric([scanner], len(recent))
            hot.add_metric([scanner], sum(case.is_hot for case in recent) / len(recent))
            uncertain.add_metric([scanner], sum(case.is_uncertain for case in recent) / len(recent))
            features = sum(case.drift.features for case in recent)
            outside.add_metric([scanner], sum(case.drift.outside for case in recent) / max(features, 1))
            if len(recent) >= MIN_CASES:
                for feature, index in _stability(recent):
                    stability.add_metric([scanner, feature], index)
        return cases, hot, uncertain, outside, stability


def _stability(recent: list[RecentCase]) -> Iterator[tuple[str, float]]:
    for feature in recent[0].drift.parts:
        counts = Counter(case.drift.parts.get(feature) for case in recent)
        yield feature, stability_index([counts[part] for part in range(len(SHARES))])
