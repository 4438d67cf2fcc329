"""An administrator gives an account another password."""

import pytest

from coatcheck.errors import LoginRefused, PasswordWeak
from coatcheck.flows.create_user import create_user
from coatcheck.flows.rename import rename
from coatcheck.flows.set_password import set_password
from coatcheck.model.session import Ending
from tests.flows.builders import CLIENT, NEW

pytestmark = pytest.mark.anyio

BY = {"actor_id": "usr_root", "client": CLIENT}


async def test_every_session_ends_and_only_the_new_one_opens(place):
    user = await place.user()
    login = await place.log_in()
    await set_password(place.means, user.id, NEW, **BY)
    assert place.session(login).ending is Ending.PASSWORD_CHANGED
    with pytest.raises(LoginRefused):
        await place.log_in()
    assert (await place.log_in(password=NEW)).user.id == user.id


async def test_a_weak_one_is_refused_and_nothing_ends(place):
    user = await place.user()
    login = await place.log_in()
    with pytest.raises(PasswordWeak):
        await set_password(place.means, user.id, "ann@example.com", **BY)
    assert (place.now_of(user), place.session(login).ended_at) == (user, None)


async def test_an_account_without_one_gets_its_first(place):
    user = await create_user(place.means, "ann@example.com", None, actor_id=None, client=CLIENT)
    await set_password(place.means, user.id, NEW, **BY)
    assert (await place.log_in(password=NEW)).user.id == user.id


async def test_a_name_given_meanwhile_is_kept(place):
    user = await place.user()
    means = place.meanwhile(lambda: rename(place.means, user.id, "Ann"))
    assert (await set_password(means, user.id, NEW, **BY)).result.name == "Ann"
