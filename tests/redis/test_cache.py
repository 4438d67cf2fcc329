"""The second-level cache: when it is used, and when the store is asked all the same (rules 8, 9 and 11)."""

from datetime import timedelta

import pytest
from msgspec import structs

from coatcheck.authority import LookUp
from coatcheck.checking.recall import Policy
from coatcheck.errors import CheckingStale, SessionEnded, SessionExpired, TokenExpired
from coatcheck.model.session import Carry
from coatcheck.redis.cache import CachedAuthority
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import digest
from tests.checking.builders import SETTINGS, Site, cookie, jwt
from tests.redis.builders import SECRETS, Server, change_roles, entries, pipeline_to, redis_at, renew, running, settled

T = SETTINGS.tokens.access_for
SECOND = timedelta(seconds=1)


def test_what_one_server_was_told_another_finds_in_redis(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        there = await second.check(token)
        assert there.principal == (await first.check(token)).principal
        assert (len(first.asked), len(second.asked)) == (1, 0)

    running(redis_url, test)


def test_without_a_lease_the_store_is_asked_past_redis(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        site.end(site.log_in())
        site.clock.advance(timedelta(seconds=6))
        assert not second.checker.is_trusted()
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_without_a_lease_an_ended_session_is_refused_although_redis_has_it(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        await first.checks_and_notes(cookie(login))
        site.end(login)
        site.clock.advance(timedelta(seconds=6))
        with pytest.raises(SessionEnded):
            await second.check(cookie(login))
        assert len(second.asked) == 1

    running(redis_url, test)


def test_the_deny_policy_does_not_read_redis_without_a_lease(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        site.clock.advance(timedelta(seconds=6))
        with pytest.raises(CheckingStale):
            await second.check(token)

    running(redis_url, test, policy=Policy.DENY)


def test_a_server_that_knows_of_the_ending_refuses_at_once(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        await first.checks_and_notes(cookie(login))
        site.end(login)
        await second.sync()
        with pytest.raises(SessionEnded):
            await second.check(cookie(login))

    running(redis_url, test)


def test_what_lies_below_the_floor_is_not_decided_from_redis(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        for _ in range(3):
            site.end(site.log_in())
        await second.sync()
        assert second.replica.position is not None
        second.replica.floor = second.replica.position.seq
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_an_entry_that_is_as_new_as_the_floor_is_used(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        assert second.replica.position is not None
        second.replica.floor = second.replica.position.seq
        await second.check(token)
        assert second.asked == []

    running(redis_url, test)


def test_an_entry_of_another_epoch_is_not_used(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        epoch = site.store.view(lambda tx: tx.log.head()).epoch
        site.store.transact(lambda tx: tx.log.begin_epoch(epoch.successor()))
        await second.sync()
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_role_change_is_seen_although_redis_has_the_old_roles(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        change_roles(site, "admin")
        await second.sync()
        assert (await second.check(token)).principal.roles == {"admin"}
        assert len(second.asked) == 1
        await settled(second.pipeline)
        await first.sync()
        assert (await first.check(token)).principal.roles == {"admin"}
        assert len(first.asked) == 1, "what the second was told, the first one finds"

    running(redis_url, test)


def test_time_in_redis_counts_from_when_the_store_was_read(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        site.clock.advance(T - SECOND)
        await second.sync()
        assert (await second.check(token)).ask_at == pytest.approx(site.clock.wall() + 1, abs=0.01)
        assert second.asked == []
        site.clock.advance(SECOND)
        await second.sync()
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_an_entry_is_over_when_its_writer_says_so(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        patient = CachedAuthority(
            second.authority, second.pipeline, SECRETS, wall=second.wall, keep_for=3 * T, leeway=SETTINGS.tokens.leeway
        )
        assert await patient.recollect(LookUp(digest=digest(token))) is not None
        site.clock.advance(T)
        assert await patient.recollect(LookUp(digest=digest(token))) is None

    running(redis_url, test)


def test_an_entry_from_a_clock_that_is_far_ahead_is_not_used(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        first.ahead = SETTINGS.tokens.leeway.total_seconds() + 1
        await first.sync()
        await first.checks_and_notes(token)
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_superseded_cookie_dies_within_t_however_many_pass_it_on(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        renew(site, token)
        for _ in range(3):
            site.clock.advance(T / 4)
            for server in (first, second):
                await server.sync()
                server.forget()
                await server.checks_and_notes(token)
        site.clock.advance(T / 4)
        await second.sync()
        with pytest.raises(TokenExpired):
            await second.check(token)

    running(redis_url, test)


def test_a_superseded_cookie_is_not_noted(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = cookie(site.log_in())
        renew(site, token)
        await first.checks_and_notes(token)
        assert entries(redis_url) == []

    running(redis_url, test)


def test_that_a_login_went_idle_is_the_stores_to_say(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        token, short = cookie(login), timedelta(minutes=5)
        row = site.store.view(lambda tx: tx.sessions.get(login.session.id))
        assert row is not None
        site.store.transact(lambda tx: tx.sessions.save(structs.replace(row, idle_for=short)))
        await first.checks_and_notes(token)
        site.clock.advance(timedelta(minutes=6))
        seen = site.clock.now - timedelta(minutes=1)
        site.store.transact(lambda tx: tx.sessions.touch({login.session.id: seen}))
        await second.sync()
        await second.check(token)
        assert len(second.asked) == 1, "Redis has it as idle; the store knows that somebody was there"
        site.clock.advance(timedelta(minutes=7))
        await first.sync()
        first.forget()
        first.checker.seen.clear()
        with pytest.raises(SessionExpired):
            await first.check(token)
        assert len(first.asked) == 2

    running(redis_url, test)


def test_a_login_past_its_end_is_in_no_entry(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        site.clock.advance(login.session.expires_at - site.clock.now - timedelta(seconds=90))
        site.store.transact(lambda tx: tx.sessions.touch({login.session.id: site.clock.now}))
        await first.sync()
        await first.checks_and_notes(cookie(login))
        with redis_at(redis_url) as there:
            assert 0 < there.pttl(entries(redis_url)[0]) <= 90_000  # type: ignore[operator]
        site.clock.advance(timedelta(seconds=90))
        await second.sync()
        with pytest.raises(SessionExpired):
            await second.check(cookie(login))
        assert len(second.asked) == 1

    running(redis_url, test)


def test_nobody_unknown_ended_or_suspended_is_noted(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        site.end(login)
        invented = site.means.session_tokens.issue().encode()
        for token in (cookie(login), invented):
            with pytest.raises(SessionEnded):
                await first.check(token)
        await settled(first.pipeline)
        assert entries(redis_url) == []

    running(redis_url, test)


def test_a_token_from_below_the_floor_is_settled_from_redis(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token = jwt(site.log_in(carry=Carry.TOKENS))
        site.end(site.log_in())
        for server in (first, second):
            await server.sync()
            assert server.replica.position is not None
            server.replica.floor = server.replica.position.seq
        await first.checks_and_notes(token)
        await second.check(token)
        assert (len(first.asked), len(second.asked)) == (1, 0)

    running(redis_url, test)


def test_servers_with_another_secret_share_nothing(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        token = cookie(site.log_in())
        await first.checks_and_notes(token)
        pipeline = pipeline_to(redis_url)
        await pipeline.start()
        stranger = Server(site, pipeline, secrets=Secrets(["the secret of another installation"]))
        assert await stranger.cached.recollect(LookUp(digest=digest(token))) is None
        await pipeline.stop()

    running(redis_url, test, servers=1)


def test_redis_keeps_nothing_longer_than_t(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        await first.checks_and_notes(cookie(site.log_in()))
        (name,) = entries(redis_url)
        with redis_at(redis_url) as there:
            assert 0 < there.pttl(name) <= T / timedelta(milliseconds=1)  # type: ignore[operator]

    running(redis_url, test, servers=1)
