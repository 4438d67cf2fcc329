"""Looking at the database without touching it: is it there, are its tables up to date, where does its log end?"""

from typing import TYPE_CHECKING, Final, NamedTuple

from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.stores.looking import looking
from coatcheck.stores.place import is_memory, path_of, place_of
from coatcheck.upkeep.witness import Witness

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from coatcheck.settings import Settings
    from coatcheck.stores.sql.schema import State

CURRENT: Final = "current"
ABSENT: Final = "not there yet"


class Sight(NamedTuple):
    """What was seen: ``place`` is what to call the database; ``position`` is None where there is no log yet."""

    place: str
    state: "State"
    position: str | None = None


def look(url: str) -> Sight:
    """Look at the database that ``url`` names. Raises StoreUnavailable when it is there but can't be read."""
    with looking(url) as connection:
        if connection is None:
            return Sight(place_of(url), CURRENT if is_memory(url) else ABSENT)
        return Sight(place_of(url), *_state(connection))


def require_there(url: str) -> None:
    """Raise Misconfigured when the database that ``url`` names is not there: a command that looks at an installation or
    changes it must not make an empty one in another place than was meant."""
    sight = look(url)
    if sight.state == ABSENT:
        raise Misconfigured(
            f"there is no database at {sight.place}. If it is elsewhere, set COATCHECK_DATABASE_URL, like "
            "sqlite:////var/lib/app.db; to make one here, run `coatcheck schema upgrade` or `coatcheck serve`"
        )


def require_shared(url: str) -> None:
    """Raise Misconfigured for a store that lives inside one process: no command can reach into a server's."""
    if is_memory(url):
        raise Misconfigured(
            "a memory: store lives inside the process that serves, and no command can reach it; use a file: "
            "COATCHECK_DATABASE_URL=sqlite:///coatcheck.db"
        )


def require_not_lost(settings: "Settings") -> None:
    """Raise Misconfigured when the database is gone although one was there: its witness still remembers it."""
    path = path_of(settings.database)
    if path is None or path.exists():
        return
    witness = settings.witness(str(path))
    seen = Witness(witness).recall()
    if seen is not None:
        raise Misconfigured(
            f"{path} is gone: {witness} has seen event {seen[0]} of it. Put it back, or to begin anew remove what is "
            f"left of it: rm {path}-*"
        )


def count_sessions(url: str) -> int | None:
    """How many sessions the database holds that have not been ended; None when that can't be told."""
    from sqlalchemy import func, select

    from coatcheck.stores.sql.tables import sessions

    try:
        with looking(url) as connection:
            living = select(func.count()).select_from(sessions).where(sessions.c.ended_at.is_(None))
            return None if connection is None else connection.execute(living).scalar_one()
    except StoreUnavailable:
        return None


def user_id_of(url: str, email_key: str) -> str | None:
    """The id of the user with this canonical e-mail. Raises StoreUnavailable when the database can't be read."""
    from sqlalchemy import select

    from coatcheck.stores.sql.tables import users

    with looking(url) as connection:
        wanted = select(users.c.id).where(users.c.email_key == email_key)
        return None if connection is None else connection.execute(wanted).scalar_one_or_none()


def _state(connection: "Connection") -> "tuple[State, str | None]":
    from coatcheck.stores.sql import schema
    from coatcheck.stores.sql.log import SqlLog

    state = schema.look(connection, "store")
    return state, str(SqlLog(connection).head().position) if state in schema.USABLE else None
