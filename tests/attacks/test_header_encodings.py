"""JW-38, JW-39: headers and payloads in another encoding, of another JSON type, or too deep, too large, too strange."""

import json
from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from tests.tokens.specimens import assert_accepted, assert_refused, compact, header, members

TEXT = json.dumps(header())
CLAIMS = json.dumps(members())
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7", "utf-8-sig", "cp037"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    if (changed := TEXT.encode(encoding)) != TEXT.encode():
        assert_refused(compact(changed))
    if (changed := CLAIMS.encode(encoding)) != CLAIMS.encode():
        assert_refused(compact(header(), changed))


@pytest.mark.parametrize("odd", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\0"])
def test_bytes_that_are_no_utf_8_are_refused(odd: bytes) -> None:
    assert_refused(compact(TEXT.replace("at+jwt", "at+jwt@").encode().replace(b"@", odd)))
    assert_refused(compact(header(), CLAIMS.replace("editor", "@").encode().replace(b"@", odd)))
    assert_refused(compact(header(), CLAIMS.encode()[:-1] + b',"x":"' + odd + b'"}'))


def test_an_escaped_lone_surrogate_is_no_text() -> None:
    assert_refused(compact(TEXT.replace("at+jwt", "\\ud800").encode()))
    assert_refused(compact(header(), CLAIMS.replace("editor", "\\ud800").encode()))


def test_whitespace_around_the_object_is_json_and_accepted() -> None:
    assert_accepted(compact(f" \n{TEXT}\t".encode()))
    assert_accepted(compact(header(), f" \n{CLAIMS}\t".encode()))


OTHERS = [
    b"[]",
    b'["alg"]',
    b'"ES256"',
    b"5",
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"",
    b"{}",
    b"{",
]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_object_is_refused(other: bytes) -> None:
    assert_refused(compact(other))
    assert_refused(compact(header(), other))


@pytest.mark.parametrize(
    "value", [b"NaN", b"Infinity", b"1e999", b"-1e999", b"9" * 4400, b"[" * 3000 + b"]" * 3000, b"01"]
)
@pytest.mark.parametrize("where", ["header", "payload"])
def test_a_strange_value_is_refused(value: bytes, where: str) -> None:
    if where == "header":
        assert_refused(compact(TEXT.encode()[:-1] + b',"x":' + value + b"}"))
    else:
        assert_refused(compact(header(), CLAIMS.encode()[:-1] + b',"x":' + value + b"}"))


@pytest.mark.parametrize("algorithm", [Algorithm.HS256])
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("depth", [100, 900, 1100])
def test_nesting_never_exhausts_the_stack(algorithm: Algorithm, opening: bytes, depth: int) -> None:
    for closing in (b"", {b"[": b"]", b'{"a":': b"}", b'[{"a":': b"}]"}[opening] * depth):
        deep = opening * depth + (b"1" if closing else b"") + closing
        assert_refused(compact(header(algorithm), deep, algorithm))
        assert_refused(compact(header(algorithm), CLAIMS.encode()[:-1] + b',"x":' + deep + b"}", algorithm))
        assert_refused(compact(deep, sign_with=algorithm))


def test_a_member_of_the_header_must_be_text() -> None:
    for name in ("alg", "kid", "typ"):
        values: list[Any] = [None, 1, 1.0, True, [], {}, [header()[name]]]
        for value in values:
            assert_refused(compact(header(**{name: value})))


def test_a_long_header_is_refused() -> None:
    assert_refused(compact(TEXT.encode() + b" " * 1000))
