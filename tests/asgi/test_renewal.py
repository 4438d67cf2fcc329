"""Cookies that the middleware adds to an application's answers: renewed in passing, cleared when unreadable."""

from datetime import timedelta

import pytest

from coatcheck.model.session import Carry
from tests.host import COOKIE, hosting

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def test_an_old_cookie_is_replaced_in_passing_and_the_new_one_opens_the_same_session():
    async with hosting() as host:
        login = await host.log_in()
        client = host.client(login)
        assert "set-cookie" not in (await client.get("/me")).headers
        host.clock.advance(HOUR)
        answer = await client.get("/me")
        line = answer.headers["set-cookie"]
        assert line.startswith(f"{COOKIE}=ccs_")
        assert line.endswith("; Path=/; HttpOnly; Secure; SameSite=Lax")
        assert "Max-Age" not in line
        assert answer.headers["cache-control"] == "no-store"
        renewed = line.partition(";")[0]
        assert renewed != login.headers["cookie"]
        again = await host.client(cookie=renewed).get("/me")
        assert again.json()["user"] == login.user.id
        assert "set-cookie" not in again.headers


async def test_a_remembered_login_gets_a_cookie_that_lasts_as_long_as_the_session():
    async with hosting() as host:
        client = host.client(await host.log_in(remember=True))
        host.clock.advance(HOUR)
        line = (await client.get("/me")).headers["set-cookie"]
        assert f"Max-Age={(30 * 24 - 1) * 3600};" in line


async def test_the_predecessor_is_good_for_the_grace_and_no_longer():
    async with hosting() as host:
        login = await host.log_in()
        host.clock.advance(HOUR)
        first, other_tab = host.client(login), host.client(login)
        assert "set-cookie" in (await first.get("/me")).headers
        answer = await other_tab.get("/me")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        host.clock.advance(timedelta(seconds=11))
        assert (await other_tab.get("/me")).status_code == 401


@pytest.mark.parametrize("path", ["/public", "/cached", "/own-cookie"])
async def test_nothing_is_renewed_where_nobody_asked_or_others_would_get_it(path):
    async with hosting() as host:
        login = await host.log_in()
        host.clock.advance(HOUR)
        answer = await host.client(login).get(path)
        assert f"{COOKIE}=ccs_" not in answer.headers.get("set-cookie", "")
        assert (await host.client(login).get("/me")).status_code == 200


async def test_a_token_in_a_header_is_never_turned_into_a_cookie():
    async with hosting() as host:
        client = host.client(await host.log_in(carry=Carry.HEADER))
        host.clock.advance(HOUR)
        answer = await client.get("/me")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


async def test_a_session_that_ended_meanwhile_is_not_brought_back():
    async with hosting() as host:
        login = await host.log_in()
        host.clock.advance(HOUR)
        await host.auth.logout_everywhere(login.user.id)
        answer = await host.client(login).get("/me")
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_a_cookie_that_came_twice_counts_as_none_and_is_cleared_where_somebody_asks():
    async with hosting() as host:
        cookie = (await host.log_in()).headers["cookie"]
        client = host.client(cookie=f"{cookie}; {cookie}")
        answer = await client.get("/me")
        assert answer.status_code == 401
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0; Path=/;")
        assert "set-cookie" not in (await client.get("/public")).headers


async def test_a_refused_cookie_is_left_alone_since_a_newer_one_may_be_on_its_way():
    async with hosting() as host:
        login = await host.log_in()
        await host.auth.logout_everywhere(login.user.id)
        assert "set-cookie" not in (await host.client(login).get("/me")).headers
