"""Services, API keys, what applications keep beside a session, and more to an audit entry."""

import sqlalchemy as sa
from alembic import op

revision = "store_0002"
down_revision = "store_0001"
branch_labels = None
depends_on = None
oldest = "store_0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add to what is there: every session so far is a person's."""
    sessions, audit = "coatcheck_sessions", "coatcheck_audit"
    op.add_column(sessions, sa.Column("kind", sa.Text, nullable=False, server_default="user"))
    op.add_column(sessions, sa.Column("name", sa.Text, nullable=False, server_default=""))
    op.add_column(sessions, sa.Column("scopes", sa.Text, nullable=False, server_default="[]"))
    op.add_column(sessions, sa.Column("public_key", sa.Text))
    is_machine = sa.text("kind <> 'user'")
    op.create_index(
        "coatcheck_sessions_machines",
        sessions,
        ["kind", "id"],
        sqlite_where=is_machine,
        postgresql_where=is_machine,
    )
    op.create_table(
        "coatcheck_session_data",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "coatcheck_services",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("audiences", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("feed", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.add_column(audit, sa.Column("outcome", sa.Text, nullable=False, server_default="succeeded"))
    op.add_column(audit, sa.Column("factors", sa.Text, nullable=False, server_default="[]"))
    op.execute(f"UPDATE {audit} SET outcome = 'refused' WHERE kind IN ('login.failed', 'refresh.replayed')")  # noqa: S608
