"""Run by Alembic: applies the revisions on the connection that ``stores.sql.schema`` hands in, in its transaction."""

from alembic import context

from coatcheck.stores.sql.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
