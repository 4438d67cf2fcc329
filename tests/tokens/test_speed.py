"""A cold verification costs little more than its signature. Generous bounds, for busy machines: a guard, no record."""

import pytest

from coatcheck.model.key import Algorithm
from tests.tokens.speed import measure


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_cold_verification_is_mostly_the_signature(algorithm: Algorithm) -> None:
    times = measure(algorithm, rounds=10, calls=100)
    assert times.cold - times.bare < 40
