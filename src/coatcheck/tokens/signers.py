"""The prepared keys of the process that issues: unsealed once, remembered by ``kid``."""

from collections.abc import Iterable

from coatcheck.errors import Misconfigured
from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jwt import sign
from coatcheck.tokens.keyring import Signer, VerificationKey
from coatcheck.tokens.sealing import SEALING


class Signers:
    """Signs with the key that a transaction found to be current, and knows the HS256 secrets that no event carries."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._signers: dict[str, Signer] = {}
        self._symmetric: dict[str, VerificationKey] = {}

    def sign(self, claims: AccessClaims, key: SigningKey) -> str:
        """Sign ``claims``. Raises SealBroken when ``key`` was sealed under a secret that is not given any more, and
        ValueError when the token would be larger than a client can carry."""
        signer = self._signers.get(key.kid)
        if signer is None:
            signer = self._signers[key.kid] = Signer.from_signing_key(key, self._secrets)
        return sign(claims, signer)

    def learn(self, keys: tuple[SigningKey, ...]) -> None:
        """Take the store's keys: prepare the HS256 ones for checking, forget what is gone."""
        kids = {key.kid for key in keys}
        for known in [kid for kid in self._signers if kid not in kids]:
            del self._signers[known]
        self._symmetric = {
            key.kid: self._symmetric.get(key.kid) or VerificationKey.from_signing_key(key, self._secrets)
            for key in keys
            if key.algorithm.is_symmetric
        }

    def require_openable(self, keys: Iterable[SigningKey]) -> None:
        """Raise Misconfigured when a key that is still needed was sealed under a secret that is not given: a server
        that starts all the same could let nobody log in."""
        for key in keys:
            is_needed = key.status in (KeyStatus.CURRENT, KeyStatus.UPCOMING) or key.algorithm.is_symmetric
            if is_needed and self._secrets.by_id(SEALING, key.sealed_under) is None:
                raise Misconfigured(
                    f"the signing keys were sealed under another secret, whose id is {key.sealed_under}; give that one "
                    "too, after the current one. If it is lost for good, `coatcheck schema restored` ends every "
                    "session and makes new keys"
                )

    def secret_of(self, kid: str) -> VerificationKey | None:
        """The key that verifies an HS256 ``kid``; None when it is not known here."""
        return self._symmetric.get(kid)
