"""The spool on disk: studies, jobs and their states, atomic files, locks, repair."""
