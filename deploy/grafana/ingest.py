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
                    "How long ago anything arrived, from anyone.",
                    "time() - max(radtme_last_object_received_timestamp_seconds > 0)",
                    "s",
                    empty="nothing since the start",
                ),
                number("Free disk", "What can still be received.", "min(radtme_spool_free_bytes)", "bytes", decimals=1),
                number(
                    "Disk lasts",
                    "At the rate of the last day.",
                    "min(radtme:spool_days_left)",
                    "d",
                    empty="nothing received recently",
                    decimals=0,
                ),
                number(
                    "C-STORE, 95 of 100",
                    "Seconds from a command to its response; 95 of 100 objects took no longer.",
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
                    "Every C-STORE with any outcome.",
                    [Query("sum by (sop_class) (rate(radtme_objects_received_total[5m]))", "{{sop_class}}")],
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Bytes per second by calling AE title",
                    "Who sends how much.",
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
                    "Seconds of a C-STORE",
                    "From the command to the response, disk included.",
                    [
                        Query(quantile(0.5, "radtme_store_seconds", "5m"), "half"),
                        Query(quantile(0.95, "radtme_store_seconds", "5m"), "95 of 100"),
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
                    "More than a handful means that someone sends outlines, or our own results, again and again.",
                    [Query("max(radtme_study_cases_per_hour)", "cases")],
                ),
            ],
            "Certificates and audit": [
                number(
                    "Certificates to renew within 30 days",
                    "Of those that listener and workers present. Peers refuse an expired one.",
                    "count(min by (role) (radtme_certificate_seconds_left) < 30 * 86400) or vector(0)",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Renewed certificates that cannot be used",
                    "A file was replaced by something that cannot be read; the old certificate is still presented.",
                    "sum(max by (role) (radtme_certificate_stale)) or vector(0)",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Failed audit records, 24 h",
                    "While the audit trail cannot be written nothing is accepted, scored or sent.",
                    "sum(increase(radtme_audit_failures_total[24h]))",
                    steps=[(1, RED)],
                    width=6,
                ),
                number(
                    "Audit trail not yet at the syslog server",
                    "What is written here and not yet there. 0 where no server is named.",
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
                    "What peers offer and may not send; radtme status names sender and transfer syntaxes.",
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
