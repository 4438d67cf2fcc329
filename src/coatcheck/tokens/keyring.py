"""Keys that sign and keys that verify, prepared once and bound to one algorithm and one use (RFC 8725 §3.1).

A Signer can't verify and a VerificationKey can't sign; neither can be talked into another algorithm by a token.
"""

from datetime import datetime
from secrets import token_bytes
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_public_key,
)

from coatcheck.model.event import KeyAdded
from coatcheck.model.identifiers import KEY, new_identifier
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.sealing import SEALING, SealBroken, seal, unseal
from coatcheck.tokens.signatures import PrivateKey, PublicKey, Sign, Verify, signing, verifying
from coatcheck.tokens.weak_keys import KeyRefused

_RSA_BITS: Final = 2048
_RSA_EXPONENT: Final = 65537
_SECRET_BYTES: Final = 32


def generate(algorithm: Algorithm) -> PrivateKey:
    """A fresh private key; 32 random bytes for HS256."""
    match algorithm:
        case Algorithm.ES256:
            return ec.generate_private_key(ec.SECP256R1())
        case Algorithm.EDDSA:
            return Ed25519PrivateKey.generate()
        case Algorithm.RS256:
            return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
        case Algorithm.HS256:
            return token_bytes(_SECRET_BYTES)


def new_signing_key(
    algorithm: Algorithm, secrets: Secrets, *, now: datetime, usable_from: datetime, status: KeyStatus
) -> SigningKey:
    """A fresh key as the store keeps it, sealed under the current secret."""
    kid = new_identifier(KEY)
    private = generate(algorithm)
    sealing = secrets.current(SEALING)
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        status=status,
        public_key=_public_pem(private),
        sealed_private_key=seal(_private_bytes(private), kid, algorithm, sealing),
        sealed_under=sealing.id,
        created_at=now,
        usable_from=usable_from,
        status_since=now,
    )


class Signer:
    """A key that is ready to sign. ``sign`` takes the message and returns the signature.

    Raises KeyRefused when ``private`` is weak or of another kind than ``algorithm`` wants.
    """

    __slots__ = ("algorithm", "kid", "sign")

    def __init__(self, kid: str, algorithm: Algorithm, private: PrivateKey) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.sign: Sign = signing(algorithm, private)

    def __repr__(self) -> str:
        return f"<Signer {self.kid} {self.algorithm.value}>"

    @classmethod
    def from_signing_key(cls, key: SigningKey, secrets: Secrets) -> "Signer":
        """The signing half of a stored key.

        Raises SealBroken when it does not open, and ValueError when it is not the current one: an upcoming key is not
        known everywhere yet, and a retired or revoked one has signed its last.
        """
        if key.status is not KeyStatus.CURRENT:
            raise ValueError("only the current key signs")
        return cls(key.kid, key.algorithm, _open(key, secrets))


class VerificationKey:
    """A key that is ready to verify. ``verifies`` takes signature and message, and answers.

    ``key`` is a public key, or the secret of HS256. Raises KeyRefused when it is weak (RSA below 2048 bits, an exponent
    of 1, another curve, a secret below 32 bytes) or of another kind than ``algorithm`` wants.
    """

    __slots__ = ("algorithm", "kid", "public_key", "verifies")

    def __init__(self, kid: str, algorithm: Algorithm, key: PublicKey | bytes) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.public_key = None if isinstance(key, bytes) else key
        self.verifies: Verify = verifying(algorithm, key)

    def __repr__(self) -> str:
        return f"<VerificationKey {self.kid} {self.algorithm.value}>"

    @classmethod
    def from_event(cls, added: KeyAdded) -> "VerificationKey":
        """The key that an event announces. Raises KeyRefused, also for HS256, whose secret is in no event."""
        try:
            algorithm = Algorithm(added.algorithm)
        except ValueError:
            raise KeyRefused("the algorithm of the key is not offered") from None
        return cls(added.kid, algorithm, _public_key(added.public_key))

    @classmethod
    def from_signing_key(cls, key: SigningKey, secrets: Secrets) -> "VerificationKey":
        """The verifying half of a stored key; for HS256 the unsealed secret. Raises KeyRefused or SealBroken."""
        if not key.algorithm.is_symmetric:
            return cls(key.kid, key.algorithm, _public_key(key.public_key))
        secret = _open(key, secrets)
        if not isinstance(secret, bytes):
            raise SealBroken
        return cls(key.kid, key.algorithm, secret)


def _open(key: SigningKey, secrets: Secrets) -> PrivateKey:
    sealing = secrets.by_id(SEALING, key.sealed_under)
    if sealing is None:
        raise SealBroken
    private = unseal(key.sealed_private_key, key.kid, key.algorithm, sealing)
    if key.algorithm.is_symmetric:
        return private
    loaded = load_der_private_key(private, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise SealBroken
    return loaded


def _public_key(pem: str | None) -> PublicKey:
    if pem is None:
        raise KeyRefused("the key has no public half")
    try:
        return load_pem_public_key(pem.encode("ascii"))  # type: ignore[return-value]  # verifying() refuses other kinds
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("the public key can't be read") from None


def _private_bytes(private: PrivateKey) -> bytes:
    if isinstance(private, bytes):
        return private
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(private: PrivateKey) -> str | None:
    if isinstance(private, bytes):
        return None
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
