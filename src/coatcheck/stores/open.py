"""From a URL to a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coatcheck.errors import Misconfigured
from coatcheck.settings import POSTGRESQL
from coatcheck.stores.port import Store

_SQLITE: Final = "sqlite:///"


def store_for(url: str, secrets: Sequence[str] = ()) -> Store:
    """The store that ``url`` names, not yet opened: ``memory:``, ``sqlite:///relative.db``,
    ``sqlite:////absolute.db`` or ``postgresql://user:password@host/database``.

    Servers of one PostgreSQL sign with ``secrets`` what they tell each other. Raises Misconfigured for any other URL.
    """
    if url == "memory:":
        from coatcheck.stores.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and not {"?", "#", "\0"} & set(url):
        path = url.removeprefix(_SQLITE)
        if path and not path.endswith("/") and path != ":memory:":
            try:
                from coatcheck.stores.sqlite.store import SqliteStore
            except ImportError as missing:
                raise Misconfigured(
                    f"SQLite needs the extra coatcheck[auth] and a system with flock ({missing.name} is missing)."
                ) from missing
            return SqliteStore(Path(path))
    if url.startswith(POSTGRESQL):
        try:
            from coatcheck.stores.postgres.store import PostgresStore
        except ImportError as missing:
            raise Misconfigured(
                f"PostgreSQL needs the extra coatcheck[postgres] ({missing.name} is missing)."
            ) from missing
        return PostgresStore(url, secrets)
    raise Misconfigured(
        "database must be like postgresql://user:password@host/name, sqlite:///file.db, sqlite:////absolute/file.db"
        " or memory:"
    )
