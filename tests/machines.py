"""Services and API keys for tests of a ``tests.site.Site``: how a program would use them."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import json

from coatcheck.model.identifiers import new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.tokens.assertion import ASSERTION_TYPE
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.signatures import PrivateKey, signing
from tests.site import API, Site

ISSUER = "https://app.example.com/auth"


def pem_of(private: Any) -> str:
    """The public half, as an administrator is given it."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def new_pair() -> tuple[Any, str]:
    """A P-256 key and its public half."""
    private = generate_private_key(SECP256R1())
    return private, pem_of(private)


def assertion(
    site: Site,
    private: PrivateKey,
    service_id: str,
    *,
    kid: str | None = None,
    typ: str | None = "JWT",
    algorithm: Algorithm = Algorithm.ES256,
    header: Mapping[str, str] | None = None,
    **claims: Any,
) -> str:
    """A client assertion, good now unless ``claims`` say otherwise; what is None is left out."""
    now = int(site.clock.now.timestamp())
    said = {
        "iss": service_id,
        "sub": service_id,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": new_identifier("jti"),
        **claims,
    }
    members = {"alg": algorithm.value, "kid": kid, "typ": typ, **(header or {})}
    message = b".".join(
        encode(json.encode({name: value for name, value in part.items() if value is not None}))
        for part in (members, said)
    )
    return (message + b"." + encode(signing(algorithm, private)(message))).decode()


def by_basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of ``client_secret_basic``."""
    return {"authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


def by_assertion(text: str) -> dict[str, str]:
    """The members of ``private_key_jwt``."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


async def ask_token(
    site: Site, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Ask for a token of a service's own."""
    asked = {"grant_type": "client_credentials", **(form or {})}
    return await site.client().post(f"{API}/token", data=asked, headers=dict(headers or {}))


async def introspect(site: Site, token: str, headers: Mapping[str, str], **form: str) -> httpx2.Response:
    """Ask about a token."""
    return await site.client().post(f"{API}/introspect", data={"token": token, **form}, headers=dict(headers))


async def revoke(site: Site, token: str, headers: Mapping[str, str] | None = None, **form: str) -> httpx2.Response:
    """Revoke a token."""
    return await site.client().post(f"{API}/revoke", data={"token": token, **form}, headers=dict(headers or {}))
