"""JW-31: one bit of a genuine token flipped, anywhere: every bit of one token of each algorithm."""

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwt import verify
from tests.tokens.specimens import assert_accepted, find_key, token


@pytest.mark.parametrize("algorithm", Algorithm)
def test_no_bit_of_a_token_can_be_flipped(algorithm: Algorithm) -> None:
    good = token(algorithm)
    assert_accepted(good)
    for place in range(len(good)):
        for bit in range(8):
            with pytest.raises(TokenInvalid):
                verify(good[:place] + bytes((good[place] ^ (1 << bit),)) + good[place + 1 :], find_key)
    assert_accepted(good)
