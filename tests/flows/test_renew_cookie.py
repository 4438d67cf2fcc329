"""A cookie is renewed in passing: one of several requests wins, and the others keep what they have."""

from datetime import timedelta

import pytest

from coatcheck.flows.logout import Scope, logout
from coatcheck.flows.renew_cookie import renew_cookie
from coatcheck.model.session import Carry
from coatcheck.tokens.opaque import digest
from tests.flows.builders import CLIENT

pytestmark = pytest.mark.anyio


def digest_of(login):
    return digest((login.credentials.session_token or "").encode())


async def test_the_first_gets_a_new_one_and_the_loser_changes_nothing(place):
    await place.user()
    login = await place.log_in()
    won = await renew_cookie(place.means, login.session.id, digest_of(login))
    after = place.session(login)
    assert (after.secret_digest, after.previous_digest) == (digest_of(won), digest_of(login))
    assert (after.step, after.generation) == (login.session.step + 1, login.session.generation)
    assert await renew_cookie(place.means, login.session.id, digest_of(login)) is None
    assert place.session(login) == after


async def test_renewing_is_silent_and_moves_no_end(place):
    await place.user()
    login = await place.log_in()
    before = place.see(lambda tx: tx.log.head())
    place.clock.advance(timedelta(hours=1))
    won = await renew_cookie(place.means, login.session.id, digest_of(login))
    assert place.see(lambda tx: tx.log.head()) == before
    assert won.credentials.expires_at == login.session.expires_at
    assert place.session(login).authenticated_at == login.session.authenticated_at


@pytest.mark.parametrize("carry", [carry for carry in Carry if carry is not Carry.COOKIE])
async def test_only_a_cookie_is_renewed(place, carry):
    await place.user()
    login = await place.log_in(carry=carry)
    held = place.session(login)
    assert await renew_cookie(place.means, login.session.id, held.secret_digest) is None
    assert place.session(login) == held


async def test_a_session_that_is_over_is_not_renewed(place):
    user = await place.user()
    ended, expired = await place.log_in(), await place.log_in()
    await logout(place.means, user.id, ended.session.id, scope=Scope.THIS, client=CLIENT)
    assert await renew_cookie(place.means, ended.session.id, digest_of(ended)) is None
    place.clock.set(expired.session.expires_at)
    assert await renew_cookie(place.means, expired.session.id, digest_of(expired)) is None
    assert await renew_cookie(place.means, "ses_nothing", digest_of(expired)) is None
