"""Keys that are refused before they verify anything (RFC 8725 §3.5, RFC 7518 §3.2 and §3.3).

Our own keys are never weak. This is for the day on which a store, a backup or an event was tampered with: a key that
verifies everything is a key that everybody has.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_HMAC_BYTES: Final = 32
_RSA_BITS: Final = range(2048, 8193)
_RSA_EXPONENTS: Final = range(65537, 2**32, 2)

# A modulus made by the flawed generator of CVE-2017-15361 (ROCA) leaves, for each of these primes, a remainder that is
# a power of 65537; hardly any other modulus does.
_ROCA_PRIMES: Final = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_ROCA_REMAINDERS: Final = tuple((p, frozenset(pow(65537, power, p) for power in range(p))) for p in _ROCA_PRIMES)

# The points of small order on Curve25519, sign bit cleared: under such a key, signatures of any message can be made.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


class KeyRefused(ValueError):
    """A key that must not be used: too short, of another kind than its algorithm wants, or of a known weak form."""


def require_strong_secret(secret: bytes) -> None:
    """HS256 needs a secret at least as long as its hash. Raises KeyRefused."""
    if len(secret) < _HMAC_BYTES:
        raise KeyRefused("an HS256 secret must have 32 bytes or more")


def require_strong_rsa(key: RSAPublicKey) -> None:
    """2048 to 8192 bits, an exponent of 65537 or more, no ROCA modulus. Raises KeyRefused."""
    if key.key_size not in _RSA_BITS:
        raise KeyRefused("an RSA key must have 2048 to 8192 bits")
    numbers = key.public_numbers()
    if numbers.e not in _RSA_EXPONENTS:
        raise KeyRefused("the exponent of an RSA key must be odd, 65537 or more")
    if all(numbers.n % prime in remainders for prime, remainders in _ROCA_REMAINDERS):
        raise KeyRefused("an RSA key comes from the flawed generator of CVE-2017-15361")


def require_p256(key: EllipticCurvePublicKey) -> None:
    """ES256 is P-256 and no other curve; that the point lies on it is checked when it is loaded. Raises KeyRefused."""
    if not isinstance(key.curve, SECP256R1):
        raise KeyRefused("an ES256 key must be on the curve P-256")


def require_full_order(point: bytes) -> None:
    """An Ed25519 key must not be a point of small order. Raises KeyRefused."""
    if point[:-1] + bytes((point[-1] & 0x7F,)) in _SMALL_ORDER:
        raise KeyRefused("an Ed25519 key is a point of small order")
