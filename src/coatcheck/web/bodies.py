"""Request bodies: bytes under a limit, then one strict reading as JSON or as a form.

Whatever is wrong ends in one of four errors, before a flow sees anything: RequestTooLarge (413), MediaTypeRefused
(415), RequestMalformed (400: it can't be read, or could be read in two ways), RequestInvalid (422: it does not fit).
"""

from asyncio import timeout
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from re import compile as pattern
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from msgspec import Struct, ValidationError, convert

from coatcheck.carriers.raw import RawHeaders, values_of
from coatcheck.errors import MediaTypeRefused, RequestInvalid, RequestMalformed, RequestTooLarge
from coatcheck.tokens.strict_json import read_object
from coatcheck.web.fields import misfits

BodyStruct = TypeVar("BodyStruct", bound=Struct)

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100
_LONGEST_DIGITS: Final = 15
_WITHIN: Final = timedelta(seconds=30)
_UNFIT: Final = pattern("[\0\ud800-\udfff]")  # no database stores them, and UTF-8 has no surrogates
_UNFIT_SENTENCE: Final = "A text contains a character that can't be stored."


async def read_body(
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    headers: RawHeaders,
    limit: int,
    within: timedelta = _WITHIN,
) -> bytes:
    """Receive a whole request body of at most ``limit`` bytes, which must be here ``within`` that time.

    A length that is announced over the limit is refused before anything is read, a chunked body as soon as it exceeds
    it. Raises RequestTooLarge; MediaTypeRefused for a Content-Encoding, since a few bytes can unpack to gigabytes;
    RequestMalformed for a nonsensical Content-Length, and when the client leaves or is too slow.
    """
    headers = list(headers)
    if any(value.strip().lower() != b"identity" for value in values_of(headers, b"content-encoding")):
        raise MediaTypeRefused("Compressed request bodies are not read here.")
    announced = values_of(headers, b"content-length")
    if announced:
        digits = announced[0].strip(b" \t")
        if len(announced) > 1 or not digits.isdigit():
            raise RequestMalformed
        if len(digits) > _LONGEST_DIGITS or int(digits) > limit:
            raise RequestTooLarge
    body = bytearray()
    try:
        async with timeout(within.total_seconds()):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise RequestMalformed("The connection ended in the middle of the request.")
                body += message.get("body", b"")
                if len(body) > limit:
                    raise RequestTooLarge
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise RequestMalformed("The request did not arrive in time.") from None


def read_json(body: bytes, headers: RawHeaders, struct: type[BodyStruct], *, may_be_empty: bool = False) -> BodyStruct:
    """Return the JSON object in ``body`` as a ``struct``, with exactly its fields and types.

    With ``may_be_empty`` no body at all is read as ``{}``. Structs inside must forbid unknown fields themselves.
    Raises MediaTypeRefused for any other content type: a form of another site can post ``text/plain`` without asking.
    Raises RequestMalformed for what is not one JSON object in UTF-8, for a member that appears twice, for NUL and for
    half a surrogate pair (RFC 7493); RequestInvalid with ``errors`` for unknown, missing and unfit fields.
    """
    if may_be_empty and not body and not values_of(headers, b"content-type"):
        body = b"{}"
    else:
        _require_type(headers, _JSON)
    try:
        members = read_object(body)
    except ValueError:
        raise RequestMalformed("The request body is not one JSON object.") from None
    if any(map(_UNFIT.search, _texts(members))):
        raise RequestMalformed(_UNFIT_SENTENCE)
    errors = misfits(members, struct)
    if errors:
        raise RequestInvalid(errors)
    try:
        return convert(members, struct, strict=True)
    except ValidationError:
        raise RequestInvalid from None


def read_form(body: bytes, headers: RawHeaders) -> dict[str, str]:
    """Return the fields of a urlencoded form (WHATWG URL §5; RFC 6749 appendix B), empty ones included.

    Raises MediaTypeRefused for any other content type. Raises RequestMalformed for text that is not UTF-8 or holds a
    NUL, for a field that appears twice (RFC 6749 §3.2), for a piece that is no ``name=value``, and for over 100 fields.
    """
    _require_type(headers, _FORM)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise RequestMalformed("The form could not be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RequestMalformed("A field of the form appears twice.")
    if any(map(_UNFIT.search, _texts(fields))):
        raise RequestMalformed(_UNFIT_SENTENCE)
    return fields


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _require_type(headers: RawHeaders, wanted: str) -> None:
    """Hold one Content-Type line to ``wanted``; its only parameter may be that it is UTF-8."""
    lines = values_of(headers, b"content-type")
    if len(lines) == 1:
        name, _, parameter = lines[0].decode("latin-1").partition(";")
        charset = parameter.strip(" \t").lower().replace('"', "")
        if name.strip(" \t").lower() == wanted and charset in ("", "charset=utf-8"):
            return
    raise MediaTypeRefused(f"The request body must be {wanted}.")
