from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from coatcheck.model.event import KeyAdded
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import Signer, VerificationKey, generate, new_signing_key
from coatcheck.tokens.sealing import SealBroken
from coatcheck.tokens.weak_keys import KeyRefused
from tests.tokens.specimens import SECRETS, private_key

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
OTHER = Secrets(["the secret of another installation"])


def stored(algorithm: Algorithm, status: KeyStatus = KeyStatus.CURRENT) -> SigningKey:
    return new_signing_key(algorithm, SECRETS, now=NOW, usable_from=NOW + timedelta(seconds=6), status=status)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_stored_key_signs_and_its_verifying_half_verifies(algorithm: Algorithm) -> None:
    row = stored(algorithm)
    signer = Signer.from_signing_key(row, SECRETS)
    key = VerificationKey.from_signing_key(row, SECRETS)
    assert (signer.kid, signer.algorithm) == (key.kid, key.algorithm) == (row.kid, algorithm)
    signature = signer.sign(b"message")
    assert key.verifies(signature, b"message")
    assert not key.verifies(signature, b"massage")
    assert not key.verifies(signature[:-1], b"message")
    assert not key.verifies(b"", b"message")


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256])
def test_the_key_of_an_event_verifies_what_the_stored_key_signs(algorithm: Algorithm) -> None:
    row = stored(algorithm)
    key = VerificationKey.from_event(KeyAdded(row.kid, row.algorithm.value, row.public_key))
    assert key.verifies(Signer.from_signing_key(row, SECRETS).sign(b"message"), b"message")


def test_a_new_key_says_when_it_was_made_and_what_it_is() -> None:
    row = stored(Algorithm.ES256, KeyStatus.UPCOMING)
    assert row.kid.startswith("key_")
    assert row.created_at == row.status_since == NOW
    assert row.usable_from == NOW + timedelta(seconds=6)
    assert row.status is KeyStatus.UPCOMING
    assert row.sealed_under == SECRETS.current("anything").id
    assert row.public_key is not None
    assert row.public_key.startswith("-----BEGIN PUBLIC KEY-----")


def test_hs256_has_no_public_half_anywhere() -> None:
    row = stored(Algorithm.HS256)
    assert row.public_key is None
    assert VerificationKey.from_signing_key(row, SECRETS).public_key is None
    with pytest.raises(KeyRefused):
        VerificationKey.from_event(KeyAdded(row.kid, "HS256", None))


def test_a_key_sealed_under_a_former_secret_still_opens() -> None:
    former = Secrets(["a former secret of these tests, 0000"])
    row = new_signing_key(Algorithm.ES256, former, now=NOW, usable_from=NOW, status=KeyStatus.CURRENT)
    assert Signer.from_signing_key(row, SECRETS).kid == row.kid


@pytest.mark.parametrize("algorithm", Algorithm)
def test_without_its_secret_a_key_stays_closed(algorithm: Algorithm) -> None:
    row = stored(algorithm)
    with pytest.raises(SealBroken):
        Signer.from_signing_key(row, OTHER)
    if algorithm.is_symmetric:
        with pytest.raises(SealBroken):
            VerificationKey.from_signing_key(row, OTHER)


def test_two_sealed_keys_can_not_be_swapped() -> None:
    one, other = stored(Algorithm.ES256), stored(Algorithm.ES256)
    with pytest.raises(SealBroken):
        Signer.from_signing_key(structs.replace(one, sealed_private_key=other.sealed_private_key), SECRETS)


def test_a_key_can_not_be_relabelled_as_one_of_another_algorithm() -> None:
    with pytest.raises(SealBroken):
        Signer.from_signing_key(structs.replace(stored(Algorithm.RS256), algorithm=Algorithm.HS256), SECRETS)


@pytest.mark.parametrize("status", [KeyStatus.UPCOMING, KeyStatus.RETIRED, KeyStatus.REVOKED])
def test_only_the_current_key_signs(status: KeyStatus) -> None:
    with pytest.raises(ValueError, match="current"):
        Signer.from_signing_key(stored(Algorithm.ES256, status), SECRETS)


@pytest.mark.parametrize(
    ("algorithm", "pem"),
    [
        ("none", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
        ("ES384", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
        ("ES256", None),
        ("ES256", ""),
        ("ES256", "not PEM"),
        ("ES256", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
        ("ES256", "é"),
        ("HS256", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
    ],
)
def test_an_event_that_announces_no_usable_key_is_refused(algorithm: str, pem: str | None) -> None:
    with pytest.raises(KeyRefused):
        VerificationKey.from_event(KeyAdded("key_1", algorithm, pem))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_nothing_private_is_revealed_by_repr(algorithm: Algorithm) -> None:
    row = stored(algorithm)
    shown = repr(Signer.from_signing_key(row, SECRETS)) + repr(VerificationKey.from_signing_key(row, SECRETS))
    assert shown == f"<Signer {row.kid} {algorithm.value}><VerificationKey {row.kid} {algorithm.value}>"


def test_keys_are_fresh_every_time() -> None:
    assert generate(Algorithm.HS256) != generate(Algorithm.HS256)
    assert stored(Algorithm.ES256).public_key != stored(Algorithm.ES256).public_key


def test_a_signer_refuses_a_key_of_another_kind() -> None:
    with pytest.raises(KeyRefused):
        Signer("key_1", Algorithm.ES256, private_key(Algorithm.EDDSA))
    with pytest.raises(KeyRefused):
        Signer("key_1", Algorithm.HS256, b"short")
