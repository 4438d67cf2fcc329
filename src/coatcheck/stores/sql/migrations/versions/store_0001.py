"""Users, sessions, keys, the log, attempts, the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "store_0001"
down_revision = None
branch_labels = ("store",)
depends_on = None
oldest = "store_0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(
        f"coatcheck_{name}",
        f"coatcheck_{table}",
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "coatcheck_users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("password_changed_at", sa.BigInteger, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("found_by", sa.Text, nullable=False),
    )
    _index("users_email_key", "users", ["email_key"], unique=True)
    _index("users_with_roles", "users", ["status"], "roles <> '[]'")
    op.create_table(
        "coatcheck_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("carry", sa.Text, nullable=False),
        sa.Column("generation", _NUMBER, nullable=False),
        sa.Column("step", _NUMBER, nullable=False),
        sa.Column("secret_digest", sa.LargeBinary, nullable=False),
        sa.Column("previous_digest", sa.LargeBinary),
        sa.Column("stepped_at", sa.BigInteger, nullable=False),
        sa.Column("stepped_with", sa.Text, nullable=False),
        sa.Column("everything_generation", _NUMBER, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("authenticated_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("idle_for", sa.BigInteger, nullable=False),
        sa.Column("remember", sa.Boolean, nullable=False),
        sa.Column("amr", sa.Text, nullable=False),
        sa.Column("audiences", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ending", sa.Text),
    )
    _index("sessions_secret_digest", "sessions", ["secret_digest"], unique=True)
    _index("sessions_previous_digest", "sessions", ["previous_digest"], "previous_digest IS NOT NULL")
    _index("sessions_live", "sessions", ["user_id"], "ended_at IS NULL")
    _index("sessions_ended_at", "sessions", ["ended_at"], "ended_at IS NOT NULL")
    _index("sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "coatcheck_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text),
        sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
        sa.Column("sealed_under", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("usable_from", sa.BigInteger, nullable=False),
        sa.Column("status_since", sa.BigInteger, nullable=False),
    )
    _index("keys_one_of_each", "keys", ["status"], "status IN ('current', 'upcoming')", unique=True)
    op.create_table(
        "coatcheck_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("awaited", _NUMBER, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("everything_generation", _NUMBER, nullable=False),
        sa.Column("lease_ms", _NUMBER, nullable=False),
        sa.Column("token_ms", _NUMBER, nullable=False),
        sa.Column("drift", sa.Float, nullable=False),
        sa.Column("floor", _NUMBER, nullable=False),
    )
    op.create_table(
        "coatcheck_events",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("happening", sa.Text, nullable=False),
    )
    op.create_table(
        "coatcheck_attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("count", _NUMBER, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    _index("attempts_ends_at", "attempts", ["ends_at"])
    op.create_table(
        "coatcheck_audit",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("actor_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    _index("audit_id", "audit", ["id"], unique=True)
    _index("audit_user_id", "audit", ["user_id", "number"], "user_id IS NOT NULL")
    _index("audit_kind", "audit", ["kind", "number"])
