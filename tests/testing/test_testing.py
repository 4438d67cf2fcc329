"""What an application's own tests use."""

from datetime import UTC, datetime, timedelta
from time import thread_time

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from coatcheck import Auth, Settings
from coatcheck.asgi import AuthMiddleware
from coatcheck.model.session import Carry
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.testing import ManualClock, fast_passwords, log_in, login_as
from tests.host import ROUTES


@pytest.fixture
def auth():
    return Auth(Settings(database="memory:", passwords=fast_passwords()), clock=ManualClock())


def test_a_test_is_logged_in_as_whom_it_wants(auth):
    with TestClient(AuthMiddleware(Starlette(routes=ROUTES), auth)) as client:
        ann = log_in(client, auth, "ann@example.com", roles=["editor"])
        assert client.get("/me").json() == {"user": ann.user.id, "carried_by": "cookie", "roles": ["editor"]}
        assert client.post("/me").status_code == 200
        bob = log_in(client, auth, "bob@example.com", carry=Carry.TOKENS)
        assert client.get("/me").json()["user"] == bob.user.id
        again = log_in(client, auth, ann.user.id)
        assert again.user == ann.user
        assert client.get("/me").json()["user"] == ann.user.id


def test_outside_of_with_it_says_what_to_do(auth):
    with pytest.raises(RuntimeError, match="`with` block"):
        log_in(TestClient(AuthMiddleware(Starlette(), auth)), auth)


@pytest.mark.anyio
async def test_a_login_is_a_real_session_that_is_listed_and_ends(auth):
    async with auth:
        login = await login_as(auth)
        assert [session.id for session in await auth.sessions_of(login.user.id)] == [login.session.id]
        token = next(iter(login.cookies.values()))
        assert (await auth.check(token)).session_id == login.session.id


@pytest.mark.anyio
async def test_roles_and_the_time_of_the_proof_are_as_asked(auth):
    async with auth:
        long_ago = auth.clock.now - timedelta(hours=1)
        login = await login_as(auth, roles=["a"], carry=Carry.HEADER, authenticated_at=long_ago)
        who = await auth.check(login.headers["authorization"].removeprefix("Bearer "))
        assert who.authenticated_at == long_ago
        assert who.roles == {"a"}
        assert (await login_as(auth)).user.roles == ("a",)
        assert (await login_as(auth, roles=[])).user.roles == ()


@pytest.mark.anyio
async def test_nobody_is_logged_in_as_who_does_not_exist_or_is_suspended(auth):
    async with auth:
        with pytest.raises(LookupError, match="no user"):
            await login_as(auth, "usr_nobody")
        login = await login_as(auth)
        await auth.suspend(login.user.id)
        with pytest.raises(LookupError, match="suspended"):
            await login_as(auth)


@pytest.mark.anyio
async def test_a_login_shows_no_token(auth):
    async with auth:
        login = await login_as(auth)
        assert next(iter(login.cookies.values())) not in repr(login)


def test_the_clock_stands_still_until_it_is_told_to_go_on():
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    wall, steady = clock.wall(), clock.steady()
    assert (clock.wall(), clock.steady()) == (wall, steady)
    clock.advance(timedelta(minutes=2))
    assert (clock.wall() - wall, clock.steady() - steady) == (120, 120)
    assert clock.now == datetime(2026, 3, 1, 0, 2, tzinfo=UTC)
    clock.set(datetime(2026, 2, 1, tzinfo=UTC))
    assert clock.now == datetime(2026, 2, 1, tzinfo=UTC)
    assert clock.steady() - steady == 120


def test_the_clock_refuses_what_no_clock_does():
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2026, 3, 1))  # noqa: DTZ001


def test_fast_passwords_are_fast_and_can_be_set_further():
    settings = fast_passwords(minimum_length=8)
    assert settings.minimum_length == 8
    hasher = PasswordHasher(settings)
    began = thread_time()
    for _ in range(10):
        assert hasher.verify(hasher.hash("three quiet herons wade"), "three quiet herons wade")
    assert thread_time() - began < 0.5
