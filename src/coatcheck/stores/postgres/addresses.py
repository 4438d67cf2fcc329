"""Where the hosts of a database are.

Looked up in a thread of our own: the event loop's would hand it to those that the application, and whoever reads the
deny list, may be waiting for, and a resolver that hangs would take one after the other.
"""

import os
import socket
from ipaddress import ip_address

import psycopg
from psycopg import conninfo


def resolved(parameters: str) -> str:
    """``parameters`` of a connection with the addresses of their hosts; what libpq needs no name for is left alone.
    So are parameters that are not there: libpq has them from the environment, from a service file, or knows a default.

    Blocks. Raises psycopg.OperationalError when none of the hosts is known.
    """
    given = conninfo.conninfo_to_dict(parameters)
    hosts, ports = _listed(given.get("host")), _ports(given.get("port"))
    if len(ports) == 1:
        ports *= len(hosts)
    if given.get("hostaddr") or os.environ.get("PGHOSTADDR") or all(map(_needs_no_name, hosts)):
        return parameters
    if len(ports) != len(hosts):
        return parameters  # the driver says what is wrong with them
    found: list[tuple[str, str, str]] = []
    for host, port in zip(hosts, ports, strict=True):
        found += [(host, address, port) for address in _addresses(host)]
    if not found:
        raise psycopg.OperationalError("the database's host is not known")
    names, addresses, numbers = (",".join(each) for each in zip(*found, strict=True))
    return conninfo.make_conninfo(parameters, host=names, hostaddr=addresses, port=numbers if any(ports) else None)


def _ports(given: object) -> list[str]:
    """One for each host or one for all, empty where it is not ours to say.

    Where the environment has one for each host it is: there may be more addresses than hosts.
    """
    usual = os.environ.get("PGPORT", "")
    return _listed(given or (usual if "," in usual else ""))


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
