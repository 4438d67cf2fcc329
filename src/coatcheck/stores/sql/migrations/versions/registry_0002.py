"""Whose credential registered a subscriber from afar."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"
branch_labels = None
depends_on = None
oldest = "registry_0002"


def upgrade() -> None:
    """Add to what is there: every subscriber so far is a process beside the store."""
    op.add_column("coatcheck_registrations", sa.Column("credential", sa.Text))
