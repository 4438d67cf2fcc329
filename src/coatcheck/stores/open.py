"""From a URL to a store."""

from collections.abc import Sequence

from coatcheck.errors import Misconfigured
from coatcheck.stores.place import is_memory, parameters_of, path_of
from coatcheck.stores.port import Store


def store_for(url: str, secrets: Sequence[str] = ()) -> Store:
    """The store that ``url`` names, not yet opened: ``memory:``, ``sqlite:///relative.db``,
    ``sqlite:////absolute.db`` or ``postgresql://user:password@host/database``.

    Servers of one PostgreSQL sign with ``secrets`` what they tell each other. Raises Misconfigured for any other URL.
    """
    if is_memory(url):
        from coatcheck.stores.memory import MemoryStore

        return MemoryStore()
    path = path_of(url)
    if path is not None:
        try:
            from coatcheck.stores.sqlite.store import SqliteStore
        except ImportError as missing:
            raise Misconfigured(
                f"SQLite needs the extra coatcheck[auth] and a system with flock ({missing.name} is missing)."
            ) from missing
        return SqliteStore(path)
    parameters_of(url)
    try:
        from coatcheck.stores.postgres.store import PostgresStore
    except ImportError as missing:
        raise Misconfigured(f"PostgreSQL needs the extra coatcheck[postgres] ({missing.name} is missing).") from missing
    return PostgresStore(url, secrets)
