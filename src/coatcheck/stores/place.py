"""The address of a store: which kind it is, where it is, and what to call it in a sentence.

It is read here alone, and refused before anything is said of it: where a password has an ``@`` or a ``/`` as it is,
PostgreSQL's library takes half of the password for a host or a database, and those are named in messages.
"""

import re
from pathlib import Path
from typing import Any, Final

from coatcheck.errors import Misconfigured
from coatcheck.settings import POSTGRESQL

_MEMORY: Final = "memory:"
_SQLITE: Final = "sqlite:///"
_NOT_IN_A_PATH: Final = frozenset("?#\0")

_USUAL_PORT: Final = "5432"

_HOST: Final = r"(\[[^\]@/?#]*\]|[^\[\]:@/?#,]*)(:[0-9]*)?"
_WELL_FORMED: Final = re.compile(
    rf"postgres(ql)?://(?![^@/]*\?[^@/]*@)([^@/?]*@)?{_HOST}(,{_HOST})*(/[^/?@]*)?(\?.*)?", re.DOTALL
)
"""Where each part is what it seems to be: no ``@`` behind the first, but in a query, and no query before it."""


def is_memory(url: str) -> bool:
    """True for the store that lives inside a process."""
    return url == _MEMORY


def path_of(url: str) -> Path | None:
    """The file behind ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, as an absolute path; None for whatever
    else it is."""
    path = url.removeprefix(_SQLITE)
    is_file = path not in ("", ":memory:") and not path.endswith("/") and not _NOT_IN_A_PATH & set(path)
    return Path(path).absolute() if url.startswith(_SQLITE) and is_file else None


def parameters_of(url: str) -> dict[str, Any]:
    """What libpq reads in ``postgresql://…``, by its names.

    Raises Misconfigured, which repeats nothing of it, for any other address and for one that is not well-formed.
    """
    if not url.startswith(POSTGRESQL):
        raise Misconfigured(
            "database must be like postgresql://user:password@host/name, sqlite:///file.db, sqlite:////absolute/file.db"
            " or memory:"
        )
    try:
        from psycopg import ProgrammingError, conninfo
    except ImportError as missing:
        raise Misconfigured(f"PostgreSQL needs the extra coatcheck[postgres] ({missing.name} is missing).") from missing
    try:
        read = conninfo.conninfo_to_dict(url) if _WELL_FORMED.fullmatch(url) else None
    except (ProgrammingError, UnicodeError):  # their words may repeat a password
        read = None
    if read is None:
        raise Misconfigured(
            "the address of the PostgreSQL database is not well-formed: percent-encode its password, so that "
            "@ / : ? # & and % are written %40 %2F %3A %3F %23 %26 and %25"
        )
    return read


def place_of(url: str) -> str:
    """What to call the store in a sentence: a path, "memory", or its database and where that is, never a password. Two
    that differ in host or port have different names: somebody is asked which one is meant.

    Raises Misconfigured, which repeats nothing of ``url``, when it is no address of a store.
    """
    if is_memory(url):
        return "memory"
    path = path_of(url)
    if path is not None:
        return str(path)
    read = parameters_of(url)
    return f"{read.get('dbname', 'the default database')} at {_where(read)}"


def _where(read: dict[str, Any]) -> str:
    named = read.get("host") or read.get("hostaddr")
    if named is None and "service" in read:
        return f"the service {read['service']}"
    hosts = (named or "this machine").split(",")
    ports = str(read.get("port", "")).split(",")
    if len(ports) == 1:
        ports *= len(hosts)  # one for all of them, as for libpq
    return ",".join(
        host if port in ("", _USUAL_PORT) else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for host, port in zip(hosts, ports, strict=False)
    )
