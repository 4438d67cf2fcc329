"""The cookies: their names and flags in one table, written and found byte by byte.

| cookie | https | on plain-http localhost | Path | SameSite |
|---|---|---|---|---|
| session: a session token | ``__Host-coatcheck`` | ``coatcheck-<port>`` | ``/`` | Lax |
| access: a JWT | ``__Host-coatcheck-access`` | ``coatcheck-<port>-access`` | ``/`` | Lax |
| refresh: its token | ``__Secure-coatcheck-refresh`` | ``coatcheck-<port>-refresh`` | ``<web.path>/api`` | Strict |
| device: a known device | ``__Host-coatcheck-device`` | ``coatcheck-<port>-device`` | ``/`` | Lax |

All are HttpOnly, and Secure wherever there is https. None has a Domain, so no sibling of the host receives them
(OWASP ASVS 3.3). The prefixes make the browser itself refuse a cookie that another host or plain http tries to plant
(RFC 6265bis §4.1.3). Cookies ignore ports: on localhost the port is in the name, so that two projects don't meet.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from re import compile as pattern
from typing import Final, Literal

from coatcheck.errors import FieldError, Misconfigured, RequestInvalid

LONGEST: Final = 4096
"""Bytes of a whole ``Set-Cookie`` value. Browsers drop longer ones without a word (RFC 6265bis; OWASP ASVS 3.3.5)."""

_VALUE: Final = pattern(r"[!#-+\--:<-\[\]-~]*")  # cookie-octet, RFC 6265 §4.1.1
_PATH: Final = pattern(r"/[!-:<-~]*")


class Twice(Enum):
    """A name that came more than once: nobody can tell which of the cookies is ours."""

    TWICE = "twice"


TWICE: Final = Twice.TWICE
"""What ``find`` answers for a repeated name."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie's name and flags. ``start`` is what a pair of this name begins with.

    Raises Misconfigured when the path can't stand in a cookie.
    """

    name: str
    path: str
    same_site: Literal["Lax", "Strict"]
    secure: bool
    start: bytes = field(init=False, repr=False)
    flags: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise Misconfigured("web.path contains a character that can't stand in the path of a cookie")
        secure = " Secure;" if self.secure else ""
        object.__setattr__(self, "start", f"{self.name}=".encode("ascii"))
        object.__setattr__(
            self, "flags", f"; Path={self.path}; HttpOnly;{secure} SameSite={self.same_site}".encode("ascii")
        )


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The cookies of one installation."""

    session: Cookie
    access: Cookie
    refresh: Cookie
    device: Cookie

    @classmethod
    def of(cls, *, is_local: bool, port: int, path: str) -> "CookieNames":
        """Take the table's column for https, or for plain http on this machine; ``path`` is where the web is mounted.

        None of this ever comes from a request. Raises Misconfigured when ``path`` can't stand in a cookie.
        """
        host, secure = (f"coatcheck-{port}",) * 2 if is_local else ("__Host-coatcheck", "__Secure-coatcheck")
        return cls(
            session=Cookie(host, "/", "Lax", not is_local),
            access=Cookie(f"{host}-access", "/", "Lax", not is_local),
            refresh=Cookie(f"{secure}-refresh", f"{path}/api", "Strict", not is_local),
            device=Cookie(f"{host}-device", "/", "Lax", not is_local),
        )


def write(cookie: Cookie, value: str, max_age: timedelta | None = None) -> bytes:
    """Return the value of a ``Set-Cookie`` header. Without ``max_age`` the cookie ends with the browser.

    Raises ValueError for a value with a character that could end it (space, quote, comma, semicolon, backslash,
    control, non-ASCII): our tokens have none. Raises RequestInvalid for ``carry`` when the whole is longer than 4096
    bytes, which a JWT with very many roles can be.
    """
    if not _VALUE.fullmatch(value):
        raise ValueError("a character that can't stand in the value of a cookie")
    age = b"" if max_age is None else b"; Max-Age=%d" % max(0, max_age // timedelta(seconds=1))
    line = cookie.start + value.encode("ascii") + age + cookie.flags
    if len(line) > LONGEST:
        raise RequestInvalid([FieldError("carry", "This token is too long for a cookie; ask for it in a header.")])
    return line


def clear(cookie: Cookie) -> bytes:
    """Return the ``Set-Cookie`` value that removes ``cookie``: the same name and flags, without which it would stay."""
    return cookie.start + b"; Max-Age=0" + cookie.flags


def find(lines: Iterable[bytes], cookie: Cookie) -> bytes | Twice | None:
    """Return the value of ``cookie`` in raw ``Cookie`` header values, None, or TWICE.

    Pairs end at ``;``. Only space and tab around them are trimmed, the name must be ours byte for byte, and the value
    is taken as it stands: no unquoting, no escapes, no ``$Version``. Time is linear in the length of the lines.
    """
    start = cookie.start
    found: bytes | None = None
    for line in lines:
        before, hit, after = line.partition(start)
        if not hit:
            continue
        value, _, rest = after.partition(b";")
        if rest.find(start) >= 0 or (before and before[-2:] != b"; "):
            values = _values(line, start)
        else:  # as browsers write it, and once: no need to look at the other cookies
            values = [value.rstrip(b" \t")]
        for value in values:
            if found is not None:
                return TWICE
            found = value
    return found


def _values(line: bytes, start: bytes) -> list[bytes]:
    pairs = [pair.strip(b" \t") for pair in line.split(b";")]
    return [pair[len(start) :] for pair in pairs if pair.startswith(start)]
