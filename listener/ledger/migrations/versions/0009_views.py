"""Views for people's questions, such as those of a Grafana dashboard: on PostgreSQL, in a schema of their own.

They hold no attribute of a patient. `listener.ledger.readers` lets a role read them and nothing else.
"""

from alembic import op
from sqlalchemy import text

revision = "0009"
down_revision = "0008"

VIEWS = (
    """
CREATE VIEW radtme_views.cases AS
SELECT job_id, study_uid, version, replaces, state, created, readied, changed, outcome, reason, score,
    calling_ae_title AS sender, worker_host,
    hold IS NOT NULL AS held, hold ->> 'by' AS held_by, hold ->> 'why' AS held_why,
    coalesce(failure ->> 'message', dropped ->> 'why') AS message,
    coalesce(jsonb_array_length(attempts -> 'began'), 0) AS attempts
FROM jobs
""",
    """
CREATE VIEW radtme_views.deliveries AS
SELECT delivery.job_id, job.study_uid, delivery.target, delivery.state, delivery.queued, delivery.updated,
    delivery.next_try, delivery.tries, delivery.last_error, jsonb_array_length(delivery.roles) AS objects,
    (SELECT count(*) FROM delivery_objects AS one WHERE one.job_id = delivery.job_id
        AND one.target = delivery.target AND one.answer = 'taken') AS objects_taken
FROM deliveries AS delivery JOIN jobs AS job USING (job_id)
""",
    """
CREATE VIEW radtme_views.events AS
SELECT job_id, study_uid, created AS at, 'outline received' AS event FROM jobs
UNION ALL SELECT job_id, study_uid, readied, 'ready: ' || (details ->> 'pairing') FROM jobs WHERE readied IS NOT NULL
UNION ALL SELECT job_id, study_uid, CAST(began AS timestamptz), 'scoring began'
    FROM jobs, jsonb_array_elements_text(attempts -> 'began') AS began
UNION ALL SELECT job_id, study_uid, CAST(failure ->> 'at' AS timestamptz), 'failed: ' || (failure ->> 'reason')
    FROM jobs WHERE failure IS NOT NULL
UNION ALL SELECT job_id, study_uid, CAST(hold ->> 'at' AS timestamptz), 'held by ' || (hold ->> 'by')
    FROM jobs WHERE hold IS NOT NULL
UNION ALL SELECT job_id, study_uid, CAST(dropped ->> 'at' AS timestamptz), 'dropped by ' || (dropped ->> 'by')
    FROM jobs WHERE dropped IS NOT NULL
UNION ALL SELECT job_id, study_uid, queued, 'results ready for ' || target
    FROM radtme_views.deliveries WHERE queued IS NOT NULL
UNION ALL SELECT job_id, study_uid, updated, target || ': ' || state
    FROM radtme_views.deliveries WHERE updated IS NOT NULL AND state <> 'queued'
UNION ALL SELECT said.job_id, job.study_uid, said.at, 'a reader: ' || said.assessment
    FROM reader_assessments AS said JOIN jobs AS job USING (job_id)
""",
    """
CREATE VIEW radtme_views.targets AS
SELECT target, state, failures, since, next_probe, last_error FROM target_circuits
""",
    """
CREATE VIEW radtme_views.studies AS
SELECT study_uid, series, instances, last_arrival, outlined FROM studies
""",
)


def upgrade() -> None:
    """Create the views, and indexes for what cases are searched by."""
    op.create_index("ix_jobs_reason_changed", "jobs", ["reason", "changed"])
    op.create_index("ix_jobs_score", "jobs", ["score"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(text("CREATE SCHEMA radtme_views"))
        for view in VIEWS:
            op.execute(text(view))
