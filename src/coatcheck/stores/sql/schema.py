"""Brings a database's tables up to date, or leaves them as a newer version made them. The caller holds the lock and the
transaction.

During a rolling upgrade an old version meets tables of which it knows nothing. So the database itself says which
revision is the oldest whose code works over them: each migration notes it, and whoever meets a revision that it does
not know goes by that.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from sqlalchemy import Connection, bindparam, inspect, text

from coatcheck.errors import Misconfigured
from coatcheck.stores.sql import migrations
from coatcheck.stores.sql.tables import metadata, registry_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.config import Config

Part = Literal["store", "registry"]
State = Literal[
    "not there yet", "of an older version", "current", "of a newer version", "of a version too new", "being filled"
]
"""What the tables are to this version. Those "of a newer version" were only added to; all others that it does not know
are "of a version too new"."""

PARTS: Final[tuple[Part, ...]] = get_args(Part)

USABLE: Final = frozenset[State]({"current", "of a newer version"})
"""This version works over them."""

_TABLES: Final = {"store": metadata, "registry": registry_metadata}

log = logging.getLogger("coatcheck")


def look(connection: Connection, part: Part) -> State:
    """What the tables of ``part`` are to this version. Changes nothing."""
    versions = _versions(connection, part)
    if not versions:
        return "not there yet"
    if versions == {migrations.NEWEST[part]}:
        return "current"
    if migrations.BEING_FILLED in versions:
        return "being filled"
    known = _known()
    if versions <= known:
        return "of an older version"
    oldest = _oldest(connection)
    return "of a newer version" if all(oldest.get(each) in known for each in versions) else "of a version too new"


def works_over(connection: Connection, part: Part) -> bool:
    """Whether this version works over the tables of ``part`` as they are."""
    return look(connection, part) in USABLE


def bring_up_to_date(connection: Connection, part: Part) -> None:
    """Create or upgrade the tables of ``part``; those of a newer version that only added to them stay as they are.
    Raises Misconfigured for any other, and for a database that is being filled."""
    match look(connection, part):
        case "not there yet":
            _TABLES[part].create_all(connection, checkfirst=False)
            mark_newest(connection, part)
        case "of an older version":
            upgrade(connection, part)
        case "of a newer version":
            log.warning("the tables of the %s are of a newer version of Coatcheck, which this one works with", part)
        case "of a version too new":
            raise Misconfigured(
                "The database was written by a newer version of Coatcheck, and this one does not know how to work with "
                "its tables; update this one."
            )
        case "being filled":
            raise Misconfigured(
                "This database is being filled by `coatcheck copy`. If that was stopped, give the same command again."
            )


def mark_newest(connection: Connection, part: Part) -> None:
    """Note that the database has the tables of ``part`` that this version makes."""
    mark(connection, migrations.NEWEST[part])
    note_oldest(connection, migrations.NEWEST[part], migrations.OLDEST[part])


def mark(connection: Connection, version: str) -> None:
    """Note that the database has this version, beside what is noted already."""
    name = migrations.VERSION_TABLE
    columns = f"version_num VARCHAR(32) NOT NULL, CONSTRAINT {name}_pkc PRIMARY KEY (version_num)"
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} ({columns})"))
    connection.execute(text(f"INSERT INTO {name} (version_num) VALUES (:version)"), {"version": version})  # noqa: S608


def note_oldest(connection: Connection, version: str, oldest: str, *, instead_of: "Iterable[str]" = ()) -> None:
    """Note that the code of ``oldest``, and what came after it, works over the tables of ``version``. What was noted of
    ``version`` and of those before it, ``instead_of``, goes."""
    name = migrations.OLDEST_TABLE
    connection.execute(
        text(f"CREATE TABLE IF NOT EXISTS {name} (version VARCHAR(32) PRIMARY KEY, oldest VARCHAR(32) NOT NULL)")
    )
    gone = text(f"DELETE FROM {name} WHERE version IN :gone").bindparams(bindparam("gone", expanding=True))  # noqa: S608
    connection.execute(gone, {"gone": [version, *instead_of]})
    noted = text(f"INSERT INTO {name} (version, oldest) VALUES (:version, :oldest)")  # noqa: S608
    connection.execute(noted, {"version": version, "oldest": oldest})


def upgrade(connection: Connection, part: Part) -> None:
    """Run the migrations that are missing."""
    from alembic import command

    command.upgrade(_config(connection), f"{part}@head")


def _versions(connection: Connection, part: Part) -> set[str]:
    """The versions of ``part``; of both where no other is known, so that a stranger's is noticed."""
    if not inspect(connection).has_table(migrations.VERSION_TABLE):
        return set()
    found = set(connection.execute(text(f"SELECT version_num FROM {migrations.VERSION_TABLE}")).scalars())  # noqa: S608
    others = {version for other in PARTS if other != part for version in found if version.startswith(f"{other}_")}
    return found - others


def _oldest(connection: Connection) -> dict[str, str]:
    """For each version that the database has: the oldest one whose code works over it."""
    if not inspect(connection).has_table(migrations.OLDEST_TABLE):
        return {}
    rows = connection.execute(text(f"SELECT version, oldest FROM {migrations.OLDEST_TABLE}"))  # noqa: S608
    return {row.version: row.oldest for row in rows}


def _known() -> set[str]:
    """The revisions that this version knows."""
    from alembic.script import ScriptDirectory

    return {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config
