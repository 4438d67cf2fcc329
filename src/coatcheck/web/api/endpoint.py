"""An endpoint as a row of the table: what it reads, what it answers, who may call it, what can go wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta, Struct

from coatcheck.errors import AuthError

if TYPE_CHECKING:
    from coatcheck.web.api.answering import Reply
    from coatcheck.web.api.call import Call

Verb: TypeAlias = "Callable[[Call], Awaitable[Reply]]"
"""What an endpoint does: a call in, a reply out, or an AuthError."""


class May(Enum):
    """Who may call."""

    ANYONE = auto()
    """Nobody is asked for. Requests that a browser says come from another site are refused where they could change
    something: they would set or remove cookies here."""
    CALLER = auto()
    """Somebody with a credential."""
    FRESH_PERSON = auto()
    """A person, no machine, with a password proven within ``settings.sessions.fresh_within``."""
    ADMINISTRATOR = auto()
    """Somebody with the role ``coatcheck:admin``."""
    FRESH_ADMINISTRATOR = auto()
    """The same, with a password proven within ``settings.sessions.fresh_within``."""


class Query(Struct, frozen=True, kw_only=True):
    """Parameters in the query string; unknown ones are ignored."""


class Waiting(Query, frozen=True, kw_only=True):
    """For what changes or ends something."""

    wait: Annotated[bool, Meta(description="Answer when the change holds everywhere, with a receipt.")] = False


class Form(Struct, frozen=True, kw_only=True):
    """Parameters of a form (RFC 6749 §3.2); unknown ones are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row. ``path`` is under the mount path, or absolute when it begins with a slash.

    ``verb`` does it. ``body`` is read as JSON, ``form`` as a form. ``status`` goes with ``result``; without one the
    answer is 204, or 200 with a receipt where the request asks to wait. ``errors`` are those beyond what
    follows from the rest of the row. ``is_oauth`` gives errors the form of RFC 6749 §5.2. ``is_public`` marks what
    anybody may fetch, cache and show on any site. ``starts`` is False for what works before ``Auth`` has been started.
    ``renews`` is False where the answer goes to a gateway and not to the browser: a renewed cookie would be lost there,
    and with it the login.
    """

    method: str
    path: str
    verb: Verb
    summary: str
    may: May = May.CALLER
    body: type[Struct] | None = None
    body_may_be_empty: bool = False
    form: type[Form] | None = None
    query: type[Query] = Query
    result: type[Struct] | None = None
    status: int = 200
    errors: tuple[type[AuthError], ...] = ()
    is_oauth: bool = False
    is_public: bool = False
    starts: bool = True
    renews: bool = True

    @property
    def is_safe(self) -> bool:
        """True when it changes nothing (RFC 9110 §9.2.1)."""
        return self.method == "GET"

    @property
    def waits(self) -> bool:
        """True when the caller may ask for a receipt."""
        return issubclass(self.query, Waiting)

    @property
    def needs_credential(self) -> bool:
        """True when nobody gets in without one."""
        return self.may is not May.ANYONE

    @property
    def needs_fresh_proof(self) -> bool:
        """True when the password must have been proven lately."""
        return self.may in (May.FRESH_PERSON, May.FRESH_ADMINISTRATOR)

    @property
    def needs_administrator(self) -> bool:
        """True when it is administration."""
        return self.may in (May.ADMINISTRATOR, May.FRESH_ADMINISTRATOR)
