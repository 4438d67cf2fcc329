"""Run by Alembic: applies the revisions on the connection that ``stores.sql.schema`` hands in, in its transaction."""

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo

from coatcheck.stores.sql.migrations import VERSION_TABLE
from coatcheck.stores.sql.schema import note_oldest

_CONNECTION = context.config.attributes["connection"]


def _note(*_: Any, **applied: Any) -> None:
    """After each revision: what it says of older code goes where older code can read it."""
    step: MigrationInfo = applied["step"]
    revision = context.script.get_revision(str(step.up_revision_id))
    note_oldest(_CONNECTION, revision.revision, revision.module.oldest, instead_of=step.down_revision_ids)


context.configure(connection=_CONNECTION, version_table=VERSION_TABLE, on_version_apply=_note)
context.run_migrations()
