"""The dashboard "Today".

Does the service work, and what is stuck?
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import AMBER, RED, Query, bars, board, graph, grown, number, quantile, rows, whole_day

HOUR = 3600.0


def today() -> Dashboard:
    """Return the dashboard that the person on call opens first."""
    return board(
        "today",
        "radtme: Today",
        "Does the service work, and what is stuck?",
        {
            "Does it work?": [
                number(
                    "Parts that do not answer",
                    "Of listener, compute and delivery: those that Prometheus cannot scrape or find. 0 is right.",
                    "count(radtme:part_up == 0) or (count(radtme:part_up) * 0)",
                    empty="no rules: load deploy/prometheus/rules",
                    steps=[(1, RED)],
                    width=3,
                ),
                number(
                    "Redis",
                    "Does Redis answer the listener? Receiving continues without it; scoring waits.",
                    "min(radtme_redis_up)",
                    words={"1": "answers", "0": "NO ANSWER"},
                    width=3,
                ),
                number(
                    "Database",
                    "Does the ledger's database answer listener and workers? Receiving continues without it.",
                    "min(radtme_ledger_up)",
                    words={"1": "answers", "0": "NO ANSWER"},
                    width=3,
                ),
                number(
                    "Signature",
                    "Does the active signature pass its verification? Without it nothing is scored.",
                    "min(radtme_signature_usable)",
                    words={"1": "verified", "0": "UNUSABLE"},
                    width=3,
                ),
                number(
                    "Failed jobs",
                    "Jobs that ended without a result or were refused: manual action is needed (radtme status).",
                    'max(radtme_jobs{state="failed"})',
                    steps=[(1, RED)],
                    width=3,
                ),
                number(
                    "Held by a person",
                    "Jobs that wait for radtme release; radtme status shows who holds them and why.",
                    "sum(max by (state) (radtme_jobs_held))",
                    steps=[(1, AMBER)],
                    width=3,
                ),
                number(
                    "Targets unreachable",
                    "Targets that failed to answer several times in a row. Results are sent when they answer again.",
                    'count(max by (target) (radtme_target_circuit{state="closed"}) == 0) or vector(0)',
                    steps=[(1, RED)],
                    width=3,
                ),
                number(
                    "In quarantine",
                    "Received objects that could not be used; radtme status shows the reasons.",
                    "max(radtme_quarantined_objects)",
                    steps=[(1, AMBER)],
                    width=3,
                ),
            ],
            "The last 24 hours": [
                number(
                    "Outlines received",
                    "Outlines (SEG) that are to be scored.",
                    whole_day("radtme_cases_received_total"),
                    decimals=0,
                ),
                number(
                    "Scored",
                    "Cases that got a score.",
                    whole_day('radtme_cases_total{outcome="scored"}'),
                    decimals=0,
                ),
                number(
                    "Not scored",
                    "Cases that ended as not scored, with a reason in their report.",
                    whole_day('radtme_cases_total{outcome="not_scored"}'),
                    decimals=0,
                ),
                number(
                    "Hot",
                    "Share of the scored cases with the verdict hot.",
                    'sum(increase(radtme_verdicts_total{phenotype="hot"}[24h])) '
                    "/ sum(increase(radtme_verdicts_total[24h]))",
                    "percentunit",
                    empty="none scored",
                    decimals=0,
                ),
                number(
                    "Uncertain",
                    "Share of the scored cases whose verdict is uncertain.",
                    'sum(increase(radtme_verdicts_total{phenotype="uncertain"}[24h])) '
                    "/ sum(increase(radtme_verdicts_total[24h]))",
                    "percentunit",
                    empty="none scored",
                    decimals=0,
                ),
                number(
                    "Last object to PACS, median",
                    "Time from the last object of a case to its results in the PACS.",
                    quantile(0.5, "radtme_turnaround_seconds", "24h"),
                    "s",
                    empty="none delivered",
                ),
                number(
                    "Objects received",
                    "Instances that are safe on disk.",
                    whole_day('radtme_objects_received_total{outcome="new"}'),
                    decimals=0,
                ),
                number(
                    "Disk lasts",
                    "Free space of the spool at the rate of the last day.",
                    "min(radtme:spool_days_left)",
                    "d",
                    empty="nothing received recently",
                    decimals=0,
                ),
            ],
            "What is stuck?": [
                bars(
                    "Oldest job in each state",
                    "How long the oldest one has been there. Waiting: for images; ready: for a worker; delivering: for "
                    "a target.",
                    Query("max by (state) (radtme_job_oldest_seconds)", "{{state}}"),
                    "s",
                    steps=[(HOUR, AMBER), (6 * HOUR, RED)],
                    width=8,
                ),
                bars(
                    "What waiting jobs wait for",
                    "Images that the outline names, any image where it names none, a C-MOVE, or a moment of quiet.",
                    Query("max by (reason) (radtme_jobs_waiting)", "{{reason}}"),
                    width=8,
                ),
                rows(
                    "Alerts that fire now",
                    "Each has a page in the operations handbook.",
                    'ALERTS{alertstate="firing", alertname=~"Radtme.*"}',
                    "firing",
                    empty="none",
                    width=8,
                    hide=("Time", "__name__", "alertstate", "Value"),
                ),
            ],
            "Over time": [
                graph(
                    "Jobs by state",
                    "Where jobs are; a growing line is a queue.",
                    [Query('max by (state) (radtme_jobs{state!="done"})', "{{state}}")],
                    width=12,
                ),
                graph(
                    "Outcomes per hour",
                    "Finished cases by outcome.",
                    [Query(grown("radtme_cases_total", "outcome"), "{{outcome}}")],
                    stacked=True,
                    width=12,
                ),
            ],
        },
    )
