"""The hand-made spools of the command tests, for the commands that the pages show."""

from tests.deploy.conftest import full_spool, put_instances, put_job, spool

__all__ = ["full_spool", "put_instances", "put_job", "spool"]
