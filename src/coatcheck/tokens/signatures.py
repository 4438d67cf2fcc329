"""The four signature algorithms, each as one prepared function (RFC 7518 §3, RFC 8037 §3.1).

Keys are examined here, once; after that a function signs or verifies by one algorithm with one key and nothing else.
"""

from collections.abc import Callable
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from coatcheck.model.key import Algorithm
from coatcheck.tokens.weak_keys import (
    KeyRefused,
    require_full_order,
    require_p256,
    require_strong_rsa,
    require_strong_secret,
)

PublicKey: TypeAlias = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
"""The public half, of ES256, EdDSA or RS256."""

PrivateKey: TypeAlias = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey | bytes
"""What signs; bytes for HS256."""

Sign: TypeAlias = Callable[[bytes], bytes]
"""message → signature"""

Verify: TypeAlias = Callable[[bytes, bytes], bool]
"""signature, message → whether it is one"""

_ECDSA: Final = ECDSA(SHA256())
_SHA256: Final = SHA256()
_PKCS1: Final = PKCS1v15()
_P256_BYTES: Final = 32
_RAW_SIGNATURE_BYTES: Final = 64


def signing(algorithm: Algorithm, key: PrivateKey) -> Sign:
    """The function that signs with ``key``. Raises KeyRefused when the key does not fit the algorithm."""
    if algorithm is Algorithm.HS256 and isinstance(key, bytes):
        require_strong_secret(key)
        return lambda message: hmac_digest(key, message, "sha256")
    if algorithm is Algorithm.ES256 and isinstance(key, EllipticCurvePrivateKey):
        require_p256(key.public_key())
        return lambda message: _raw_from_der(key.sign(message, _ECDSA))
    if algorithm is Algorithm.EDDSA and isinstance(key, Ed25519PrivateKey):
        return key.sign
    if algorithm is Algorithm.RS256 and isinstance(key, RSAPrivateKey):
        require_strong_rsa(key.public_key())
        return lambda message: key.sign(message, _PKCS1, _SHA256)
    raise KeyRefused("the key is of another kind than its algorithm")


def verifying(algorithm: Algorithm, key: PublicKey | bytes) -> Verify:
    """The function that verifies with ``key``. Raises KeyRefused when the key is weak or does not fit the algorithm."""
    if algorithm is Algorithm.HS256 and isinstance(key, bytes):
        require_strong_secret(key)
        return lambda signature, message: compare_digest(hmac_digest(key, message, "sha256"), signature)
    if algorithm is Algorithm.ES256 and isinstance(key, EllipticCurvePublicKey):
        require_p256(key)
        return _verifying_es256(key)
    if algorithm is Algorithm.EDDSA and isinstance(key, Ed25519PublicKey):
        require_full_order(key.public_bytes_raw())
        return _verifying_eddsa(key)
    if algorithm is Algorithm.RS256 and isinstance(key, RSAPublicKey):
        require_strong_rsa(key)
        return _verifying_rs256(key)
    raise KeyRefused("the key is of another kind than its algorithm")


def _verifying_es256(key: EllipticCurvePublicKey) -> Verify:
    verify = key.verify

    def verifies(signature: bytes, message: bytes) -> bool:
        if len(signature) != _RAW_SIGNATURE_BYTES:
            return False
        try:
            verify(_der_from_raw(signature), message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return verifies


def _verifying_eddsa(key: Ed25519PublicKey) -> Verify:
    verify = key.verify

    def verifies(signature: bytes, message: bytes) -> bool:
        try:
            verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verifies


def _verifying_rs256(key: RSAPublicKey) -> Verify:
    verify = key.verify

    def verifies(signature: bytes, message: bytes) -> bool:
        try:
            verify(signature, message, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    return verifies


def _der_from_raw(signature: bytes) -> bytes:
    """r ‖ s, 32 bytes each (RFC 7518 §3.4), as the ASN.1 that OpenSSL reads. It refuses r and s out of range."""
    r, s = signature[:_P256_BYTES].lstrip(b"\0"), signature[_P256_BYTES:].lstrip(b"\0")
    if not r or r[0] & 0x80:
        r = b"\0" + r
    if not s or s[0] & 0x80:
        s = b"\0" + s
    return b"\x30%c\x02%c%b\x02%c%b" % (len(r) + len(s) + 4, len(r), r, len(s), s)


def _raw_from_der(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)
