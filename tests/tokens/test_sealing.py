import pytest

from coatcheck.errors import Broken
from coatcheck.model.key import Algorithm
from coatcheck.tokens.sealing import SEALING, SealBroken, seal, unseal
from tests.tokens.specimens import SECRETS

KEY, FORMER = SECRETS.all(SEALING)
PRIVATE = b"a private key"
SEALED = seal(PRIVATE, "key_1", Algorithm.ES256, KEY)


def test_what_was_sealed_opens() -> None:
    assert unseal(SEALED, "key_1", Algorithm.ES256, KEY) == PRIVATE


def test_the_same_key_is_never_sealed_alike() -> None:
    assert seal(PRIVATE, "key_1", Algorithm.ES256, KEY) != SEALED
    assert PRIVATE not in SEALED


def test_it_does_not_open_as_another_key_algorithm_or_under_another_secret() -> None:
    for arguments in (
        ("key_2", Algorithm.ES256, KEY),
        ("key_1", Algorithm.HS256, KEY),
        ("key_1", Algorithm.ES256, FORMER),
        ("key_1", Algorithm.ES256, SECRETS.current("another purpose")),
    ):
        with pytest.raises(SealBroken):
            unseal(SEALED, *arguments)


def test_every_flipped_bit_is_noticed() -> None:
    for place in range(len(SEALED)):
        with pytest.raises(SealBroken):
            unseal(SEALED[:place] + bytes((SEALED[place] ^ 1,)) + SEALED[place + 1 :], "key_1", Algorithm.ES256, KEY)


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_a_shortened_seal_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        unseal(SEALED[:length], "key_1", Algorithm.ES256, KEY)


def test_a_broken_seal_is_the_worlds_doing_and_tells_nothing() -> None:
    error = SealBroken()
    assert isinstance(error, Broken)
    assert (error.code, error.status) == ("store.unavailable", 503)
