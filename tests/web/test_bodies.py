"""Bodies: received under a limit, read in one way only (CS-02, HT-03, HT-05)."""

from asyncio import Event, run
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import thread_time
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType, field, json

from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import (
    FieldError,
    MediaTypeRefused,
    RequestInvalid,
    RequestMalformed,
    RequestRefused,
    RequestTooLarge,
)
from coatcheck.model.key import Algorithm
from coatcheck.web.bodies import read_body, read_form, read_json

LIMIT = 100
JSON: list[RawHeader] = [(b"content-type", b"application/json")]
FORM: list[RawHeader] = [(b"content-type", b"application/x-www-form-urlencoded")]


class Receiver:
    """A client's side of a request: hands out chunks, and counts how many were taken."""

    def __init__(self, chunks: Iterable[bytes], *, then: str = "end") -> None:
        self._chunks = list(chunks)
        self._then = then
        self.taken = 0

    async def __call__(self) -> dict[str, Any]:
        self.taken += 1
        if self._chunks:
            more = len(self._chunks) > 1 or self._then != "end"
            return {"type": "http.request", "body": self._chunks.pop(0), "more_body": more}
        if self._then == "silence":
            await Event().wait()
        return {"type": "http.disconnect"}


def received(receiver: Receiver, headers: list[RawHeader] | None = None, **options: Any) -> bytes:
    return run(read_body(receiver, headers or [], LIMIT, **options))


def test_a_body_in_chunks_is_put_together() -> None:
    assert received(Receiver([b"a", b"", b"b" * 99])) == b"a" + b"b" * 99
    assert received(Receiver([b""])) == b""


@pytest.mark.parametrize("length", [b"101", b"65537", b"9" * 15, b"9" * 5000])
def test_an_announced_length_over_the_limit_is_refused_before_anything_is_read(length: bytes) -> None:
    receiver = Receiver([b"a"])
    with pytest.raises(RequestTooLarge):
        received(receiver, [(b"content-length", length)])
    assert receiver.taken == 0


def test_a_chunked_body_is_refused_as_soon_as_it_is_over_the_limit() -> None:
    receiver = Receiver([b"a" * 60] * 10)
    with pytest.raises(RequestTooLarge):
        received(receiver)
    assert receiver.taken == 2


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1.0", b"0x10", b"1e1", b"1, 1", b"\xb2", b"1_0"])
def test_a_nonsensical_length_is_malformed(length: bytes) -> None:
    with pytest.raises(RequestMalformed):
        received(Receiver([b"a"]), [(b"content-length", length)])


def test_two_lengths_are_malformed_even_when_equal() -> None:
    with pytest.raises(RequestMalformed):
        received(Receiver([b"a"]), [(b"content-length", b"1")] * 2)


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate", b"zstd", b"gzip, identity", b"x"])
def test_a_compressed_body_is_refused_before_anything_is_read(encoding: bytes) -> None:
    receiver = Receiver([b"a"])
    with pytest.raises(MediaTypeRefused):
        received(receiver, [(b"content-encoding", encoding)])
    assert receiver.taken == 0
    assert received(Receiver([b"a"]), [(b"content-encoding", b"Identity")]) == b"a"


def test_a_client_that_leaves_midway_is_malformed() -> None:
    with pytest.raises(RequestMalformed):
        received(Receiver([b"a"], then="disconnect"))


def test_a_client_that_stays_silent_is_not_waited_for_forever() -> None:
    with pytest.raises(RequestMalformed):
        received(Receiver([b"a"], then="silence"), within=timedelta(milliseconds=10))


class Order(Struct, kw_only=True):
    email: str
    count: int = 0
    share: float = 0.0
    gift: bool = False
    note: Annotated[str, Meta(max_length=5)] | None = None
    scope: Literal["this", "all"] = "this"
    algorithm: Algorithm = Algorithm.ES256
    roles: Annotated[list[str], Meta(min_length=1, max_length=2)] = field(default_factory=list)
    until: Annotated[datetime, Meta(tz=True)] | None = None
    data: dict[str, str] = {}
    name: str | UnsetType = UNSET


def errors_of(body: bytes) -> list[tuple[str, str]]:
    with pytest.raises(RequestInvalid) as refused:
        read_json(body, JSON, Order)
    return list(refused.value.errors)


