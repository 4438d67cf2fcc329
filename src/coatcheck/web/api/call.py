"""One request, as a verb sees it: who asks, what is asked, from where."""

from collections.abc import Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

from msgspec import Struct, ValidationError, convert

from coatcheck.carriers.cookies import TWICE, Cookie, find
from coatcheck.carriers.origin import OriginRule
from coatcheck.carriers.presented import NotPresented, header_decides, present
from coatcheck.carriers.raw import RawHeaders, values_of
from coatcheck.checking.cache import Remembered
from coatcheck.clock import now_of
from coatcheck.errors import (
    AccessDenied,
    FieldError,
    ReauthenticationNeeded,
    RequestInvalid,
    RequestMalformed,
    TokenInvalid,
)
from coatcheck.model.client import Client
from coatcheck.model.expiry import needs_fresh_proof
from coatcheck.model.principal import CarriedBy, Principal
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.web.api.endpoint import Endpoint, Form, May, Query
from coatcheck.web.bodies import read_body, read_form, read_json
from coatcheck.web.fields import fields_of
from coatcheck.web.installation import Installation
from coatcheck.web.user_agents import device_name

Parameters = TypeVar("Parameters", bound=Struct)

_MOST_PARAMETERS = 50


class Call:
    """A request to one endpoint. Has no repr of its own: it holds credentials.

    ``path`` are the path's parameters. ``who`` is set where the endpoint needs a credential. ``body``, ``form`` and
    ``query`` are what was asked, already read. ``unreadable`` are cookies that came in a form nobody should rely on:
    every answer clears them.
    """

    __slots__ = (
        "_receive",
        "_scope",
        "body",
        "form",
        "installation",
        "path",
        "presented",
        "query",
        "remembered",
        "unreadable",
    )

    def __init__(self, installation: Installation, scope: Mapping[str, Any]) -> None:
        self.installation = installation
        self.path: Mapping[str, str] = scope.get("path_params", {})
        self.presented = present(scope["headers"], installation.cookies)
        self.unreadable = self.presented.clear if isinstance(self.presented, NotPresented) else ()
        self.remembered: Remembered | None = None
        self.body: Any = None
        self.form: Any = None
        self.query: Any = None
        self._scope = scope
        self._receive: Any = None

    # -- who ----------------------------------------------------------------------------------------------------------

    @property
    def held(self) -> Remembered:
        """The credential that was accepted. Raises TokenInvalid when nobody was let in: no endpoint meant for strangers
        may ask."""
        if self.remembered is None:
            raise TokenInvalid
        return self.remembered

    @property
    def who(self) -> Principal:
        """Who asks. Raises as ``held`` does."""
        return self.held.principal

    @property
    def user_id(self) -> str:
        """The person's id. Raises AccessDenied for a machine."""
        return self.who.require_person()

    async def admit(self, endpoint: Endpoint) -> None:
        """Let the caller in, or raise: OriginRefused first, then what is wrong with the credential, then with the role,
        and only then ReauthenticationNeeded, so that nobody proves a password for what is not allowed anyway."""
        if not endpoint.needs_credential:
            if not endpoint.is_safe and not endpoint.is_oauth and not self.has_bearer:
                self.refuse_other_sites()
            return
        self.remembered = await self.check()
        if endpoint.needs_administrator and not self.who.has_role(ADMINISTRATOR):
            await self.installation.auth.note_denied(self.who, endpoint.path, client=self.client())
            raise AccessDenied
        fresh_within = self.installation.auth.settings.sessions.fresh_within
        if endpoint.may is May.FRESH_PERSON:
            self.who.require_person()
        if endpoint.needs_fresh_proof and needs_fresh_proof(self.now, self.who.authenticated_at, fresh_within):
            raise ReauthenticationNeeded(fresh_within)

    async def check(self) -> Remembered:
        """Decide about the credential that came with the request; one in a cookie is held to the origin rule first.

        Raises OriginRefused, the CredentialRefused that fits, CheckingStale, StoreUnavailable.
        """
        presented = self.presented
        if isinstance(presented, NotPresented):
            raise presented.error
        if presented.carried_by is CarriedBy.COOKIE:
            self.origins.require(self.method, self.headers)
        return await self.installation.auth.recall(presented.token, presented.carried_by)

    def refuse_other_sites(self) -> None:
        """Hold a request without credential to the origin rule if a browser sent it: it says where it comes from, and
        the answer may set or clear cookies. Raises OriginRefused."""
        if values_of(self.headers, b"origin") or values_of(self.headers, b"sec-fetch-site"):
            self.origins.require(self.method, self.headers)

    @property
    def has_bearer(self) -> bool:
        """True when a header decides: cookies are ignored then, whatever is wrong with it."""
        return header_decides(self.headers)

    def cookie(self, cookie: Cookie) -> str | None:
        """The value of one cookie. A name that came twice counts as absent, and is cleared."""
        value = find(values_of(self.headers, b"cookie"), cookie)
        if value is TWICE:
            self.unreadable = (*self.unreadable, cookie)
            return None
        return None if value is None else value.decode("latin-1")

    # -- from where ---------------------------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The request's method."""
        method: str = self._scope["method"]
        return method

    @property
    def headers(self) -> RawHeaders:
        """The raw headers."""
        headers: list[tuple[bytes, bytes]] = self._scope["headers"]
        return headers

    @property
    def origins(self) -> OriginRule:
        """The origin rule."""
        return self.installation.origins

    @property
    def now(self) -> datetime:
        """The instant, by the clock of this installation."""
        return now_of(self.installation.auth.clock)

    @property
    def is_from_proxy(self) -> bool:
        """True when a trusted proxy made this request itself or passed it on."""
        return self.installation.addresses.is_proxy(self._scope)

    def client(self, *, device: str | None = None, device_token: str | None = None) -> Client:
        """Where the request comes from; ``device`` and ``device_token`` are what the client said in its body."""
        if device is None:
            lines = values_of(self.headers, b"user-agent")
            device = lines[0].decode("latin-1") if lines else ""
        return Client(
            address=self.installation.addresses.of(self._scope),
            device=device_name(device),
            device_token=device_token or self.cookie(self.installation.cookies.device),
        )

    # -- what ---------------------------------------------------------------------------------------------------------

    async def read(self, endpoint: Endpoint, receive: Any) -> None:
        """Read what ``endpoint`` reads. Raises RequestTooLarge, MediaTypeRefused, RequestMalformed, RequestInvalid."""
        self._receive = receive
        self.query = _parameters(self._scope["query_string"], endpoint.query)
        if endpoint.body is None and endpoint.form is None:
            return
        raw = await read_body(receive, self.headers, self.installation.auth.settings.web.body_limit)
        if endpoint.body is not None:
            self.body = read_json(raw, self.headers, endpoint.body, may_be_empty=endpoint.body_may_be_empty)
        elif endpoint.form is not None:
            self.form = _form(read_form(raw, self.headers), endpoint.form)

    async def gone(self) -> None:
        """Wait until the client has closed the connection; for who keeps an answer back, after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def wait(self) -> bool:
        """True with ``?wait=true``."""
        return bool(getattr(self.query, "wait", False))


def _parameters(query_string: bytes, struct: type[Query]) -> Query:
    """Read the known ones of a query string. Raises RequestMalformed, RequestInvalid."""
    known = fields_of(struct)
    if not known or not query_string:
        return struct()
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise RequestMalformed("The query could not be read.") from None
    found = [(name, value) for name, value in pairs if name in known]
    errors = [FieldError(name, "This appears twice.") for name in known if [each[0] for each in found].count(name) > 1]
    if errors:
        raise RequestInvalid(errors)
    return _converted(dict(found), struct)


def _form(fields: dict[str, str], struct: type[Form]) -> Form:
    """Keep the known ones; one without a value counts as left out (RFC 6749 §3.2). Raises RequestInvalid."""
    known = fields_of(struct)
    return _converted({name: value for name, value in fields.items() if name in known and value}, struct)


def _converted(members: dict[str, str], struct: type[Parameters]) -> Parameters:
    """Turn texts into what ``struct`` wants: only whole values of its fields, no ``null`` and no guesses."""
    errors, values = [], {}
    for name, field in fields_of(struct).items():
        if name in members:
            try:
                values[field.name] = _value(members[name], _sent(field.type))
            except ValidationError:
                errors.append(FieldError(name, "This is not one of the values that can be asked for."))
        elif field.required:
            errors.append(FieldError(name, "This is required."))
    if errors:
        raise RequestInvalid(errors)
    return struct(**values)


def _value(text: str, type_: Any) -> Any:
    """Read a text as ``type_``. An instant is written as RFC 3339 has it; a number, which might be taken for seconds,
    is none. Raises ValidationError."""
    bare = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    return convert(text, type_, strict=bare is datetime)


def _sent(type_: Any) -> Any:
    """What can be sent for a field that may be left out: its type without None."""
    choices = [each for each in get_args(type_) if each is not NoneType]
    return choices[0] if get_origin(type_) in (Union, UnionType) else type_
