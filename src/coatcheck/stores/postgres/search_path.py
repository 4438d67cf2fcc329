"""The schemas in which a connection looks names up: those of its search path whose owners are trusted.

PostgreSQL's own path begins with a schema named like the role, whoever makes it, and takes it in as soon as it is
there; an operator in it would run as us (``requirements``). So each connection, before it asks anything else, fixes its
path to the schemas that are there and belong to

- us, or somebody who may act as us anyway, as superusers may;
- the database's owner, who may set our path, or somebody who may act as he;
- whoever owns the schema that our tables are in, or will be made in, unless it is named like our role: another name in
  the path was chosen by somebody, that one by nobody.

That we are in a group that owns it does not count: others are, who could make it in the group's name.
"""

from typing import Final

from coatcheck.stores.sql.migrations import VERSION_TABLE

_FOUND: Final = "coatcheck.search_path"

# Where several have such tables, ours are those that no stranger can have put there.
PATH: Final = f"""
WITH found AS (
    SELECT position, nspname, nspowner, relowner IS NOT NULL AS has_tables,
           pg_has_role(relowner, current_user, 'MEMBER') AS has_our_tables,
           pg_has_role(nspowner, current_user, 'MEMBER') OR pg_has_role(nspowner, datdba, 'MEMBER')
           OR nspowner = to_regrole('pg_database_owner') AS is_trusted
    FROM unnest(current_setting('{_FOUND}')::name[]) WITH ORDINALITY AS named (nspname, position)
    JOIN pg_namespace USING (nspname) JOIN pg_database ON datname = current_database()
    LEFT JOIN pg_class ON relnamespace = pg_namespace.oid AND relname = '{VERSION_TABLE}'
), home AS (
    SELECT nspowner FROM found WHERE is_trusted OR nspname <> current_user
    ORDER BY has_tables AND (is_trusted OR has_our_tables) DESC, has_tables DESC, position LIMIT 1
), place AS (
    SELECT position, nspname, nspowner, is_trusted OR nspowner IN (SELECT nspowner FROM home) AS is_trusted FROM found
), path AS (
    SELECT coalesce(string_agg(quote_ident(nspname), ', ' ORDER BY position) FILTER (WHERE is_trusted), '') AS trusted
    FROM place
)
"""  # noqa: S608
"""``place`` has the schemas that the path had when the connection was made, and ``path`` the trusted ones as a
path. To be asked where nothing but pg_catalog is looked into."""

# What the first of these names says where it is: the path is still as it was found.
FIX_PATH: Final = (
    f"SELECT pg_catalog.set_config('{_FOUND}', pg_catalog.current_schemas(false)::pg_catalog.text, false);"  # noqa: S608
    "SET search_path = pg_catalog;"
    f"{PATH} SELECT set_config('search_path', trusted, false) FROM path"
)
"""The statements that fix the path."""
