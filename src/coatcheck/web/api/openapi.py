"""The OpenAPI 3.1 document, made from the table that routes are made from: so it can't be out of date."""

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from coatcheck.carriers.cookies import CookieNames
from coatcheck.errors import (
    AccessDenied,
    AuthError,
    CheckingStale,
    CredentialRefused,
    MediaTypeRefused,
    OriginRefused,
    ReauthenticationNeeded,
    RequestInvalid,
    RequestMalformed,
    RequestTooLarge,
    ServiceRefused,
    SessionEnded,
    SessionExpired,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenOutdated,
    TokenRevoked,
    TokenWrongAudience,
    TokenWrongKind,
)
from coatcheck.settings import Settings
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.shapes import ReceiptAnswer
from coatcheck.web.api.table import full_path

_REFERENCE: Final = "#/components/schemas/{name}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_CREDENTIAL: Final = (
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    TokenOutdated,
    TokenRevoked,
    TokenWrongAudience,
    TokenWrongKind,
    SessionEnded,
    SessionExpired,
)
_ABOUT: Final = """Authentication: sessions you can scale, JWTs you can revoke.

Errors are problem details (RFC 9457) with a stable `code`. Clients ignore members of an answer that they don't know;
members of a request that the server does not know are refused."""


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One field that was not acceptable."""

    field: str
    reason: str


class Problem(Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    code: Annotated[str, Meta(description="Stable, for programs.")]
    detail: Annotated[str, Meta(description="A sentence for people.")]
    errors: Annotated[list[FieldProblem], Meta(description="With `request.invalid`.")] | UnsetType = UNSET
    reasons: Annotated[list[str], Meta(description="With `password.weak`.")] | UnsetType = UNSET
    max_age: Annotated[int, Meta(description="With `access.reauthenticate`: seconds.")] | UnsetType = UNSET


class OAuthError(Struct, frozen=True, kw_only=True):
    """An error of the token endpoint (RFC 6749 §5.2)."""

    error: str
    error_description: str
    code: Annotated[str, Meta(description="Stable, for programs.")]


def document(settings: Settings, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document for an installation with these settings."""
    rows = tuple(endpoints)
    shapes: list[Any] = [Problem, OAuthError, ReceiptAnswer]
    for row in rows:
        shapes += [shape for shape in (row.body, row.form, row.query, row.result) if shape is not None]
    shapes = list(dict.fromkeys(shapes))
    references, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    schemas = dict(zip(shapes, references, strict=True))
    writer = _Writer(schemas, components)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(full_path(row, settings.web.path), {})[row.method.lower()] = writer.operation(row)
    kept = {name: each for name, each in components.items() if name not in writer.inlined}
    names = CookieNames.of(is_local=settings.is_local, port=settings.port, path=settings.web.path)
    return {
        "openapi": "3.1.0",
        "info": {"title": settings.web.site_name, "version": _version(), "description": _ABOUT},
        "servers": [{"url": settings.origin}],
        "paths": paths,
        "components": {
            "schemas": kept,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, a session token or an API key. It decides alone: cookies are then "
                    "ignored.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": names.session.name},
                "access": {"type": "apiKey", "in": "cookie", "name": names.access.name},
            },
        },
    }


class _Writer:
    def __init__(self, schemas: dict[Any, Any], components: dict[str, Any]) -> None:
        self._schemas = schemas
        self._components = components
        self.inlined: set[str] = set()

    def operation(self, row: Endpoint) -> dict[str, Any]:
        written: dict[str, Any] = {
            "operationId": f"{row.method.lower()}:{row.path}",
            "summary": row.summary,
            "description": (row.verb.__doc__ or "").strip(),
            "parameters": [*self._in_path(row), *self._in_query(row)],
            "responses": self._responses(row),
            "security": [{"bearer": []}, {"session": []}, {"access": []}] if row.needs_credential else [],
        }
        if row.body is not None:
            content = {"application/json": {"schema": self._schemas[row.body]}}
            written["requestBody"] = {"required": not row.body_may_be_empty, "content": content}
        if row.form is not None:
            content = {"application/x-www-form-urlencoded": {"schema": self._schemas[row.form]}}
            written["requestBody"] = {"required": True, "content": content}
        return written

    def _in_path(self, row: Endpoint) -> list[dict[str, Any]]:
        return [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(row.path)
        ]

    def _in_query(self, row: Endpoint) -> list[dict[str, Any]]:
        name = row.query.__name__
        self.inlined.add(name)
        properties = self._components[name]["properties"]
        return [
            {"name": each, "in": "query", "required": False, "schema": _without_null(schema)}
            for each, schema in properties.items()
        ]

    def _responses(self, row: Endpoint) -> dict[str, Any]:
        responses: dict[str, Any] = {}
        if row.result is not None:
            responses[str(row.status)] = self._answer("What was asked for.", self._schemas[row.result])
        else:
            responses["204"] = {"description": "Done."}
            if row.waits:
                responses["200"] = self._answer("Done, and it holds everywhere.", self._schemas[ReceiptAnswer])
        by_status: dict[int, list[type[AuthError]]] = {}
        for error in errors_of(row):
            by_status.setdefault(_oauth_status(error) if row.is_oauth else error.status, []).append(error)
        for status, errors in sorted(by_status.items()):
            responses[str(status)] = self._error(row, errors)
        return responses

    def _answer(self, description: str, schema: Any) -> dict[str, Any]:
        return {"description": description, "content": {"application/json": {"schema": schema}}}

    def _error(self, row: Endpoint, errors: list[type[AuthError]]) -> dict[str, Any]:
        codes = ", ".join(sorted({f"`{error.code}`" for error in errors}))
        shape, media_type = (OAuthError, "application/json") if row.is_oauth else (Problem, "application/problem+json")
        return {"description": f"{codes}.", "content": {media_type: {"schema": self._schemas[shape]}}}


def errors_of(row: Endpoint) -> list[type[AuthError]]:
    """Everything that ``row`` can answer instead of its result: what it names, and what follows from the rest of it."""
    found: list[type[AuthError]] = []
    for error in row.errors:
        found += _CREDENTIAL if error is CredentialRefused else [error]
    if row.needs_credential:
        found += [*_CREDENTIAL, CheckingStale, StoreUnavailable]
    if row.needs_administrator or row.may is May.FRESH_PERSON:
        found.append(AccessDenied)
    if row.needs_fresh_proof:
        found.append(ReauthenticationNeeded)
    if not row.is_safe:
        found += [OriginRefused, StoreUnavailable]
    if row.body is not None or row.form is not None:
        found += [RequestMalformed, RequestTooLarge, MediaTypeRefused, RequestInvalid]
    if msgspec.structs.fields(row.query):
        found += [RequestMalformed, RequestInvalid]
    return list(dict.fromkeys(found))


def _oauth_status(error: type[AuthError]) -> int:
    """As ``oauth_problem`` has it: only a service that can't prove itself is told 401."""
    return 400 if error.status in (401, 422) and error is not ServiceRefused else error.status


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out: null is a default for the code, not a value that can be sent."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name != "anyOf" and value is not None}
    return kept | choices[0] if len(choices) == 1 else kept


def _version() -> str:
    try:
        return version("coatcheck")
    except PackageNotFoundError:
        return "0"
