"""What was just done, carried to the page that comes next and shown there once.

It travels in a cookie, not in the address: nobody can make a link that lets this site say something. As the session
cookie it is out of reach for scripts and for other hosts of the domain.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Final

from coatcheck.carriers.cookies import Cookie, CookieNames, clear, write

_LONGEST: Final = 500
_FOR: Final = timedelta(minutes=1)


def cookie_of(names: CookieNames) -> Cookie:
    """The notice's cookie, beside those of ``names``."""
    session = names.session
    return Cookie(f"{session.name}-notice", session.path, session.same_site, session.secure)


def packed(cookie: Cookie, notice: str) -> bytes:
    """The ``Set-Cookie`` value that carries ``notice``."""
    text = notice[:_LONGEST].encode("utf-8")
    return write(cookie, urlsafe_b64encode(text).decode("ascii").rstrip("="), _FOR)


def unpacked(value: str) -> str:
    """The notice in a cookie's value; empty when it holds none."""
    try:
        text = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("utf-8")
    except ValueError:
        return ""
    return text if text.isprintable() and len(text) <= _LONGEST else ""


def gone(cookie: Cookie) -> bytes:
    """The ``Set-Cookie`` value that takes the notice away."""
    return clear(cookie)
