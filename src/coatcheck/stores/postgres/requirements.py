"""What a PostgreSQL has to be before anything is kept in it.

Names in our statements are looked up in the schemas of the connection's search path. An operator or a function whose
types fit better than the built-in one's is taken instead of it, wherever in the path it lies, and runs as whoever asks
(PostgreSQL, "Function Type Resolution"; CVE-2018-1058). So nobody may make any there whom we don't trust with our rows:
ourselves, superusers, whoever owns the schema, and whoever may write to every table anyway. And no schema may be there
whose owner we don't trust (``search_path``): no connection looks into it, but what we knew may be in it.
"""

from typing import Final

from psycopg.rows import dict_row

from coatcheck.errors import Misconfigured
from coatcheck.stores.postgres.pipelining import PipelinedConnection
from coatcheck.stores.postgres.poolers import require_sessions
from coatcheck.stores.postgres.search_path import PATH
from coatcheck.stores.sql.tables import PREFIX

_OLDEST: Final = 140000
"""PostgreSQL 14: the first whose wire protocol our driver can send several statements at once over."""

_LEFT_OUT: Final = f"""{PATH}
SELECT quote_ident(nspname) AS place, quote_ident(rolname) AS who, quote_ident(current_user) AS ours,
       quote_ident(current_database()) AS here, trusted
FROM place JOIN pg_roles ON pg_roles.oid = nspowner CROSS JOIN path
WHERE is_trusted IS NOT TRUE ORDER BY position LIMIT 1
"""  # noqa: S608

_PLACES: Final = """
WITH place AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = ANY (%(path)s::name[])
), stranger AS (
    SELECT place.oid AS place, place.nspname, role.oid, role.rolname, role.rolcanlogin
    FROM place CROSS JOIN pg_roles AS role
    WHERE NOT (
        role.rolsuper
        OR pg_has_role(role.oid, place.nspowner, 'MEMBER')
        OR pg_has_role(role.oid, current_user, 'MEMBER')
        OR pg_has_role(role.oid, 'pg_write_all_data', 'MEMBER')
    )
)
"""

# What a group may, those of its members may who can log in.
_MAKERS: Final = f"""{_PLACES}
SELECT quote_ident(place.nspname) AS place, quote_ident(grantee.rolname) AS who, quote_ident(current_user) AS ours
FROM place CROSS JOIN aclexplode(place.nspacl) AS granted LEFT JOIN pg_roles AS grantee ON grantee.oid = granted.grantee
WHERE granted.privilege_type = 'CREATE' AND (
    granted.grantee = 0
    OR EXISTS (
        SELECT FROM stranger
        WHERE stranger.place = place.oid AND rolcanlogin AND pg_has_role(stranger.oid, granted.grantee, 'MEMBER')
    )
)
ORDER BY granted.grantee LIMIT 1
"""  # noqa: S608

_MADE: Final = f"""{_PLACES}
, made AS (
    SELECT 'table' AS kind, relname AS name, relnamespace AS place, relowner AS owner FROM pg_class
    WHERE starts_with(relname, '{PREFIX}') AND NOT pg_has_role(current_user, relowner, 'MEMBER')
    UNION ALL
    SELECT 'operator', oprname, oprnamespace, oprowner FROM pg_operator
    WHERE oprname IN (SELECT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace)
    UNION ALL
    SELECT 'function', proname, pronamespace, proowner FROM pg_proc
    WHERE proname IN (SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace)
)
SELECT made.kind, quote_ident(nspname) AS place, made.name, quote_ident(rolname) AS who
FROM made JOIN stranger ON stranger.place = made.place AND stranger.oid = made.owner
ORDER BY made.kind, made.name LIMIT 1
"""  # noqa: S608


def require_usable(connection: PipelinedConnection, parameters: str) -> None:
    """Raise Misconfigured, with what mends it, when the PostgreSQL behind ``connection``, made with these
    ``parameters`` and in no transaction, is too old, lends its sessions, or lets strangers meddle with our statements.

    Raises psycopg.Error when it can't be asked.
    """
    if connection.info.server_version < _OLDEST:
        raise Misconfigured(f"PostgreSQL is {connection.info.server_version // 10_000}; 14 or newer is needed.")
    require_sessions(connection, parameters)
    _require_no_meddling(connection)


def _require_no_meddling(connection: PipelinedConnection) -> None:
    with connection.transaction(), connection.cursor(row_factory=dict_row) as asking:
        path = asking.execute("SELECT current_schemas(false) AS path").fetchone()
        asking.execute("SET LOCAL search_path = pg_catalog")  # else these questions would be the first meddled with
        left_out = asking.execute(_LEFT_OUT).fetchone()
        maker = asking.execute(_MAKERS, path).fetchone()
        made = asking.execute(_MADE, path).fetchone()
    if left_out is not None:
        place, ours, who = left_out["place"], left_out["ours"], left_out["who"]
        raise Misconfigured(
            f"the schema {place} in the search path belongs to the role {who}, whose functions and operators in it "
            f"would run as {ours}. If it is meant for {ours}, let a superuser say: ALTER SCHEMA {place} OWNER TO "
            f"{ours}; else leave it out of the path, in the address's options or by saying: ALTER ROLE {ours} IN "
            f"DATABASE {left_out['here']} SET search_path = {left_out['trusted'] or '…'}"
        )
    if maker is not None:
        place, ours, who = maker["place"], maker["ours"], maker["who"]
        whoever = "every role that may connect to this database" if who is None else f"the role {who}"
        raise Misconfigured(
            f"{whoever} may make functions and operators in its schema {place}, and they would run as {ours}. Let the "
            f"schema's owner say: REVOKE CREATE ON SCHEMA {place} FROM {who or 'PUBLIC'}; "
            f"GRANT CREATE ON SCHEMA {place} TO {ours}"
        )
    if made is not None:
        raise Misconfigured(
            f"the {made['kind']} {made['name']} in the schema {made['place']} belongs to the role {made['who']}, who "
            "could meddle with what is kept here by it. Look what it is, and drop it or give it to the schema's owner "
            f"(ALTER {made['kind'].upper()} … OWNER TO …)"
        )
