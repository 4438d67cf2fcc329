import pytest

from coatcheck.tokens.strict_json import read_object


def test_an_object_is_read() -> None:
    assert read_object(b' {"a": [1, {"b": null}], "\xc3\xa9": 1.5}\n') == {"a": [1, {"b": None}], "é": 1.5}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"5",
        b"{}{}",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":\x00}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_object(raw)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_no_text_is_deep_enough_to_exhaust_the_stack(opening: bytes) -> None:
    with pytest.raises(ValueError, match="too many brackets"):
        read_object(b'{"a":' + opening * 100_000)
