"""The dashboard "Cases and delivery".

What happened to each case, and does every target get its results?
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import AMBER, RED, Query, bars, board, graph, grown, most_common, number, quantile


def delivery() -> Dashboard:
    """Return the dashboard that follows cases to their targets."""
    return board(
        "delivery",
        "radtme: Cases and delivery",
        "What happened to each case, and does every target get its results?",
        {
            "Cases": [
                graph(
                    "Outcomes per hour",
                    "Scored, not scored with a reason, or unchanged: a new version that found nothing new.",
                    [Query(grown("radtme_cases_total", "outcome"), "{{outcome}}")],
                    stacked=True,
                    width=8,
                ),
                bars(
                    "Not scored by reason, 24 h",
                    "Each reason is explained in the documentation.",
                    Query(most_common("radtme_cases_not_scored_total", "reason", "24h"), "{{reason}}"),
                    empty="every case was scored",
                    width=8,
                ),
                bars(
                    "Failed jobs by reason, 24 h",
                    "Each needs attention: radtme status names the job and the remedy.",
                    Query(most_common("radtme_jobs_failed_total", "reason", "24h"), "{{reason}}"),
                    empty="none",
                    width=8,
                ),
            ],
            "From the last object to the result": [
                graph(
                    "Last object to PACS",
                    "Time from the last object of a case to its results in the target.",
                    [
                        Query(
                            quantile(0.5, "radtme_turnaround_seconds", "1h", "target"),
                            "{{target}}: median",
                        ),
                        Query(
                            quantile(0.95, "radtme_turnaround_seconds", "1h", "target"),
                            "{{target}}: 95th percentile",
                        ),
                    ],
                    "s",
                    empty="nothing delivered recently",
                ),
                graph(
                    "Oldest job in each state",
                    "How long the oldest one has been there.",
                    [Query("max by (state) (radtme_job_oldest_seconds)", "{{state}}")],
                    "s",
                ),
            ],
            "Targets": [
                graph(
                    "Attempts by target and outcome, per hour",
                    "delivered: complete; retry: repeated automatically; refused: needs attention.",
                    [Query(grown("radtme_deliveries_total", "target, outcome"), "{{target}}: {{outcome}}")],
                    stacked=True,
                    width=8,
                ),
                bars(
                    "Objects by target and answer, 24 h",
                    "How each target answered the objects that were sent to it.",
                    Query(
                        most_common("radtme_objects_sent_total", "target, answer", "24h"),
                        "{{target}}: {{answer}}",
                    ),
                    empty="nothing sent",
                    width=8,
                ),
                graph(
                    "Oldest undelivered, by target",
                    "How long the oldest case has waited for each target.",
                    [Query("max by (target) (radtme_delivery_oldest_seconds)", "{{target}}")],
                    "s",
                    width=8,
                ),
                graph(
                    "Waiting, by target and state",
                    "retry: for the target; commitment_requested: for its report; committed: for a query.",
                    [Query("max by (target, state) (radtme_deliveries_waiting) > 0", "{{target}}: {{state}}")],
                    empty="nothing waits",
                    width=8,
                ),
                number(
                    "Targets that cannot be reached",
                    "Their circuit breaker is open: deliveries wait until a C-ECHO is answered.",
                    'count(max by (target) (radtme_target_circuit{state="closed"}) == 0) or vector(0)',
                    steps=[(1, RED)],
                    width=8,
                ),
                bars(
                    "Storage commitment by target, 24 h",
                    "Requests sent, or not answered in time; objects committed, or failed.",
                    Query(
                        most_common("radtme_commitments_total", "target, outcome", "24h"),
                        "{{target}}: {{outcome}}",
                    ),
                    empty="no requests",
                    width=8,
                ),
            ],
            "Webhook": [
                graph(
                    "Webhook requests per hour",
                    "Requests to the webhook, where one is configured; no_answer and error are repeated automatically.",
                    [Query(grown("radtme_webhook_requests_total", "outcome"), "{{outcome}}")],
                    stacked=True,
                    width=16,
                ),
                number(
                    "Webhook notifications waiting",
                    "Outcomes not accepted yet; discarded after webhook.give_up_hours.",
                    "max(radtme_webhook_waiting)",
                    steps=[(100, AMBER)],
                    width=8,
                ),
            ],
        },
    )
