"""The dashboard "Ingest".

What arrives, from whom, and what becomes of it.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import AMBER, RED, Query, bars, board, graph, grown, most_common, number, quantile


def ingest() -> Dashboard:
    """Return the dashboard of the listener."""
    return board(
        "ingest",
        "radtme: Ingest",
        "What arrives, from whom, and what becomes of it?",
        {
            "Now": [
                number(
                    "Open associations",
                    "Peers that are connected now.",
                    "sum(radtme_associations_open)",
                ),
                number(
                    "Since the last object",
                    "Time since an object was last received, from any peer.",
                    "time() - max(radtme_last_object_received_timestamp_seconds > 0)",
                    "s",
                    empty="nothing since the start",
                ),
                number(
                    "Free disk", "Free space on the spool's disk.", "min(radtme_spool_free_bytes)", "bytes", decimals=1
                ),
                number(
                    "Disk lasts",
                    "At the rate of the last day.",
                    "min(radtme:spool_days_left)",
                    "d",
                    empty="nothing received recently",
                    decimals=0,
                ),
                number(
                    "C-STORE, 95th percentile",
                    "Time from the command to its response.",
                    quantile(0.95, "radtme_store_seconds", "15m"),
                    "s",
                    empty="nothing received recently",
                    steps=[(1, AMBER), (5, RED)],
                ),
                number(
                    "Listener memory",
                    "Resident memory of the listener.",
                    'sum(process_resident_memory_bytes{job="radtme-listener"})',
                    "bytes",
                    decimals=1,
                ),
            ],
            "What arrives": [
                graph(
                    "Objects per second by class",
                    "Every C-STORE, whatever its outcome.",
                    [Query("sum by (sop_class) (rate(radtme_objects_received_total[5m]))", "{{sop_class}}")],
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Bytes per second by calling AE title",
                    "Bytes that each peer sends.",
                    [
                        Query(
                            "sum by (calling_ae_title) (rate(radtme_peer_objects_bytes_total[5m]))",
                            "{{calling_ae_title}}",
                        )
                    ],
                    "Bps",
                    stacked=True,
                ),
                graph(
                    "Outlines per hour by calling AE title",
                    "Outlines that are to be scored.",
                    [Query(grown("radtme_peer_cases_total", "calling_ae_title"), "{{calling_ae_title}}")],
                    stacked=True,
                ),
                graph(
                    "C-STORE duration",
                    "Time from the command to the response, including the disk.",
                    [
                        Query(quantile(0.5, "radtme_store_seconds", "5m"), "median"),
                        Query(quantile(0.95, "radtme_store_seconds", "5m"), "95th percentile"),
                    ],
                    "s",
                ),
            ],
            "Outlines": [
                graph(
                    "Outlines that make no case, per hour",
                    "Not scored: our own results that were sent back, and outlines on other images.",
                    [Query(grown("radtme_outlines_set_aside_total", "reason"), "{{reason}}")],
                    stacked=True,
                ),
                graph(
                    "Most cases of one study within an hour",
                    "A rising number means that outlines, or our own results, are sent repeatedly.",
                    [Query("max(radtme_study_cases_per_hour)", "cases")],
                ),
            ],
            "Certificates and audit": [
                number(
                    "Certificates to renew within 30 days",
                    "Certificates that listener and workers present. Peers refuse an expired one.",
                    "count(min by (role) (radtme_certificate_seconds_left) < 30 * 86400) or vector(0)",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Renewed certificates that cannot be used",
                    "The new file cannot be read; the previous certificate is still presented.",
                    "sum(max by (role) (radtme_certificate_stale)) or vector(0)",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Failed audit records, 24 h",
                    "While the audit trail cannot be written, nothing is accepted, scored or sent.",
                    "sum(increase(radtme_audit_failures_total[24h]))",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Audit trail not yet at the syslog server",
                    "Audit records that the syslog server lacks; 0 without a server.",
                    "max(radtme_audit_backlog_bytes) or vector(0)",
                    "bytes",
                    steps=[(1e7, AMBER)],
                    width=6,
                ),
            ],
            "Rejected objects and peers": [
                bars(
                    "Objects by outcome, 24 h",
                    "New and duplicate are fine; anything else was not stored, or is in quarantine.",
                    Query(most_common("radtme_objects_received_total", "outcome", "24h"), "{{outcome}}"),
                    empty="nothing received",
                    width=6,
                ),
                bars(
                    "Rejected associations by reason, 24 h",
                    "Why peers were rejected.",
                    Query(most_common("radtme_associations_rejected_total", "reason", "24h"), "{{reason}}"),
                    empty="none",
                    width=6,
                ),
                bars(
                    "Refused presentation contexts by SOP class, 24 h",
                    "Proposed and not accepted; radtme status names sender and transfer syntaxes.",
                    Query(most_common("radtme_contexts_refused_total", "sop_class", "24h"), "{{sop_class}}"),
                    empty="none",
                    width=6,
                ),
                bars(
                    "How connections ended, 24 h",
                    "Released is the orderly end.",
                    Query(most_common("radtme_associations_total", "outcome", "24h"), "{{outcome}}"),
                    empty="none",
                    width=6,
                ),
            ],
        },
    )