def test_a_fitting_object_is_read() -> None:
    body = b'{"email": "a", "count": 3, "share": 1, "roles": ["x"], "until": "2026-01-31T12:00:00Z", "name": "n"}'
    until = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert read_json(body, JSON, Order) == Order(email="a", count=3, share=1.0, roles=["x"], until=until, name="n")
    assert read_json(b'{"email": "\\ud83d\\ude00"}', JSON, Order).email == "😀"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("email", "1", "This must be text."),
        ("email", "null", "This must be text."),
        ("count", '"1"', "This must be a whole number."),
        ("count", "1.5", "This must be a whole number."),
        ("count", "true", "This must be a whole number."),
        ("share", '"x"', "This must be a number."),
        ("gift", "1", "This must be true or false."),
        ("gift", '"true"', "This must be true or false."),
        ("note", '"abcdef"', "This must be text of at most 5 characters."),
        ("note", "[]", "This must be text of at most 5 characters."),
        ("scope", '"others"', "This must be one of all, this."),
        ("algorithm", '"none"', "This must be one of ES256, EdDSA, RS256, HS256."),
        ("roles", "[]", "This must be a list of at least 1 and at most 2 items."),
        ("roles", "[1]", "This must be a list of at least 1 and at most 2 items."),
        ("until", '"tomorrow"', "This must be an instant like 2026-01-31T12:00:00Z."),
        ("until", '"2026-01-31T12:00:00"', "This must be an instant like 2026-01-31T12:00:00Z."),
        ("until", "1769860800", "This must be an instant like 2026-01-31T12:00:00Z."),
        ("data", '{"a": 1}', "This must be an object."),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_what_is_expected(name: str, value: str, reason: str) -> None:
    members = {"email": '"a"'} | {name: value}
    body = "{" + ", ".join(f'"{member}": {text}' for member, text in members.items()) + "}"
    assert errors_of(body.encode()) == [FieldError(name, reason)]


def test_unknown_missing_and_unfit_fields_are_named_together() -> None:
    assert errors_of(b'{"count": "1", "is_admin": true}') == [
        FieldError("is_admin", "This field is not known here."),
        FieldError("email", "This is required."),
        FieldError("count", "This must be a whole number."),
    ]


def test_a_flood_of_unknown_fields_gets_a_short_answer() -> None:
    errors = errors_of(json.encode({f"{'x' * 100}{number}": 1 for number in range(500)}))
    assert len(errors) == 20
    assert all(len(name) <= 64 for name, _ in errors)


class Span(Struct):
    first: int
    last: int

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("secret detail")


def test_fields_that_do_not_fit_together_are_invalid_without_details() -> None:
    with pytest.raises(RequestInvalid) as refused:
        read_json(b'{"first": 2, "last": 1}', JSON, Span)
    assert refused.value.errors == ()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"a"',
        b"1",
        b'{"email": "a"',
        b'{"email": "a"} x',
        b'{"email": "a"}{"email": "b"}',
        b"{'email': 'a'}",
        b'{"email": "a",}',
        b'\xef\xbb\xbf{"email": "a"}',
        b'{"email": "\xff"}',
        '{"email": "a"}'.encode("utf-16"),
        b'{"email": "a", "email": "b"}',
        b'{"email": "a", "\\u0065mail": "b"}',
        b'{"email": "a", "data": {"x": "1", "x": "2"}}',
        b'{"email": "\\ud800"}',
        b'{"email": "\\udc00\\ud800"}',
        b'{"\\ud800": "a"}',
        b'{"email": "a", "data": {"\\ud800": "x"}}',
        b'{"email": "a", "roles": ["\\udfff"]}',
        b'{"email": "a\\u0000b"}',
        b'{"email": "a", "data": {"x": "\\u0000"}}',
        b'{"email": "a\0b"}',
        b'{"email": "a", "count": NaN}',
        b'{"email": "a", "share": 1e999}',
        b"[" * 65_536,
        b'{"a":' * 13_000,
        b'{"count": ' + b"1" * 65_000 + b"}",
    ],
    ids=range(30),
)
def test_what_is_not_one_json_object_read_one_way_is_malformed(body: bytes) -> None:
    began = thread_time()
    with pytest.raises(RequestMalformed):
        read_json(body, JSON, Order)
    assert thread_time() - began < 0.1


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"text/plain; application/json")],
        [(b"content-type", b"text/plain, application/json")],
        [(b"content-type", b"application/json, text/plain")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", b"application/x-www-form-urlencoded")],
        [(b"content-type", b"application/jsonp")],
        [(b"content-type", b"application/json; charset=utf-7")],
        [(b"content-type", b"application/json; charset=utf-16")],
        [(b"content-type", b"application/json; a=b; charset=utf-8")],
        [(b"content-type", b"application/json\xa0")],
        [*JSON, *JSON],
        [*JSON, (b"content-type", b"text/plain")],
    ],
)
def test_json_under_another_content_type_is_refused(headers: list[RawHeader]) -> None:
    with pytest.raises(MediaTypeRefused):
        read_json(b'{"email": "a"}', headers, Order)


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json;charset=UTF-8",
        b'application/json ; charset="utf-8"',
    ],
)
def test_json_may_say_that_it_is_utf_8(content_type: bytes) -> None:
    assert read_json(b'{"email": "a"}', [(b"content-type", content_type)], Order).email == "a"


