"""Alembic's entry: runs the revisions on the connection, and in the transaction, of `listener.ledger.migration`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
context.run_migrations()
