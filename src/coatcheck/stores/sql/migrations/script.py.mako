"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
# What the revision before names, if this one only adds what older code need not know.
oldest = ${repr(up_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "..."}
