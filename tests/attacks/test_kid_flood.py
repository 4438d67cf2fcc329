"""JW-19, JW-20: a flood of unknown kids, and the kid of a key that is no longer, or not yet, valid.

Here an unknown key costs one look-up in memory and no signature check. That it brings at most one sync is the checker's
affair; that it is recognised as such is shown here.
"""

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.tokens import jws
from coatcheck.tokens.keyring import VerificationKey
from tests.tokens.specimens import always, assert_refused, compact, header, no_outside_world, token


def test_every_unknown_kid_costs_one_look_up_and_leaves_nothing_behind() -> None:
    asked: list[str] = []

    def find(kid: str) -> VerificationKey | None:
        asked.append(kid)
        return None

    remembered = dict(jws._remembered)
    with no_outside_world():
        for number in range(1000):
            assert_refused(compact(header(kid=f"key_{number}"), sign_with=always(bytes(64))), find, unknown_key=True)
    assert asked == [f"key_{number}" for number in range(1000)]
    assert jws._remembered == remembered


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_genuine_token_of_a_key_that_is_not_valid_is_refused(algorithm: Algorithm) -> None:
    assert_refused(token(algorithm), lambda _: None, unknown_key=True)
