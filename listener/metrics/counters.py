"""What the listener counts. Each help text is a question of the person on call."""

import threading
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from pydicom.uid import UID

from listener.dicom.sop_classes import SOP_CLASS_LABELS, sop_class_label
from listener.ledger.refused_contexts import RefusedContext
from listener.ledger.set_aside_outlines import SetAside

_STORE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
UNKNOWN_PEER = "unknown"


@dataclass(frozen=True)
class ClosedLabels:
    """All values that the labels of the listener's counters can have, as far as they are known at its start."""

    association_outcomes: tuple[str, ...]
    rejections: tuple[str, ...]
    handshake_failures: tuple[str, ...]
    report_answers: tuple[str, ...]
    object_outcomes: tuple[str, ...]
    calling_ae_titles: tuple[str, ...]
    """Those of the configured peers; others are counted from their first association on."""


class ListenerMetrics:
    """The listener's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._found: dict[tuple[str, str, str], tuple[tuple[Counter, Counter], ...]] = {}
        ProcessCollector(registry=self.registry)
        self._associations = Counter(
            "radtme_associations_total",
            "How do associations with peers end?",
            ["outcome"],
            registry=self.registry,
        )
        self._rejected = Counter(
            "radtme_associations_rejected_total",
            "Why were associations rejected?",
            ["reason"],
            registry=self.registry,
        )
        self.open_associations = Gauge(
            "radtme_associations_open",
            "How many associations are open now, and is the limit near?",
            registry=self.registry,
        )
        self._handshakes = Counter(
            "radtme_tls_handshakes_failed_total",
            "Why did TLS handshakes fail?",
            ["reason"],
            registry=self.registry,
        )
        self._objects = Counter(
            "radtme_objects_received_total",
            "How many objects were received, by SOP class and outcome?",
            ["sop_class", "outcome"],
            registry=self.registry,
        )
        self._bytes = Counter(
            "radtme_objects_received_bytes_total",
            "How many bytes were received, by SOP class and outcome?",
            ["sop_class", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "radtme_store_seconds",
            "How long does a C-STORE take, from its request to its response?",
            buckets=_STORE_SECONDS,
            registry=self.registry,
        )
        self._audit_failures = Counter(
            "radtme_audit_failures_total",
            "How often could an audit record not be written? While writing fails, no object is accepted.",
            registry=self.registry,
        )
        self._reports = Counter(
            "radtme_commitment_reports_received_total",
            "How many storage commitment reports were received, and how were they answered?",
            ["answer"],
            registry=self.registry,
        )
        self._accepted = Counter(
            "radtme_associations_accepted_total", "How many associations were accepted?", registry=self.registry
        )

        self._peer_label = LabelLimit()
        self._peer_associations = Counter(
            "radtme_peer_associations_total",
            "How many associations did each calling AE title open?",
            ["calling_ae_title"],
            registry=self.registry,
        )
        self._peer_objects = Counter(
            "radtme_peer_objects_total",
            "How many objects did each calling AE title send, by outcome?",
            ["calling_ae_title", "outcome"],
            registry=self.registry,
        )
        self._peer_bytes = Counter(
            "radtme_peer_objects_bytes_total",
            "How many bytes did each calling AE title send?",
            ["calling_ae_title"],
            registry=self.registry,
        )
        self._cases = Counter(
            "radtme_cases_received_total", "How many outlines to be scored were received?", registry=self.registry
        )
        self._peer_cases = Counter(
            "radtme_peer_cases_total",
            "How many outlines to be scored did each calling AE title send?",
            ["calling_ae_title"],
            registry=self.registry,
        )
        self._refused_contexts = Counter(
            "radtme_contexts_refused_total",
            "Which proposed SOP classes were refused, or had no transfer syntax that the listener accepts?",
            ["sop_class", "reason"],
            registry=self.registry,
        )
        self._sop_class_label = LabelLimit()
        self._set_aside = Counter(
            "radtme_outlines_set_aside_total",
            "How many outlines were stored without becoming a case, and why?",
            ["reason"],
            registry=self.registry,
        )
        for reason in SetAside:  # from zero: Prometheus cannot see an increase from nothing to one
            self._set_aside.labels(reason.value)
        self._last_object = Gauge(
            "radtme_last_object_received_timestamp_seconds",
            "When was the last object received (Unix time)? 0: the spool holds none.",
            registry=self.registry,
        )
        self._set_up = Gauge(
            "radtme_spool_set_up_timestamp_seconds",
            "When did the listener first start on this spool, or was the spool upgraded (Unix time)?",
            registry=self.registry,
        )

    def start_at_zero(self, labels: ClosedLabels) -> None:
        """Create every counter whose labels are known at zero: Prometheus cannot see an increase from nothing."""
        for counter, values in (
            (self._associations, labels.association_outcomes),
            (self._rejected, labels.rejections),
            (self._handshakes, labels.handshake_failures),
            (self._reports, labels.report_answers),
        ):
            for value in values:
                counter.labels(value)
        for outcome in labels.object_outcomes:
            for sop_class in SOP_CLASS_LABELS:
                self._objects.labels(sop_class, outcome)
                self._bytes.labels(sop_class, outcome)
        for title in (*labels.calling_ae_titles, UNKNOWN_PEER):
            peer = self._peer_label(title)
            for peer_counter in (self._peer_associations, self._peer_bytes, self._peer_cases):
                peer_counter.labels(peer)
            for outcome in labels.object_outcomes:
                self._peer_objects.labels(peer, outcome)

    def spool_found(self, set_up: float, last_object: float) -> None:
        """Set when the spool was set up and its last object came (Unix time, seconds), as read at the start."""
        self._set_up.set(set_up)
        self._last_object.set(last_object)

    def case_received(self, calling_ae_title: str | None) -> None:
        """Count an outline for which a job was created; None where it was found in the spool after a crash."""
        self._cases.inc()
        self._peer_cases.labels(self._peer_label(calling_ae_title or UNKNOWN_PEER)).inc()

    def outline_set_aside(self, reason: SetAside) -> None:
        """Count an outline that is stored and makes no case."""
        self._set_aside.labels(reason.value).inc()

    def context_refused(self, context: RefusedContext) -> None:
        """Count a presentation context that was not accepted."""
        label = UID(context.sop_class_uid).keyword or OTHER
        reason = "transfer_syntax" if context.transfer_syntax_uids else "sop_class"
        self._refused_contexts.labels(self._sop_class_label(label), reason).inc()

    def handshake_failed(self, reason: str) -> None:
        """Count a failed TLS handshake; ``reason`` is from a closed set."""
        self._handshakes.labels(reason).inc()

    def audit_failed(self) -> None:
        """Count an audit message that could not be written."""
        self._audit_failures.inc()

    def association_accepted(self, calling_ae_title: str) -> None:
        """Count an association that was accepted."""
        self._accepted.inc()
        self._peer_associations.labels(self._peer_label(calling_ae_title or UNKNOWN_PEER)).inc()

    def association_rejected(self, reason: str) -> None:
        """Count an association that was refused; ``reason`` is from a closed set."""
        self._rejected.labels(reason).inc()

    def association_ended(self, outcome: str) -> None:
        """Count how a connection ended; ``outcome`` is from a closed set."""
        self._associations.labels(outcome).inc()

    def commitment_reported(self, answer: str) -> None:
        """Count a storage commitment report; ``answer`` is the name of the status that it got."""
        self._reports.labels(answer).inc()

    def object_received(
        self, sop_class_uid: str, calling_ae_title: str, outcome: str, received_bytes: int, seconds: float
    ) -> None:
        """Count a C-STORE and its data set; ``outcome`` is its `Answer.outcome`."""
        peer = self._peer_label(calling_ae_title or UNKNOWN_PEER)
        objects, sizes = self._counters_of_objects(sop_class_label(sop_class_uid), outcome, peer)
        for counter in objects:
            counter.inc()
        for counter in sizes:
            counter.inc(received_bytes)
        self._seconds.observe(seconds)
        self._last_object.set_to_current_time()

    def _counters_of_objects(self, sop_class: str, outcome: str, peer: str) -> tuple[tuple[Counter, Counter], ...]:
        """Return the counters of objects and those of bytes; found once, because finding them takes longest."""
        found = self._found.get((sop_class, outcome, peer))
        if found is None:
            objects = self._objects.labels(sop_class, outcome), self._peer_objects.labels(peer, outcome)
            sizes = self._bytes.labels(sop_class, outcome), self._peer_bytes.labels(peer)
            found = self._found[sop_class, outcome, peer] = objects, sizes
        return found


OTHER = "other"
MAX_VALUES = 64


class LabelLimit:
    """Gives each value a label of its own up to a limit, so that peers cannot flood Prometheus with labels."""

    def __init__(self, most: int = MAX_VALUES) -> None:
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """Return the label for ``value``: itself, or ``other``."""
        with self._lock:
            if value in self._known or len(self._known) < self._most:
                self._known.add(value)
                return value
        return OTHER
