"""Status, retries, decisions by a person, retention, upgrade of the spool."""
