"""Where Redis is: a URL, read strictly.

    redis://[user:password@]host[:port][/db]        rediss://… is TLS
    unix://[user:password@]/path/of/socket[?db=0]
    redis+sentinel://[user:password@]host[:port],host…/service[?db=0]         rediss+sentinel://… is TLS
    redis+cluster://[user:password@]host[:port],host…                         rediss+cluster://… is TLS

``?ssl_ca_certs=file.pem`` names who vouches for a TLS server; left out, whom the system trusts. A server's certificate
and name are always verified. Nothing here puts a password into a text: not in a repr, not in an error.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from coatcheck.errors import Misconfigured

Kind = Literal["server", "unix", "sentinel", "cluster"]

_KINDS: Final[dict[str, Kind]] = {"": "server", "sentinel": "sentinel", "cluster": "cluster"}
_PORTS: Final = {"server": 6379, "sentinel": 26379, "cluster": 6379, "unix": 0}
_FORMS: Final = (
    "cache must be like redis://host:6379/0, rediss://host:6379/0, unix:///path/redis.sock, "
    "redis+sentinel://host:26379,host:26379/service or redis+cluster://host:6379,host:6379"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a URL says. ``service`` is the name that Sentinels know a master by; ``path`` is a socket's."""

    kind: Kind
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    is_tls: bool = False
    ca_certs: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The URL without what opens it, for people to read."""
        if self.kind == "unix":
            return f"unix://{self.path}"
        scheme = ("rediss" if self.is_tls else "redis") + ("" if self.kind == "server" else f"+{self.kind}")
        where = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.nodes)
        return f"{scheme}://{where}" + (f"/{self.service}" if self.service else "")

    @property
    def is_exposed(self) -> bool:
        """True when what is said can be read by others on the way: no TLS, and not on this machine."""
        return self.kind != "unix" and not self.is_tls and not all(_is_loopback(host) for host, _ in self.nodes)


def read_address(url: str) -> Address:
    """Read ``url``. Raises Misconfigured for anything else; the message repeats nothing of it."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        address = _unix(parts, options) if parts.scheme == "unix" else _network(parts, options)
    except ValueError:
        raise Misconfigured(_FORMS) from None
    if options or parts.fragment:
        raise Misconfigured(f"{_FORMS}; of options it takes db and ssl_ca_certs only, where they mean something")
    return address


def _unix(parts: SplitResult, options: dict[str, str]) -> Address:
    username, password, host = _opened(parts.netloc)
    if host or not parts.path.strip("/"):
        raise ValueError("no socket")
    return Address(
        kind="unix",
        path=unquote(parts.path),
        database=_number(options.pop("db", "0")),
        username=username,
        password=password,
    )


def _network(parts: SplitResult, options: dict[str, str]) -> Address:
    scheme, _, suffix = parts.scheme.partition("+")
    kind, is_tls = _KINDS.get(suffix), scheme == "rediss"
    if kind is None or scheme not in ("redis", "rediss"):
        raise ValueError("another scheme")
    username, password, hosts = _opened(parts.netloc)
    nodes = tuple(_node(text, _PORTS[kind]) for text in hosts.split(","))
    path, database = parts.path.strip("/"), options.pop("db", "0") if kind != "cluster" else "0"
    if kind == "server":
        database, path = path or database, ""
    if (len(nodes) > 1 and kind == "server") or bool(path) != (kind == "sentinel"):
        raise ValueError("hosts or path")
    return Address(
        kind=kind,
        nodes=nodes,
        service=unquote(path),
        database=_number(database),
        is_tls=is_tls,
        ca_certs=options.pop("ssl_ca_certs", None) if is_tls else None,
        username=username,
        password=password,
    )


def _opened(netloc: str) -> tuple[str | None, str | None, str]:
    before, at, hosts = netloc.rpartition("@")
    username, _, password = before.partition(":")
    return (unquote(username) or None, unquote(password) or None, hosts) if at else (None, None, hosts)


def _node(text: str, default: int) -> tuple[str, int]:
    read = urlsplit(f"//{text}")
    if not read.hostname or read.username is not None or read.path:
        raise ValueError("no host")
    return read.hostname, default if read.port is None else read.port


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise ValueError("not a database's number")
    return int(text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
