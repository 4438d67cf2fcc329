"""What a route learns when it asks who is there."""

from datetime import timedelta

import pytest

from coatcheck.asgi import current
from coatcheck.errors import Misconfigured
from coatcheck.model.session import Carry
from tests.host import hosting

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("carry", list(Carry))
async def test_a_caller_is_known_by_every_carrier(carry):
    async with hosting() as host:
        login = await host.log_in(carry=carry)
        answer = await host.client(login).get("/me")
        assert answer.json()["user"] == login.user.id
        assert answer.json()["carried_by"] == ("cookie" if "cookie" in login.headers else "header")


async def test_a_request_without_credential_is_answered_401_with_a_challenge():
    async with hosting() as host:
        answer = await host.client().get("/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "token.missing")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_public_route_does_not_care_for_a_bad_credential():
    async with hosting() as host:
        for bad in ({"authorization": "Bearer nonsense"}, {"cookie": "__Host-coatcheck=nonsense"}):
            answer = await host.client(**bad).get("/public")
            assert (answer.status_code, answer.text) == (200, "for all")


async def test_an_optional_route_takes_a_refused_credential_for_a_stranger():
    async with hosting() as host:
        login = await host.log_in()
        client = host.client(login)
        assert (await client.get("/front")).text == login.user.id
        await host.auth.logout_everywhere(login.user.id)
        assert (await client.get("/front")).text == "a stranger"
        assert (await host.client().get("/front")).text == "a stranger"


async def test_an_ended_session_is_refused_at_the_next_request():
    async with hosting() as host:
        cookie, token = await host.log_in(), await host.log_in(carry=Carry.TOKENS)
        clients = [host.client(cookie), host.client(token)]
        assert [(await client.get("/me")).status_code for client in clients] == [200, 200]
        await host.auth.logout_everywhere(cookie.user.id)
        assert [(await client.get("/me")).json()["code"] for client in clients] == ["session.ended", "session.ended"]


async def test_who_was_logged_out_during_a_long_upload_is_refused_when_the_route_asks():
    async with hosting() as host:
        login = await host.log_in()
        client = host.client(login)
        assert (await client.post("/me")).status_code == 200

        async def slow_body():
            yield b"first half"
            await host.auth.logout_everywhere(login.user.id)
            yield b"second half"

        answer = await client.post("/me", content=slow_body())
        assert (answer.status_code, answer.json()["code"]) == (401, "session.ended")


@pytest.mark.parametrize("lapse", ["the lease ran out", "the clock was set"])
async def test_a_caller_is_decided_about_when_asked_for_under_the_lease_of_that_moment(lapse: str):
    async with hosting() as host:
        login = await host.log_in()
        client = host.client(login)
        await client.get("/me")
        asked = []
        look_up = host.auth.recall

        async def counted(*args):
            asked.append(args)
            return await look_up(*args)

        host.auth.recall = counted

        async def slow_body():
            yield b"first half"
            if lapse == "the lease ran out":
                host.clock.advance(host.auth.settings.revocation.lease)
            else:
                host.clock.set(host.clock.now + timedelta(seconds=2))
            yield b"second half"

        assert (await client.post("/me", content=b"quick")).status_code == 200
        assert not asked
        assert (await client.post("/me", content=slow_body())).status_code == 200
        assert len(asked) == 1


async def test_a_role_is_required_and_a_change_of_roles_holds_at_once():
    async with hosting() as host:
        login = await host.log_in(roles=["editor"])
        client = host.client(login)
        assert (await client.get("/edit")).status_code == 200
        await host.auth.set_roles(login.user.id, ())
        answer = await client.get("/edit")
        assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


async def test_a_scope_is_required():
    async with hosting() as host:
        answer = await host.client(await host.log_in()).get("/write")
        assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


async def test_an_old_proof_of_the_password_is_not_enough_for_a_sensitive_route():
    async with hosting() as host:
        login = await host.log_in(roles=["editor"])
        client = host.client(login)
        assert (await client.get("/sign")).status_code == 200
        host.clock.advance(timedelta(minutes=5, seconds=1))
        answer = await client.get("/sign")
        assert (answer.status_code, answer.json()["code"]) == (401, "access.reauthenticate")
        assert 'max_age="300"' in answer.headers["www-authenticate"]


async def test_nobody_is_asked_for_a_password_who_lacks_the_role_anyway():
    async with hosting() as host:
        client = host.client(await host.log_in())
        host.clock.advance(timedelta(minutes=10))
        assert (await client.get("/sign")).json()["code"] == "access.denied"


async def test_asking_without_the_middleware_is_the_developers_mistake():
    with pytest.raises(Misconfigured, match="AuthMiddleware"):
        await current({"type": "http", "headers": []})


async def test_a_bare_scope_can_be_asked_with():
    async def app(scope, receive, send):
        who = await current(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": who.user_id.encode()})

    async with hosting(app) as host:
        login = await host.log_in()
        assert (await host.client(login).get("/")).text == login.user.id
        assert (await host.client().get("/")).status_code == 401
