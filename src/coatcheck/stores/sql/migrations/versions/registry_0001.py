"""The registry of subscribers."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0001"
down_revision = None
branch_labels = ("registry",)
depends_on = None
oldest = "registry_0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "coatcheck_registrations",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since_epoch", sa.Text, nullable=False),
        sa.Column("since_seq", _NUMBER, nullable=False),
        sa.Column("acknowledged_epoch", sa.Text),
        sa.Column("acknowledged_seq", _NUMBER),
        sa.Column("lease_ms", _NUMBER, nullable=False),
        sa.Column("accept_ms", _NUMBER),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("heard_at", sa.BigInteger, nullable=False),
        sa.Column("lapsed_at", sa.BigInteger),
    )
