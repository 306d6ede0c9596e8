"""Rows of a ledger as SQL, for tests that store past the program what it would not store."""

from listener.ledger.database import Ledger

FOUR_ROWS = """
INSERT INTO jobs
(job_id, version, study_uid, seg_series_uid, seg_sop_instance_uid, created, readied, state, changed, details,
outcome, score)
VALUES ('a', 1, '1.2', '1.3', '1.4', '2026-01-01', '2026-01-01', 'done', '2026-01-01', '{}', 'scored', 0.5);
INSERT INTO jobs
(job_id, version, replaces, study_uid, seg_series_uid, seg_sop_instance_uid, created, readied, state, changed, details,
outcome, score)
VALUES ('b', 2, 'a', '1.2', '1.3', '1.4', '2026-01-01', '2026-01-01', 'done', '2026-01-01', '{}', 'scored', 0.5);
INSERT INTO deliveries (job_id, target, state, roles, tries, looks, requests)
VALUES ('b', 'pacs', 'sent', '[]', 1, 0, '[]');
INSERT INTO studies (study_uid, series, instances, last_arrival, outlined)
VALUES ('1.2', 1, 7, '2026-01-01', false);
INSERT INTO target_circuits (target, state, failures, openings, next_probe) VALUES ('pacs', 'open', 1, 1, '2026-01-01')
"""


def run_all(ledger: Ledger, statements: str) -> None:
    """Run SQL statements in one transaction."""
    with ledger.writing() as connection:
        for one in statements.split(";"):
            connection.exec_driver_sql(one)
