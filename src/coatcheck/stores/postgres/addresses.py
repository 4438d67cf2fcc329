"""Where the hosts of a database are.

Looked up in a thread of our own: the event loop's would hand it to those that the application, and whoever reads the
deny list, may be waiting for, and a resolver that hangs would take one after the other.
"""

import socket
from ipaddress import ip_address
from itertools import zip_longest
from typing import Final

import psycopg
from psycopg import conninfo

_PORT: Final = "5432"


def resolved(parameters: str) -> str:
    """``parameters`` of a connection with the addresses of their hosts; what libpq needs no name for is left alone.

    Blocks. Raises psycopg.OperationalError when none of the hosts is known.
    """
    given = conninfo.conninfo_to_dict(parameters)
    hosts = _listed(given.get("host"))
    if given.get("hostaddr") or all(map(_needs_no_name, hosts)):
        return parameters
    ports = _listed(given.get("port"))
    found: list[tuple[str, str, str]] = []
    for host, port in zip_longest(hosts, ports, fillvalue=ports[0] if len(ports) == 1 else _PORT):
        found += [(host, address, port or _PORT) for address in _addresses(host)]
    if not found:
        raise psycopg.OperationalError("the database's host is not known")
    names, addresses, numbers = (",".join(each) for each in zip(*found, strict=True))
    return conninfo.make_conninfo(parameters, host=names, hostaddr=addresses, port=numbers)


def _listed(given: object) -> list[str]:
    return [part.strip() for part in str(given or "").split(",")]


def _needs_no_name(host: str) -> bool:
    if not host or host.startswith(("/", "@")):  # a socket's path
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(host: str) -> list[str]:
    if _needs_no_name(host):
        return [host if host and not host.startswith(("/", "@")) else ""]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(address[4][0]) for address in found))
