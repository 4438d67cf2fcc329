"""Somebody else has the password: it opens nothing any more, for nobody and from no device."""

from dataclasses import replace

import pytest

from coatcheck.errors import AttemptsExceeded, LoginRefused
from coatcheck.flows.login import login
from coatcheck.flows.mark_compromised import mark_compromised
from coatcheck.flows.set_password import set_password
from coatcheck.model.event import SessionEnded, UserChanged
from coatcheck.model.session import Carry, Ending
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import AttemptSettings
from tests.flows.builders import CLIENT, NEW, PASSWORD, Place

pytestmark = pytest.mark.anyio

BY = {"actor_id": "usr_root", "client": CLIENT}


async def test_every_session_ends_with_the_password_in_one_commit(place):
    user = await place.user()
    logins = [await place.log_in(), await place.log_in(carry=Carry.TOKENS)]
    committed = await mark_compromised(place.means, user.id, reason="found in a leak", **BY)
    told = [event.happening for event in committed.events]
    assert told[0] == UserChanged(user.id, user.version + 1)
    assert set(told[1:]) == {SessionEnded(each.session.id) for each in logins}
    assert {place.session(each).ending for each in logins} == {Ending.COMPROMISED}
    (entry,) = place.audit("user.compromised")
    assert (entry.user_id, entry.actor_id, entry.detail) == (user.id, "usr_root", {"reason": "found in a leak"})


async def test_the_password_opens_nothing_any_more_until_another_is_set(place):
    user = await place.user()
    await mark_compromised(place.means, user.id, reason="a leak", **BY)
    with pytest.raises(LoginRefused):
        await place.log_in()
    await set_password(place.means, user.id, NEW, **BY)
    assert (await place.log_in(password=NEW)).user.id == user.id


async def test_a_known_device_is_known_no_more():
    place = Place(attempts=AttemptSettings(per_account=1))
    try:
        user = await place.user()
        known = replace(CLIENT, device_token=(await place.log_in()).credentials.device_token)
        with pytest.raises(LoginRefused):
            await place.log_in(password="wrong")
        with pytest.raises(AttemptsExceeded):
            await place.log_in()
        assert await login(place.means, user.email, PASSWORD, client=known)  # it has a budget of its own
        place.clock.advance(place.settings.attempts.window / 100)
        await mark_compromised(place.means, user.id, reason="a leak", **BY)
        with pytest.raises(AttemptsExceeded):
            await login(place.means, user.email, PASSWORD, client=known)
    finally:
        place.pool.close()


async def test_the_last_administrator_too_may_be_compromised(place):
    root = await place.user("root@example.com", ADMINISTRATOR)
    committed = await mark_compromised(place.means, root.id, reason="a leak", **BY)
    assert (committed.result.password_hash, committed.result.roles) == (None, (ADMINISTRATOR,))
