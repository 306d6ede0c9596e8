"""The ledger: what is known about objects, jobs and targets, as rows of a SQL database."""
