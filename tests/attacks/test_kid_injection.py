"""JW-14, JW-15, JW-16, JW-17, JW-18: a ``kid`` that is a path, a query, a command, or simply odd.

It is the one thing in a token that is looked up before the signature. So it must be a short plain name; nothing is
opened, queried or started for it, and there is no default key.
"""

from pathlib import Path
from typing import Any

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens.keyring import VerificationKey
from tests.tokens.specimens import assert_refused, compact, find_key, header, hmac_with, kid_of, no_outside_world

FILES = ["/dev/null", "../../../../dev/null", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/hostname", __file__]
INJECTIONS = [
    "x' UNION SELECT 'secret' -- ",
    "x'; DROP TABLE keys; --",
    '{"$ne": null}',
    "*)(uid=*))(|(uid=*",
    "|sleep 10",
    "$(sleep 10)",
    "`sleep 10`",
    "key_es256|/usr/bin/sleep 10",
    "key_es256\n",
    "%00",
    "key_es256%00",
]


def content_of(path: str) -> bytes:
    found = Path(path)
    return found.read_bytes() if found.exists() else b""


@pytest.mark.parametrize("path", FILES)
def test_a_file_named_by_the_kid_is_not_the_key(path: str) -> None:
    content = content_of(path)
    forged = [
        compact(
            header(alg="HS256", kid=path),
            sign_with=hmac_with(secret),
        )
        for secret in (content, content.rstrip(b"\n"), b"")
    ]
    known = find_key(kid_of(Algorithm.HS256))
    with no_outside_world():
        for text in forged:
            assert_refused(text, lambda kid: known if kid == "key_hs256" else None, unknown_key=path.isascii())


@pytest.mark.parametrize("kid", INJECTIONS)
def test_an_injection_is_not_even_looked_up(kid: str) -> None:
    def find(_: str) -> VerificationKey | None:
        raise AssertionError("looked up")

    with no_outside_world():
        assert_refused(compact(header(kid=kid)), find)


@pytest.mark.parametrize(
    "kid",
    [
        "",
        None,
        "*",
        5,
        1.5,
        True,
        ["key_es256"],
        {"kid": "key_es256"},
        "k" * 10_000,
        "k" * 129,
        "key_es256\0",
        "\u043aey_es256",
        "key es256",
    ],
)
def test_an_odd_kid_is_refused_without_a_look_up(kid: Any) -> None:
    def find(_: str) -> VerificationKey | None:
        raise AssertionError("looked up")

    assert_refused(compact(header(kid=kid)), find)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_without_a_kid_no_key_is_tried(algorithm: Algorithm) -> None:
    def find(_: str) -> VerificationKey | None:
        raise AssertionError("looked up")

    assert_refused(compact({"alg": algorithm.value, "typ": "at+jwt"}, sign_with=algorithm), find)


@pytest.mark.parametrize("kid", ["default", "KEY_ES256", "key_es25", "key_es2566", "0"])
def test_there_is_no_default_key(kid: str) -> None:
    assert_refused(compact(header(kid=kid)), unknown_key=True)
