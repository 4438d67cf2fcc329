"""The longest lease that there ever was, beside the one that is given now."""

import sqlalchemy as sa
from alembic import op

revision = "store_0004"
down_revision = "store_0003"
branch_labels = None
depends_on = None
oldest = "store_0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add to what is there. While older code runs beside the new one, its epochs are settled as they were."""
    op.add_column("coatcheck_head", sa.Column("longest_lease_ms", _NUMBER, nullable=False, server_default="0"))
    op.execute("UPDATE coatcheck_head SET longest_lease_ms = lease_ms")
