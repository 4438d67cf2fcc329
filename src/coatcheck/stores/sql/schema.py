"""Brings a database's tables up to date. The caller holds the lock and the transaction."""

from pathlib import Path
from typing import Final, Literal, get_args

from sqlalchemy import Connection, inspect, text

from coatcheck.errors import Misconfigured
from coatcheck.stores.sql import migrations
from coatcheck.stores.sql.tables import metadata, registry_metadata

Part = Literal["store", "registry"]

PARTS: Final[tuple[Part, ...]] = get_args(Part)

_TABLES: Final = {"store": metadata, "registry": registry_metadata}


def is_there(connection: Connection, part: Part) -> bool:
    """Whether the database has any tables of ``part``."""
    return bool(_versions(connection, part))


def is_up_to_date(connection: Connection, part: Part) -> bool:
    """Whether the database has exactly the tables that this version knows."""
    return _versions(connection, part) == {migrations.NEWEST[part]}


def bring_up_to_date(connection: Connection, part: Part) -> None:
    """Create or upgrade the tables of ``part``. Raises Misconfigured for a database of a newer version, and for one
    that is being filled."""
    versions = _versions(connection, part)
    if migrations.BEING_FILLED in versions:
        raise Misconfigured(
            "This database is being filled by `coatcheck copy`. If that was stopped, give the same command again."
        )
    if not versions:
        _create(connection, part)
    elif versions != {migrations.NEWEST[part]}:
        upgrade(connection, part, versions)


def _versions(connection: Connection, part: Part) -> set[str]:
    """The versions of ``part``; of both where no other is known, so that a stranger's is noticed."""
    if not inspect(connection).has_table(migrations.VERSION_TABLE):
        return set()
    found = set(connection.execute(text(f"SELECT version_num FROM {migrations.VERSION_TABLE}")).scalars())  # noqa: S608
    others = {version for other in PARTS if other != part for version in found if version.startswith(f"{other}_")}
    return found - others


def _create(connection: Connection, part: Part) -> None:
    _TABLES[part].create_all(connection, checkfirst=False)
    mark(connection, migrations.NEWEST[part])


def mark(connection: Connection, version: str) -> None:
    """Note that the database has this version, beside what is noted already."""
    name = migrations.VERSION_TABLE
    columns = f"version_num VARCHAR(32) NOT NULL, CONSTRAINT {name}_pkc PRIMARY KEY (version_num)"
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} ({columns})"))
    connection.execute(text(f"INSERT INTO {name} (version_num) VALUES (:version)"), {"version": version})  # noqa: S608


def upgrade(connection: Connection, part: Part, versions: set[str]) -> None:
    """Run the migrations that are missing. Raises Misconfigured when ``versions`` are not of this history."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if not versions <= known:
        raise Misconfigured("The database was written by a newer version of Coatcheck; update this one.")
    command.upgrade(config, f"{part}@head")
