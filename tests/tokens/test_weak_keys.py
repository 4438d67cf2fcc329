from math import prod
from secrets import randbits

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coatcheck.model.key import Algorithm
from coatcheck.tokens import weak_keys
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import private_key, verification_key

P = 2**255 - 19


def refused(algorithm: Algorithm, key: object) -> str:
    with pytest.raises(KeyRefused) as caught:
        VerificationKey("key_weak", algorithm, key)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("bits", [1024, 2040])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    assert "2048" in refused(Algorithm.RS256, rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1).public_key())


def test_an_enormous_rsa_key_is_refused() -> None:
    assert "8192" in refused(Algorithm.RS256, rsa.RSAPublicNumbers(65537, (1 << 8192) | 1).public_key())


@pytest.mark.parametrize("exponent", [3, 17, 65535, 2**32 + 1])
def test_an_rsa_exponent_out_of_bounds_is_refused(exponent: int) -> None:
    assert "exponent" in refused(Algorithm.RS256, rsa.RSAPublicNumbers(exponent, (1 << 2047) | 1).public_key())


def test_an_exponent_of_one_never_becomes_a_key() -> None:
    with pytest.raises(ValueError, match="e must be"):
        rsa.RSAPublicNumbers(1, (1 << 2047) | 1).public_key()


def test_a_modulus_of_the_flawed_generator_is_refused() -> None:
    """Its primes are k·M + (65537ᵃ mod M), where M is the product of small primes."""
    m = 2 * prod(weak_keys._ROCA_PRIMES)
    p, q = (pow(65537, randbits(64), m) + m * (randbits(1000) | 1 << 999) for _ in range(2))
    assert "CVE-2017-15361" in refused(Algorithm.RS256, rsa.RSAPublicNumbers(65537, p * q).public_key())


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP384R1(), ec.SECP521R1()])
def test_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    assert "P-256" in refused(Algorithm.ES256, ec.generate_private_key(curve).public_key())


def test_a_point_off_the_curve_never_becomes_a_key() -> None:
    with pytest.raises(ValueError, match=r"[Ii]nvalid|not on"):
        ec.EllipticCurvePublicNumbers(1, 1, ec.SECP256R1()).public_key()


@pytest.mark.parametrize("length", [0, 1, 16, 31])
def test_a_short_hmac_secret_is_refused(length: int) -> None:
    assert "32 bytes" in refused(Algorithm.HS256, bytes(length))


def test_every_point_of_small_order_is_in_the_list() -> None:
    """The eight torsion points have y = 1, -1, 0, or y² = one of two roots; with the spellings that exceed p."""
    d = -121665 * pow(121666, -1, P) % P

    def is_on_curve(y: int) -> bool:
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        return x_squared == 0 or pow(x_squared, (P - 1) // 2, P) == 1

    listed = sorted(int.from_bytes(point, "little") for point in weak_keys._SMALL_ORDER)
    assert {0, 1, P - 1, P, P + 1} < set(listed)
    eighth = [y for y in listed if y not in (0, 1, P - 1, P, P + 1)]
    assert len(eighth) == 2
    assert sum(eighth) == P
    # A point of order 8 doubles to one of order 4, whose y is 0: y² + x² = 0 in the doubling formula.
    for y in eighth:
        assert is_on_curve(y)
        x_squared = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        assert (y * y + x_squared) % P == 0


@pytest.mark.parametrize("point", sorted(weak_keys._SMALL_ORDER))
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_point_of_small_order_is_refused(point: bytes, sign: int) -> None:
    key = Ed25519PublicKey.from_public_bytes(point[:-1] + bytes((point[-1] | sign,)))
    assert "small order" in refused(Algorithm.EDDSA, key)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("other", Algorithm)
def test_a_key_of_another_kind_is_refused(algorithm: Algorithm, other: Algorithm) -> None:
    if algorithm is other:
        assert verification_key(algorithm).algorithm is algorithm
        return
    private = private_key(other)
    assert "kind" in refused(algorithm, private if isinstance(private, bytes) else private.public_key())
