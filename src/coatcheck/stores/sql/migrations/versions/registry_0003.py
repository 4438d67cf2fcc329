"""The database says which versions may run over it.

Nothing is to be done: this is noted after each revision (``migrations.env``). It brings the note to databases that were
made before there was one.
"""

revision = "registry_0003"
down_revision = "registry_0002"
branch_labels = None
depends_on = None
oldest = "registry_0002"


def upgrade() -> None:
    """Leave the tables as they are."""