class Nothing(Struct):
    scope: str = "this"


def test_no_body_at_all_is_an_empty_object_where_that_is_allowed() -> None:
    assert read_json(b"", [], Nothing, may_be_empty=True) == Nothing()
    with pytest.raises(MediaTypeRefused):
        read_json(b"", [], Nothing)
    with pytest.raises(MediaTypeRefused):
        read_json(b"{}", [], Nothing, may_be_empty=True)
    with pytest.raises(RequestMalformed):
        read_json(b"", JSON, Nothing, may_be_empty=True)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_json_or_refused(body: bytes) -> None:
    with suppress(RequestRefused):
        read_json(body, JSON, Order)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*Order.__struct_fields__, "other"])


@given(st.dictionaries(FIELDS, VALUES, max_size=6))
def test_any_object_is_read_with_its_declared_types_or_refused_with_reasons(members: dict[str, Any]) -> None:
    answer: object
    try:
        answer = read_json(json.encode(members), JSON, Order)
    except RequestRefused as refused:
        answer = refused
    if isinstance(answer, Order):
        assert answer.email == members["email"]
        assert type(answer.count) is int
    elif isinstance(answer, RequestInvalid):
        assert answer.errors
        assert all(reason.startswith("This ") and reason.endswith(".") for _, reason in answer.errors)
    else:
        assert isinstance(answer, RequestMalformed)
        assert "\\x00" in repr(members) or repr(members).count("[") + repr(members).count("{") > 64


@given(st.dictionaries(TEXT, TEXT, max_size=5))
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    body = urlencode(fields).encode("ascii")
    if any("\0" in name + value for name, value in fields.items()):
        with pytest.raises(RequestMalformed):
            read_form(body, FORM)
    else:
        assert read_form(body, FORM) == fields


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=", {"a": ""}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=1+2%203", {"a": "1 2 3"}),
        (b"a=%zz", {"a": "%zz"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        ("a=ü".encode(), {"a": "ü"}),
    ],
)
def test_a_form_has_one_meaning(body: bytes, fields: dict[str, str]) -> None:
    assert read_form(body, [(b"content-type", b"application/x-www-form-urlencoded; charset=UTF-8")]) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"a=1&%61=2",
        b"a=&a=",
        b"a",
        b"&",
        b"a=1&",
        b"a=%ff",
        b"a=\xff",
        b"a=%ed%a0%80",
        b"a=%00",
        b"%00=a",
        b"&".join(b"f%d=1" % number for number in range(101)),
        b"&" * 65_000,
        b"a=1&" * 16_000,
        b"%" * 65_000,
    ],
    ids=range(15),
)
def test_a_form_that_could_be_read_in_two_ways_or_not_at_all_is_malformed(body: bytes) -> None:
    began = thread_time()
    with pytest.raises(RequestMalformed):
        read_form(body, FORM)
    assert thread_time() - began < 0.1


@pytest.mark.parametrize("content_type", [b"", b"text/plain", b"multipart/form-data; boundary=x", b"application/json"])
def test_a_form_under_another_content_type_is_refused(content_type: bytes) -> None:
    with pytest.raises(MediaTypeRefused):
        read_form(b"a=1", [(b"content-type", content_type)])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_a_form_or_refused(body: bytes) -> None:
    with suppress(RequestRefused):
        read_form(body, FORM)
