"""Keys of published vectors, from their JSON Web Keys. The library itself never reads one."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coatcheck.tokens.base64url import decode
from coatcheck.tokens.signatures import PrivateKey, PublicKey


def _number(text: str) -> int:
    return int.from_bytes(decode(text.encode()))


def key_from_jwk(jwk: dict[str, Any]) -> PublicKey | bytes:
    """The key that verifies."""
    match jwk["kty"]:
        case "oct":
            return decode(jwk["k"].encode())
        case "RSA":
            return rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
        case "EC":
            return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), ec.SECP256R1()).public_key()
        case "OKP":
            return Ed25519PublicKey.from_public_bytes(decode(jwk["x"].encode()))
    raise AssertionError(jwk["kty"])


def private_key_from_jwk(jwk: dict[str, Any]) -> PrivateKey:
    """The key that signs."""
    match jwk["kty"]:
        case "oct":
            return decode(jwk["k"].encode())
        case "EC":
            return ec.derive_private_key(_number(jwk["d"]), ec.SECP256R1())
        case "OKP":
            return Ed25519PrivateKey.from_private_bytes(decode(jwk["d"].encode()))
        case "RSA":
            n, e, d = _number(jwk["n"]), _number(jwk["e"]), _number(jwk["d"])
            p, q = rsa.rsa_recover_prime_factors(n, e, d)
            public = rsa.RSAPublicNumbers(e, n)
            rest = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
            return rsa.RSAPrivateNumbers(p, q, d, *rest, public).private_key()
    raise AssertionError(jwk["kty"])
