"""A page's address as a row of a table, and the two things that can come of a visit: a page, or the way to another."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import AuthError
from coatcheck.web.pages.views import Page
from coatcheck.web.pages.visit import Visit


@dataclass(frozen=True, slots=True)
class Shown:
    """A page; with the ``error`` that it tells of, if there is one, which also decides the status."""

    page: Page
    error: AuthError | None = None
    cookies: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """The way to another page (303, so that a reload posts nothing again). ``to`` is a safe path of this site.

    ``notice`` is a sentence that the next page shows, once.
    """

    to: str
    cookies: tuple[bytes, ...] = ()
    notice: str = ""
    headers: tuple[RawHeader, ...] = ()


Deed: TypeAlias = Callable[[Visit], Awaitable[Shown | Moved]]
"""What a visit does: a page, the way to another, or an AuthError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One address under the mount path: what is shown there, and what its form does.

    ``back`` is where somebody comes back to who had to log in, or to confirm the password, before the form could do
    anything; it may name parameters of ``path``.
    """

    path: str
    show: Deed | None = None
    do: Deed | None = None
    back: str = "/account"
