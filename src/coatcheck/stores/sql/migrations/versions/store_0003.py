"""The database says which versions may run over it.

Nothing is to be done: this is noted after each revision (``migrations.env``). It brings the note to databases that were
made before there was one.
"""

revision = "store_0003"
down_revision = "store_0002"
branch_labels = None
depends_on = None
oldest = "store_0002"


def upgrade() -> None:
    """Leave the tables as they are."""
