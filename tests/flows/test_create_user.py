"""An account is made for somebody."""

import pytest

from coatcheck.errors import EmailTaken, LoginRefused, PasswordWeak, RequestInvalid
from coatcheck.flows.create_user import create_user
from tests.flows.builders import CLIENT, NEW, Place

pytestmark = pytest.mark.anyio


async def make(place, email="ann@example.com", password=None, **more):
    return await create_user(place.means, email, password, actor_id="usr_root", client=CLIENT, **more)


async def test_without_a_password_nobody_can_log_in(place):
    user = await make(place)
    assert user.password_hash is None
    for guess in ("", "None", NEW):
        with pytest.raises(LoginRefused):
            await place.log_in(password=guess)


async def test_what_is_stored_is_what_is_returned(place):
    user = await make(place, "Ann@Example.com", NEW, name="  Ann ", roles=("writer", "editor", "writer"))
    assert place.now_of(user) == user
    assert (user.email, user.email_key, user.name) == ("Ann@Example.com", "ann@example.com", "Ann")
    assert user.roles == ("editor", "writer")
    (entry,) = place.audit("user.registered")
    assert (entry.user_id, entry.actor_id) == (user.id, "usr_root")


async def test_an_address_is_given_once(place):
    await make(place)
    with pytest.raises(EmailTaken):
        await make(place, "ANN@example.com")
    assert len(place.audit("user.registered")) == 1


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"password": "ann@example.com"}, PasswordWeak),
        ({"password": ""}, PasswordWeak),
        ({"roles": ("two words",)}, RequestInvalid),
        ({"name": "n" * 101}, RequestInvalid),
        ({"email": "ann"}, RequestInvalid),
    ],
)
async def test_what_is_not_taken_leaves_no_account(place, more, error):
    with pytest.raises(error):
        await make(place, **more)
    assert place.audit("user.registered") == []


async def test_a_step_of_the_application_that_fails_leaves_no_account():
    def refuse(tx, user):
        raise KeyError(user.id)

    place = Place(refuse)
    with pytest.raises(KeyError):
        await make(place)
    assert place.see(lambda tx: tx.users.by_email_key("ann@example.com")) is None
    place.pool.close()
