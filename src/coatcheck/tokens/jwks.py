"""Public keys as a JSON Web Key Set (RFC 7517), for verifiers that are not ours."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from coatcheck.tokens.base64url import encode
from coatcheck.tokens.keyring import VerificationKey

_P256_BYTES = 32


def jwk(key: VerificationKey) -> dict[str, str]:
    """The public members of ``key`` with ``kid``, ``alg`` and ``use`` (RFC 7518 §6, RFC 8037 §2).

    Private members can't appear: a VerificationKey has none. Raises ValueError for HS256, whose key is a secret.
    """
    match key.public_key:
        case EllipticCurvePublicKey() as public:
            point = public.public_numbers()
            members = {
                "kty": "EC",
                "crv": "P-256",
                "x": _text(point.x.to_bytes(_P256_BYTES)),
                "y": _text(point.y.to_bytes(_P256_BYTES)),
            }
        case Ed25519PublicKey() as public:
            members = {"kty": "OKP", "crv": "Ed25519", "x": _text(public.public_bytes_raw())}
        case RSAPublicKey() as public:
            numbers = public.public_numbers()
            members = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        case _:
            raise ValueError("an HS256 key is a secret and is never published")
    return members | {"kid": key.kid, "alg": key.algorithm.value, "use": "sig"}


def jwks(keys: Iterable[VerificationKey]) -> dict[str, list[dict[str, str]]]:
    """The set of all public ``keys``; HS256 keys are left out. Raises ValueError when two have the same ``kid``."""
    published = [jwk(key) for key in keys if key.public_key is not None]
    if len({members["kid"] for members in published}) != len(published):
        raise ValueError("two keys have the same kid")
    return {"keys": published}


def _text(raw: bytes) -> str:
    return encode(raw).decode("ascii")


def _number(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8))
