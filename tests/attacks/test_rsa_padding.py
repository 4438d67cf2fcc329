"""JW-28, JW-29: RSA signatures with another padding (Bleichenbacher 2006), another hash, or another length.

The 213 cases of ModifiedPadding in Wycheproof run in ``tests/vectors``; these are the same tricks on our own key.
"""

import hashlib
from collections.abc import Callable
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from coatcheck.model.key import Algorithm
from tests.tokens.specimens import always, assert_accepted, assert_refused, compact, header, private_key

PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
PREFIX_WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
PREFIX_SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")
KEY = cast("RSAPrivateKey", private_key(Algorithm.RS256)).private_numbers()
N, D = KEY.public_numbers.n, KEY.d


def padded(message: bytes) -> bytes:
    tail = PREFIX + hashlib.sha256(message).digest()
    return b"\0\1" + b"\xff" * (253 - len(tail)) + b"\0" + tail


def raised(block: bytes) -> bytes:
    return pow(int.from_bytes(block), D, N).to_bytes(256)


def digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


BLOCKS: dict[str, Callable[[bytes], bytes]] = {
    "garbage after the hash": lambda m: b"\0\1" + b"\xff" * 8 + b"\0" + (PREFIX + digest(m)).ljust(245, b"\x5a"),
    "short padding": lambda m: (b"\0\1" + b"\xff" * 8 + b"\0" + PREFIX + digest(m)).rjust(256, b"\0"),
    "encryption block": lambda m: b"\0\2" + padded(m)[2:],
    "type zero": lambda m: b"\0\0" + padded(m)[2:],
    "another first byte": lambda m: b"\1\1" + padded(m)[2:],
    "a hole in the padding": lambda m: padded(m)[:20] + b"\xfe" + padded(m)[21:],
    "no separator": lambda m: padded(m).replace(b"\0" + PREFIX, b"\xff" + PREFIX),
    "no parameters": lambda m: b"\0\1" + b"\xff" * 204 + b"\0" + PREFIX_WITHOUT_NULL + digest(m),
    "no algorithm": lambda m: b"\0\1" + b"\xff" * 221 + b"\0" + digest(m),
    "SHA-1": lambda m: b"\0\1" + b"\xff" * 218 + b"\0" + PREFIX_SHA1 + hashlib.sha1(m).digest(),  # noqa: S324
    "the hash of nothing": lambda _: padded(b""),
    "zeros": lambda _: bytes(256),
    "one": lambda _: bytes(255) + b"\1",
}


def test_the_right_padding_made_by_hand_is_accepted() -> None:
    assert_accepted(compact(header(Algorithm.RS256), sign_with=lambda message: raised(padded(message))))


@pytest.mark.parametrize("trick", BLOCKS)
def test_another_padding_is_refused(trick: str) -> None:
    assert len(BLOCKS[trick](b"message")) == 256
    assert_refused(compact(header(Algorithm.RS256), sign_with=lambda message: raised(BLOCKS[trick](message))))


@pytest.mark.parametrize(
    "change",
    [
        lambda signature: signature + b"\0",
        lambda signature: b"\0" + signature,
        lambda signature: signature[:-1],
        lambda signature: signature[1:],
        lambda signature: (int.from_bytes(signature) + N).to_bytes(257),
        lambda signature: (N - int.from_bytes(signature)).to_bytes(256),
        lambda _: N.to_bytes(256),
        lambda _: (N - 1).to_bytes(256),
        lambda _: b"\xff" * 256,
        always(b""),
    ],
)
def test_a_signature_of_another_length_or_out_of_range_is_refused(change: Callable[[bytes], bytes]) -> None:
    assert_refused(compact(header(Algorithm.RS256), sign_with=lambda message: change(raised(padded(message)))))
