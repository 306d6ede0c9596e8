"""The dashboard "Workers".

How fast, how busy, how large?
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import AMBER, RED, Query, board, graph, number, quantile


def workers() -> Dashboard:
    """Return the dashboard of the processes that score and deliver."""
    return board(
        "workers",
        "radtme: Workers",
        "How fast do the workers score, how busy and how large are they?",
        {
            "Now": [
                number(
                    "Messages for scoring",
                    "Jobs that wait for a worker.",
                    'max(radtme_queue_depth{queue="compute"})',
                    steps=[(20, AMBER), (100, RED)],
                ),
                number(
                    "Messages for delivery",
                    "Deliveries that wait for a worker.",
                    'max(radtme_queue_depth{queue="delivery"})',
                    steps=[(50, AMBER), (500, RED)],
                ),
                number(
                    "Oldest ready job",
                    "How long it has waited for a worker.",
                    'max(radtme_job_oldest_seconds{state="ready"})',
                    "s",
                    steps=[(300, AMBER), (900, RED)],
                ),
                number(
                    "Seconds per case, median",
                    "From a worker's claim to the written results, last hour.",
                    quantile(0.5, "radtme_case_seconds", "1h"),
                    "s",
                    empty="no recent case",
                ),
                number(
                    "Worker processes",
                    "All processes of all workers.",
                    "sum(radtme_pool_processes)",
                ),
                number(
                    "Worker memory",
                    "Resident memory of all workers.",
                    "sum(radtme_pool_resident_bytes)",
                    "bytes",
                    decimals=1,
                ),
            ],
            "How fast": [
                graph(
                    "Seconds per stage, mean",
                    "Time of a case by stage.",
                    [
                        Query(
                            "sum by (stage) (rate(radtme_stage_seconds_sum[15m])) / "
                            "sum by (stage) (rate(radtme_stage_seconds_count[15m]) > 0)",
                            "{{stage}}",
                        )
                    ],
                    "s",
                    stacked=True,
                    empty="no recent case",
                ),
                graph(
                    "Seconds per case",
                    "From a worker's claim to the written results.",
                    [
                        Query(quantile(0.5, "radtme_case_seconds", "15m"), "median"),
                        Query(quantile(0.95, "radtme_case_seconds", "15m"), "95th percentile"),
                    ],
                    "s",
                    empty="no recent case",
                ),
                graph(
                    "Queue depth",
                    "Messages that wait for a worker.",
                    [Query("max by (queue) (radtme_queue_depth)", "{{queue}}")],
                ),
                graph(
                    "Cases per minute",
                    "Finished, whatever the outcome.",
                    [Query("sum by (instance) (rate(radtme_cases_total[15m])) * 60", "{{instance}}")],
                    stacked=True,
                ),
            ],
            "How busy": [
                graph(
                    "Processors in use",
                    "Cores in use by each worker. Scoring uses one per process.",
                    [Query("sum by (job, instance) (rate(radtme_pool_cpu_seconds_total[5m]))", "{{job}} {{instance}}")],
                    "cores",
                ),
                graph(
                    "Memory",
                    "Resident memory of each worker's processes. It must not grow from day to day.",
                    [Query("sum by (job, instance) (radtme_pool_resident_bytes)", "{{job}} {{instance}}")],
                    "bytes",
                ),
            ],
        },
    )
