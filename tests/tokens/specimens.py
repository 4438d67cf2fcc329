"""Keys, claims and tokens for tests: good ones, and the raw parts from which bad ones are put together."""

import hmac
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec
import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jwt import UnknownKey, sign, verify
from coatcheck.tokens.keyring import Signer, VerificationKey, generate
from coatcheck.tokens.signatures import PrivateKey

NOW = 1_800_000_000
ISSUER = "https://auth.example.com/auth"
AUDIENCE = "https://orders.example.com"
SECRETS = Secrets(["the current secret of these tests, 1", "a former secret of these tests, 0000"])
ASYMMETRIC = (Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256)


@cache
def private_key(algorithm: Algorithm) -> PrivateKey:
    """One key per algorithm, made once."""
    return generate(algorithm)


def kid_of(algorithm: Algorithm) -> str:
    return f"key_{algorithm.value.lower()}"


@cache
def signer(algorithm: Algorithm) -> Signer:
    return Signer(kid_of(algorithm), algorithm, private_key(algorithm))


@cache
def verification_key(algorithm: Algorithm) -> VerificationKey:
    private = private_key(algorithm)
    return VerificationKey(
        kid_of(algorithm), algorithm, private if isinstance(private, bytes) else private.public_key()
    )


def find_key(kid: str) -> VerificationKey | None:
    """The checker's keys: all four are valid."""
    return next((verification_key(algorithm) for algorithm in Algorithm if kid_of(algorithm) == kid), None)


def claims(**changes: Any) -> AccessClaims:
    good: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "exp": NOW + 600,
        "iat": NOW,
        "jti": "0123456789abcdef",
        "sid": "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "client_id": "coatcheck",
        "scope": "",
        "roles": ("editor",),
        "auth_time": NOW - 60,
        "amr": ("pwd",),
        "gen": 1,
        "ver": 1,
        "all": 0,
        "pos": "1-0a1b2c3d.17",
    }
    return AccessClaims(**(good | changes))


def members(**changes: Any) -> dict[str, Any]:
    """The claims as JSON members, for payloads that no AccessClaims could hold."""
    return json.loads(msgspec.json.encode(claims())) | changes


def token(algorithm: Algorithm = Algorithm.ES256, /, **changes: Any) -> bytes:
    """A good access token."""
    return sign(claims(**changes), signer(algorithm)).encode("ascii")


def header(algorithm: Algorithm = Algorithm.ES256, /, **changes: Any) -> dict[str, Any]:
    return {"alg": algorithm.value, "kid": kid_of(algorithm), "typ": "at+jwt"} | changes


def compact(
    head: Mapping[str, Any] | bytes,
    payload: Mapping[str, Any] | bytes | None = None,
    sign_with: Callable[[bytes], bytes] | Algorithm = Algorithm.ES256,
) -> bytes:
    """Put a token together by hand and sign it well, whatever it says."""
    raw_head = head if isinstance(head, bytes) else json.dumps(head).encode()
    said = members() if payload is None else payload
    raw_payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    message = encode(raw_head) + b"." + encode(raw_payload)
    signing = signer(sign_with).sign if isinstance(sign_with, Algorithm) else sign_with
    return message + b"." + encode(signing(message))


def always(signature: bytes) -> Callable[[bytes], bytes]:
    """Signs every message alike."""
    return lambda _: signature


def hmac_with(secret: bytes, hash_name: str = "sha256") -> Callable[[bytes], bytes]:
    """Signs with a secret that no key could be made of."""
    return lambda message: hmac.digest(secret, message, hash_name)


def parts(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, payload and signature, decoded."""
    head, payload, signature = text.split(b".")
    return decode(head), decode(payload), decode(signature)


def assert_refused(
    text: bytes, keys: Callable[[str], VerificationKey | None] = find_key, *, unknown_key: bool = False
) -> None:
    """The token is refused like any other bad one: the same error, the same words."""
    with pytest.raises(TokenInvalid) as caught:
        verify(text, keys)
    assert caught.type is (UnknownKey if unknown_key else TokenInvalid)
    assert caught.value.args == TokenInvalid().args
    assert caught.value.code == "token.invalid"
    assert caught.value.status == 401


def assert_accepted(text: bytes) -> None:
    assert verify(text, find_key).claims.iss == ISSUER


_OUTSIDE = (
    "open",
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "sqlite3.",
    "urllib.",
    "ftplib.",
)
_heard: list[str] | None = None


def _hear(event: str, _arguments: tuple[object, ...]) -> None:
    if _heard is not None and event.startswith(_OUTSIDE):
        _heard.append(event)


sys.addaudithook(_hear)


@contextmanager
def no_outside_world() -> Iterator[None]:
    """No file is opened, no name resolved, no connection made and no process started inside this block."""
    global _heard
    heard: list[str] = []
    _heard = heard
    try:
        yield
    finally:
        _heard = None
    assert heard == []
