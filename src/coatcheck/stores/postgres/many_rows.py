"""What is asked about many logins at once, so that it costs no more where there are millions."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, bindparam, text

from coatcheck.model.principal import Kind
from coatcheck.stores.sql.tables import head, session_data, sessions
from coatcheck.stores.sql.types import Instant

_OVER: Final = f"""
    SELECT ctid, id FROM {sessions.name} WHERE {{column}} < :{{before}} ORDER BY {{column}} LIMIT {{most}}
    FOR UPDATE SKIP LOCKED
"""  # noqa: S608
_EXPIRED: Final = _OVER.format(column="expires_at", before="expired_before", most=":most")
_ENDED: Final = _OVER.format(column="ended_at", before="ended_before", most=":most - (SELECT count(*) FROM expired)")
_PURGE: Final = text(
    f"""
    WITH expired AS MATERIALIZED ({_EXPIRED}), ended AS MATERIALIZED ({_ENDED}), data AS (
        DELETE FROM {session_data.name}
        WHERE session_id = ANY(ARRAY(SELECT id FROM expired UNION ALL SELECT id FROM ended))
    )
    DELETE FROM {sessions.name} WHERE ctid = ANY(ARRAY(SELECT ctid FROM expired UNION ALL SELECT ctid FROM ended))
    """  # noqa: S608
).bindparams(
    bindparam("expired_before", type_=Instant()),
    bindparam("ended_before", type_=Instant()),
    bindparam("most", type_=BigInteger),
)


def purge(connection: Connection, *, ended_before: datetime, expired_before: datetime, limit: int) -> int:
    """See ``Sessions.purge``. A row is found once, by the time at which it was over, and deleted where it lies: no
    other index is read. What somebody else holds is left for the next time."""
    limits = {"ended_before": ended_before, "expired_before": expired_before, "most": limit}
    return connection.execute(_PURGE, limits).rowcount


COUNTED: Final = 100_000
"""Logins that are counted one by one; of more, that many tell what share of the planner's estimate lives."""

_LASTING: Final = f"FROM {sessions.name} WHERE ended_at IS NULL AND expires_at > :now"
_NOW: Final = bindparam("now", type_=Instant())
_COUNT: Final = text(
    f"""
    SELECT count(*), count(*) FILTER (
        WHERE kind = '{Kind.USER}' AND everything_generation >= (SELECT everything_generation FROM {head.name})
    ) FROM (SELECT kind, everything_generation {_LASTING} LIMIT {COUNTED}) AS lasting
    """  # noqa: S608
).bindparams(_NOW)
_ESTIMATE: Final = text(f"EXPLAIN (FORMAT JSON) SELECT 1 {_LASTING}").bindparams(_NOW)


def count_live(connection: Connection, now: datetime) -> int:
    """See ``Sessions.count_live``: exact up to COUNTED, about right above, and there at once."""
    lasting, live = connection.execute(_COUNT, {"now": now}).one()
    if lasting < COUNTED:
        return int(live)
    plan: list[dict[str, Any]] = connection.execute(_ESTIMATE, {"now": now}).scalar_one()
    return max(int(live), int(plan[0]["Plan"]["Plan Rows"] * live / lasting))
