"""Refresh tokens: ``ccr_…``, long-lived, replaced at every use (RFC 9700 §4.14.2).

    ccr_ base64url( session, 16 bytes ‖ step, 4 ‖ key id, 3 ‖ secret, 32 ‖ tag, 11 )

The first secret of a session is random, every later one follows from the one before:

    secret(g+1) = HMAC-SHA256(key, session ‖ g+1 ‖ secret(g))

So a retry over a bad network, or a racing tab, gets the same successor without anything being remembered for it. Who
has the key alone can't start the chain; who has the table alone sees digests; and both together give nothing, since a
digest is no secret to go on from. The tag only keeps forgeries away from the store.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from secrets import token_bytes
from typing import Final

from coatcheck.errors import TokenInvalid
from coatcheck.model.identifiers import SESSION, identifier_of, random_part
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import KEY_ID_BYTES, DerivedKey, Secrets

REFRESH_PREFIX: Final = "ccr"
"""What refresh tokens are called."""

REFRESH_START: Final = f"{REFRESH_PREFIX}_".encode("ascii")
"""What refresh tokens start with."""

_TAG_PURPOSE: Final = "refresh token"
_CHAIN_PURPOSE: Final = "refresh chain"
_SESSION_BYTES: Final = 16
_STEP_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_TAG_BYTES: Final = 11
_HIGHEST_STEP: Final = 2 ** (8 * _STEP_BYTES) - 1
_KEY_ID_AT: Final = _SESSION_BYTES + _STEP_BYTES
_SECRET_AT: Final = _KEY_ID_AT + KEY_ID_BYTES
_TAG_AT: Final = _SECRET_AT + _SECRET_BYTES
_LENGTH: Final = len(REFRESH_START) + (_TAG_AT + _TAG_BYTES) * 4 // 3


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A genuine refresh token. ``text`` is what the client holds.

    ``chain_key_id`` names the server key that made it: the session's row keeps it (``stepped_with``), so that the same
    successor can be made again. ``digest`` is what the store keeps: SHA-256 of the secret, bound to session and step.
    """

    session_id: str
    step: int
    chain_key_id: str
    secret: bytes = field(repr=False)
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What the store keeps in place of the secret."""
        return sha256(b"coatcheck refresh" + _place(self.session_id, self.step) + self.secret).digest()


class RefreshTokens:
    """Makes refresh tokens, their successors, and reads them back."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def first(self, session_id: str, step: int = 1) -> RefreshToken:
        """A token with a fresh random secret, for a new login or after all credentials were replaced.

        Raises ValueError when ``session_id`` names no session or ``step`` is not an unsigned number of 32 bits.
        """
        if identifier_of(SESSION, random_part(session_id)) != session_id:
            raise ValueError("not an identifier of a session")
        return self._tagged(session_id, step, token_bytes(_SECRET_BYTES), self._secrets.current(_TAG_PURPOSE))

    def successor(self, token: RefreshToken, chain_key_id: str | None = None) -> RefreshToken:
        """The token that ``token`` is exchanged for: always the same one under the same key.

        ``chain_key_id`` names the key of an exchange that has been made before; None means the current one. Raises
        TokenInvalid when that key is gone, or after 4,294,967,295 steps: the person logs in again.
        """
        step = token.step + 1
        key_id = self._secrets.current(_CHAIN_PURPOSE).id if chain_key_id is None else chain_key_id
        chain_key = self._secrets.by_id(_CHAIN_PURPOSE, key_id)
        tag_key = self._secrets.by_id(_TAG_PURPOSE, key_id)
        if chain_key is None or tag_key is None or step > _HIGHEST_STEP:
            raise TokenInvalid
        secret = hmac_digest(chain_key.key, _place(token.session_id, step) + token.secret, "sha256")
        return self._tagged(token.session_id, step, secret, tag_key)

    def read(self, text: bytes | str) -> RefreshToken:
        """Read a token that a client presented. Raises TokenInvalid for anything that we have not made."""
        try:
            token = text.encode("ascii") if isinstance(text, str) else text
            is_ours = len(token) == _LENGTH and token.startswith(REFRESH_START)
            body = decode(token[len(REFRESH_START) :]) if is_ours else b""
        except ValueError:
            raise TokenInvalid from None
        key = self._secrets.by_id(_TAG_PURPOSE, encode(body[_KEY_ID_AT:_SECRET_AT]).decode("ascii"))
        if key is None or not compare_digest(_tag(key, body[:_TAG_AT]), body[_TAG_AT:]):
            raise TokenInvalid
        return RefreshToken(
            session_id=identifier_of(SESSION, body[:_SESSION_BYTES]),
            step=int.from_bytes(body[_SESSION_BYTES:_KEY_ID_AT]),
            chain_key_id=key.id,
            secret=body[_SECRET_AT:_TAG_AT],
            text=token.decode("ascii"),
        )

    @staticmethod
    def _tagged(session_id: str, step: int, secret: bytes, key: DerivedKey) -> RefreshToken:
        tagged = _place(session_id, step) + decode(key.id.encode("ascii")) + secret
        text = (REFRESH_START + encode(tagged + _tag(key, tagged))).decode("ascii")
        return RefreshToken(session_id=session_id, step=step, chain_key_id=key.id, secret=secret, text=text)


def _place(session_id: str, step: int) -> bytes:
    if not 0 <= step <= _HIGHEST_STEP:
        raise ValueError("the step must be an unsigned number of 32 bits")
    return random_part(session_id) + step.to_bytes(_STEP_BYTES)


def _tag(key: DerivedKey, tagged: bytes) -> bytes:
    return hmac_digest(key.key, REFRESH_START + tagged, "sha256")[:_TAG_BYTES]
