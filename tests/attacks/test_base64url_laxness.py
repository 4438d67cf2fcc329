"""JW-37: other spellings of the same bytes (RFC 7515 §2). jwcrypto, Authlib and python-jose each accept some."""

import json
from collections.abc import Iterator

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import encode
from tests.tokens.specimens import assert_accepted, assert_refused, header, members, signer, token

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SEGMENTS = {"header": 0, "payload": 1, "signature": 2}


def respelled(segment: bytes) -> Iterator[bytes]:
    yield segment + b"="
    yield segment + b"=="
    yield segment + b"===="
    yield segment + b"\n"
    yield b" " + segment
    yield segment[:5] + b"\r\n" + segment[5:]
    yield segment[:5] + b"\t" + segment[5:]
    for odd in b"?!.,%\0\xff":
        yield segment[:5] + bytes((odd,)) + segment[5:]
        yield segment + bytes((odd,))
    yield b"%%%02x" % segment[0] + segment[1:]
    unused = {0: 0, 2: 4, 3: 2}[len(segment) % 4]
    last = ALPHABET.index(segment[-1])
    for bits in range(1, 1 << unused):
        yield segment[:-1] + ALPHABET[last | bits :][:1]


@pytest.mark.parametrize("where", SEGMENTS)
@pytest.mark.parametrize("algorithm", Algorithm)
def test_another_spelling_of_a_genuine_token_is_refused(algorithm: Algorithm, where: str) -> None:
    for filler in ("", "x", "xx"):
        segments = token(algorithm, jti="jti" + filler).split(b".")
        good = segments[SEGMENTS[where]]
        for bad in respelled(good):
            segments[SEGMENTS[where]] = bad
            assert_refused(b".".join(segments))


@pytest.mark.parametrize("where", ["header", "payload"])
def test_another_spelling_is_refused_even_when_it_is_what_was_signed(where: str) -> None:
    for filler in ("", "x", "xx"):
        head = encode(json.dumps(header(kid="key_es256"), indent=len(filler) or None).encode())
        payload = encode(json.dumps(members(jti="jti" + filler)).encode())
        assert_accepted(_signed(head + b"." + payload))
        for bad in respelled(head if where == "header" else payload):
            assert_refused(_signed(bad + b"." + payload if where == "header" else head + b"." + bad))


def test_the_standard_alphabet_is_refused() -> None:
    text = token(Algorithm.EDDSA)
    while b"-" not in text or b"_" not in text:
        text = token(Algorithm.EDDSA, jti=text[-8:].decode())
    assert_accepted(text)
    assert_refused(text.replace(b"-", b"+"))
    assert_refused(text.replace(b"_", b"/"))


def _signed(message: bytes) -> bytes:
    return message + b"." + encode(signer(Algorithm.ES256).sign(message))
