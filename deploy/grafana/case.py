"""The dashboard "Where is a case?".

Its source is the ledger in PostgreSQL, read by a role that sees the ledger's views and nothing else.
"""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import Panel, ledger_board, ledger_rows

ASKED = "(${case:sqlstring} = '' OR job_id = ${case:sqlstring} OR study_uid = ${case:sqlstring})"
"""Of a job or a study; all while the field is empty."""
CASES = """
SELECT job_id, study_uid, version, state, held, created, changed, outcome, reason, score, message, sender, worker_host,
    attempts
FROM radtme_views.cases WHERE ASKED ORDER BY changed DESC LIMIT 50
"""
EVENTS = """
SELECT at, job_id, event
FROM radtme_views.events WHERE ASKED AND (${case:sqlstring} <> '' OR $__timeFilter(at)) ORDER BY at DESC LIMIT 200
"""
DELIVERIES = """
SELECT job_id, target, state, objects_taken, objects, tries, next_try, last_error, updated
FROM radtme_views.deliveries WHERE ASKED ORDER BY updated DESC NULLS LAST LIMIT 50
"""
OPEN = """
SELECT state, job_id, study_uid, held_by, held_why, reason, message, created, changed
FROM radtme_views.cases WHERE state IN ('waiting', 'ready', 'running', 'delivering', 'failed')
ORDER BY changed LIMIT 100
"""
REASONS = """
SELECT reason, count(*) AS cases, max(changed) AS last
FROM radtme_views.cases WHERE reason IS NOT NULL AND $__timeFilter(changed) GROUP BY reason ORDER BY cases DESC
"""
TARGETS = "SELECT target, state, since, next_probe, last_error FROM radtme_views.targets ORDER BY state, target"
WITHOUT_OUTLINE = """
SELECT study_uid, instances, last_arrival
FROM radtme_views.studies WHERE NOT outlined ORDER BY last_arrival DESC LIMIT 50
"""


def case() -> Dashboard:
    """Return the dashboard that finds one case."""
    return ledger_board(
        "case",
        "radtme: Where is a case?",
        "Enter a Study Instance UID or the id of a job: its cases, what happened to them, and where their results are.",
        {
            "The case": [
                _rows(
                    "Cases",
                    "The most recently changed ones: state, and the result or the reason for having none.",
                    CASES,
                    24,
                ),
                _rows("What happened", "Newest events first; of a delivery, its current state.", EVENTS, 12),
                _rows("Deliveries", "What each target has taken, the next attempt and the last error.", DELIVERIES, 12),
            ],
            "All cases": [
                _rows("Open and failed", "Those that have been in their state longest come first.", OPEN, 24),
                _rows("Reasons", "Why cases were not scored or failed, in the selected time range.", REASONS, 8),
                _rows("Targets", "Those that have been unreachable, and when the next probe is due.", TARGETS, 8),
                _rows("No outline", "Studies with images and no outline.", WITHOUT_OUTLINE, 8),
            ],
        },
    )


def _rows(title: str, description: str, query: str, width: int) -> Panel:
    found = " ".join(query.replace("ASKED", ASKED).split())
    return ledger_rows(title, description, found, empty="none", width=width)
