"""How this service proves to the server who it is."""

from collections.abc import Mapping
from math import inf
from secrets import token_urlsafe
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import DecodeError, Struct, json

from coatcheck.clock import Clock
from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.feed import Counter, feed_audience
from coatcheck.model.key import Algorithm
from coatcheck.tokens.assertion import ASSERTION_TYPE
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.signatures import PrivateKey, signing
from coatcheck.tokens.weak_keys import KeyRefused
from coatcheck.verify.http import FORM, Http

_ASSERTED_FOR: Final = 60
"""Seconds that an assertion may take on its way."""

_RENEW_BEFORE: Final = 60.0
"""Seconds before its end that an access token is replaced."""

_WITHIN: Final = 2.5


class Proof(NamedTuple):
    """What goes with a request to an endpoint of OAuth: headers, and parameters of its form. Has no repr."""

    headers: Mapping[str, str]
    form: Mapping[str, str]

    def __repr__(self) -> str:
        return "Proof(…)"


class Credential(Protocol):
    """What proves it. Every method may block, and raises StoreUnavailable where the server has to be asked and can't
    be."""

    def bearer(self, http: Http) -> str:
        """What opens the feed, in ``Authorization: Bearer``."""
        ...

    def proof(self) -> Proof:
        """What proves it where tokens are asked about."""
        ...

    def refused(self) -> None:
        """The server did not take the last one: the next is to be a new one."""
        ...


class Secret:
    """A service's secret, ``ccx_…``, as it was shown when it was made. Raises Misconfigured for what can't be one."""

    def __init__(self, secret: str) -> None:
        text = secret.strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise Misconfigured("credential must be the secret of a service, as it was shown when it was made")
        self._secret = text

    def bearer(self, http: Http) -> str:  # noqa: ARG002
        """The secret itself."""
        return self._secret

    def proof(self) -> Proof:
        """The secret, in a header."""
        return Proof({"authorization": f"Bearer {self._secret}"}, {})

    def refused(self) -> None:
        """There is no other."""


class _TokenAnswer(Struct, frozen=True):
    access_token: str
    expires_in: Counter


class _Held(NamedTuple):
    """An access token, and until when on the steady clock it is used. Has no repr."""

    token: str
    good_until: float

    def __repr__(self) -> str:
        return "_Held(…)"


_NONE: Final = _Held("", -inf)


class SigningCredential:
    """A private key, whose public half the server knows (``private_key_jwt``, RFC 7523 §2.2): the feed is opened by
    access tokens that are got with it. ``issuer`` is what the server calls itself.

    Raises Misconfigured for a key that can't be read, or of a kind that the server takes none of.
    """

    def __init__(self, client_id: str, pem: str, issuer: str, clock: Clock) -> None:
        if not client_id.isascii() or not client_id.isprintable() or not client_id:
            raise Misconfigured("credential must be (the service's id, its private key as PEM)")
        algorithm, key = _read_key(pem)
        try:
            self._sign = signing(algorithm, key)
        except KeyRefused:
            raise Misconfigured("the private key is too weak, or of a curve that is not offered") from None
        self._header = encode(json.encode({"alg": algorithm.value, "typ": "JWT"}))
        self._client_id = client_id
        self._issuer = issuer
        self._clock = clock
        self._held = _NONE  # without a lock, which a fork would leave shut: racing calls get one token each

    def bearer(self, http: Http) -> str:
        """An access token for the feed: the last one, or another where that is refused or nearly over."""
        held = self._held
        if self._clock.steady() >= held.good_until:
            held = self._held = self._renewed(http)
        return held.token

    def proof(self) -> Proof:
        """A fresh assertion, which is good once."""
        return Proof({}, {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()})

    def refused(self) -> None:
        """The next token is to be a new one."""
        self._held = _NONE

    def _renewed(self, http: Http) -> "_Held":
        form = {"grant_type": "client_credentials", "audience": feed_audience(self._issuer), **self.proof().form}
        asked_at = self._clock.steady()
        answered = http.request(
            "POST", "api/token", headers={"content-type": FORM}, body=urlencode(form).encode(), within=_WITHIN
        )
        if answered.status != 200:
            raise StoreUnavailable(f"{self._issuer} gives this service no token (status {answered.status}).")
        try:
            told = json.decode(answered.body, type=_TokenAnswer)
        except DecodeError:
            raise StoreUnavailable(f"What {self._issuer} answers is not understood here.") from None
        return _Held(told.access_token, asked_at + max(told.expires_in / 2, told.expires_in - _RENEW_BEFORE))

    def _assertion(self) -> str:
        now = int(self._clock.wall())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._issuer,
            "iat": now,
            "exp": now + _ASSERTED_FOR,
            "jti": token_urlsafe(16),
        }
        message = self._header + b"." + encode(json.encode(claims))
        return (message + b"." + encode(self._sign(message))).decode("ascii")


def _read_key(pem: str) -> tuple[Algorithm, PrivateKey]:
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misconfigured("the private key can't be read: it must be PEM, without a passphrase") from None
    match key:
        case EllipticCurvePrivateKey():
            return Algorithm.ES256, key
        case Ed25519PrivateKey():
            return Algorithm.EDDSA, key
        case RSAPrivateKey():
            return Algorithm.RS256, key
    raise Misconfigured("the private key is of a kind that is not offered")
