"""The public key of a service that signs instead of showing a secret (RFC 7523): read once, bound to one algorithm."""

from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from coatcheck.model.key import Algorithm
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused

_LONGEST_PEM = 4096


class PublicKeyText(NamedTuple):
    """A public key in its one spelling. ``digest`` names it as the digest of a secret names that."""

    algorithm: Algorithm
    pem: str
    digest: bytes


def read_public_key(pem: str) -> PublicKeyText:
    """Read a PEM public key that somebody gave us.

    P-256 is for ES256, Ed25519 for EdDSA, RSA for RS256, and for nothing else. Raises KeyRefused, whose message says
    why, for a private key, a certificate, another curve, a weak key and everything that is no key.
    """
    text = pem.strip()
    if "PRIVATE KEY" in text:
        raise KeyRefused("this is a private key: keep it, and give the public half")
    if len(text) > _LONGEST_PEM or not text.isascii() or not text.startswith("-----BEGIN PUBLIC KEY-----"):
        raise KeyRefused("a public key in PEM begins with -----BEGIN PUBLIC KEY-----")
    try:
        key = load_pem_public_key(text.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("the public key can't be read") from None
    match key:
        case EllipticCurvePublicKey():
            algorithm = Algorithm.ES256
        case Ed25519PublicKey():
            algorithm = Algorithm.EDDSA
        case RSAPublicKey():
            algorithm = Algorithm.RS256
        case _:
            raise KeyRefused("keys of this kind are not offered: take P-256, Ed25519 or RSA")
    VerificationKey("", algorithm, key)  # refuses weak ones
    spelled = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKeyText(algorithm, spelled, sha256(b"coatcheck public key" + whole).digest())


def verification_key(kid: str, pem: str) -> VerificationKey:
    """The key as it verifies, called ``kid``. Raises KeyRefused."""
    key = load_pem_public_key(pem.encode("ascii"))
    return VerificationKey(kid, read_public_key(pem).algorithm, key)  # type: ignore[arg-type]  # read_public_key knows
