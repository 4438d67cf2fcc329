"""An account changes while a login waits for its password to be hashed: what was true at its start lets nobody in.

LG-08, LG-14, LG-30, SE-10: whoever was suspended, deleted or given another password meanwhile is found so at the
moment in which the session would begin.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import LoginRefused, SessionEnded, UserSuspended
from coatcheck.model.user import ADMINISTRATOR, User
from tests.site import PASSWORD, running

pytestmark = pytest.mark.anyio

Deed = Callable[[Auth, User], Awaitable[object]]
NEW = "two odd tall elms"


class _Interrupted:
    """A pool that does a deed after its next verification, before the flow goes on."""

    def __init__(self, auth: Auth, deed: Deed, user: User) -> None:
        self._auth, self._deed, self._user = auth, deed, user
        self._pool = auth._ready.pool
        self.require_room = self._pool.require_room
        object.__setattr__(auth._ready, "pool", self)

    async def run(self, function: Any, *arguments: Any, **more: Any) -> Any:
        outcome = await self._pool.run(function, *arguments, **more)
        object.__setattr__(self._auth._ready, "pool", self._pool)
        await self._deed(self._auth, self._user)
        return outcome


async def _suspend(auth: Auth, user: User) -> None:
    await auth.suspend(user.id)


async def _delete(auth: Auth, user: User) -> None:
    await auth.delete_user(user.id)


async def _mark_compromised(auth: Auth, user: User) -> None:
    await auth.mark_compromised(user.id, reason="a test")


async def _set_password(auth: Auth, user: User) -> None:
    await auth.set_password(user.id, NEW)


async def _set_roles(auth: Auth, user: User) -> None:
    await auth.set_roles(user.id, ("editor",))


ENDINGS = [
    (_suspend, UserSuspended),
    (_delete, LoginRefused),
    (_mark_compromised, LoginRefused),
    (_set_password, LoginRefused),
]


@pytest.mark.parametrize(("deed", "error"), ENDINGS)
async def test_a_login_that_was_overtaken_is_refused(deed: Deed, error: type[Exception]):
    async with running() as site:
        user = await site.auth.create_user("ann@example.com", PASSWORD)
        _Interrupted(site.auth, deed, user)
        with pytest.raises(error):
            await site.auth.login("ann@example.com", PASSWORD)
        assert await site.auth.sessions_of(user.id) == []


@pytest.mark.parametrize("deed", [each for each, _ in ENDINGS])
@pytest.mark.parametrize("proves", ["reauthenticate", "change_password"])
async def test_a_proof_that_was_overtaken_renews_nothing(deed: Deed, proves: str):
    async with running() as site:
        login = await site.auth.register("ann@example.com", PASSWORD)
        who = await site.auth.check(login.credentials.session_token or "")
        _Interrupted(site.auth, deed, login.user)
        proving = (
            site.auth.reauthenticate(who, PASSWORD)
            if proves == "reauthenticate"
            else site.auth.change_password(who, current=PASSWORD, new="four low grey stones")
        )
        with pytest.raises(SessionEnded):
            await proving
        assert await site.auth.sessions_of(login.user.id) == []
        with pytest.raises((LoginRefused, UserSuspended)):
            await site.auth.login("ann@example.com", "four low grey stones")


async def test_a_login_gets_the_roles_that_hold_when_it_begins():
    async with running() as site:
        user = await site.auth.create_user("ann@example.com", PASSWORD, roles=(ADMINISTRATOR,))
        await site.auth.create_user("root@example.com", PASSWORD, roles=(ADMINISTRATOR,))
        _Interrupted(site.auth, _set_roles, user)
        login = await site.auth.login("ann@example.com", PASSWORD)
        who = await site.auth.check(login.credentials.session_token or "")
        assert who.roles == {"editor"}


async def test_a_hash_that_is_upgraded_does_not_bring_an_old_password_back():
    async with running() as site:
        user = await site.auth.create_user("ann@example.com", PASSWORD)
        site.auth._ready.hasher.needs_rehash = lambda _: True
        _Interrupted(site.auth, _set_password, user)
        with pytest.raises(LoginRefused):
            await site.auth.login("ann@example.com", PASSWORD)
        assert (await site.auth.login("ann@example.com", NEW)).user.id == user.id
