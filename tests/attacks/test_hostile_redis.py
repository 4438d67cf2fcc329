"""Somebody can write to the Redis that servers share, and makes, moves, keeps and puts back records there.

ST-02, ST-10, FD-07: whoever can write to Redis is still nobody. Nothing there is in clear, and no name tells a secret.
"""

import asyncio
import logging
from datetime import timedelta

import pytest

from coatcheck.authority import LookUp
from coatcheck.errors import SessionEnded
from coatcheck.redis.address import read_address
from coatcheck.redis.bell import RedisBell, channel_of
from coatcheck.redis.clients import ears_for
from coatcheck.redis.sealing import Sealer
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import digest
from coatcheck.upkeep.seldom import Seldom
from tests.checking.builders import SETTINGS, Site, cookie
from tests.redis.builders import SECRETS, Server, change_roles, entries, redis_at, running, settled

T = SETTINGS.tokens.access_for


def value(url: str, name: bytes) -> bytes:
    with redis_at(url) as there:
        found = there.get(name)
        assert isinstance(found, bytes)
        return found


def put(url: str, name: bytes, what: bytes) -> None:
    with redis_at(url) as there:
        there.set(name, what)


async def note(site: Site, server: Server, url: str) -> tuple[bytes, bytes]:
    """A session's token, and the name of its record in Redis."""
    before = set(entries(url))
    token = cookie(site.log_in())
    await server.checks_and_notes(token)
    (name,) = set(entries(url)) - before
    return token, name


def test_no_altered_byte_is_believed(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        good = value(redis_url, name)
        asked = LookUp(digest=digest(token))
        assert await second.cached.recollect(asked) is not None
        for at in range(len(good)):
            put(redis_url, name, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert await second.cached.recollect(asked) is None, at
        for cut in range(0, len(good), 7):
            put(redis_url, name, good[:cut])
            assert await second.cached.recollect(asked) is None, cut

    running(redis_url, test)


@pytest.mark.parametrize("nonsense", [b"", b"\x01", b"\x01" * 30, b"\xff" * 4000, b"1" * 70_000, "🦊".encode()])
def test_nonsense_costs_a_question_to_the_store(redis_url: str, nonsense: bytes) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        put(redis_url, name, nonsense)
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_value_of_another_type_costs_a_question_to_the_store(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        with redis_at(redis_url) as there:
            there.delete(name)
            there.rpush(name, b"a", b"list")
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_record_in_anothers_place_opens_nothing(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        mine, my_name = await note(site, first, redis_url)
        theirs, their_name = await note(site, first, redis_url)
        put(redis_url, my_name, value(redis_url, their_name))
        assert (await second.check(mine)).session_id != (await second.check(theirs)).session_id
        assert [each.digest for each in second.asked] == [digest(mine)]

    running(redis_url, test)


def test_a_record_under_a_made_up_token_lets_nobody_in(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        _, name = await note(site, first, redis_url)
        made_up = site.means.session_tokens.issue().encode()
        there = second.cached._sealer.name(LookUp(digest=digest(made_up)))
        put(redis_url, there.encode(), value(redis_url, name))
        with pytest.raises(SessionEnded):
            await second.check(made_up)

    running(redis_url, test)


def test_a_record_with_a_newer_position_written_on_it_is_not_believed(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        position = str(site.store.view(lambda tx: tx.log.head()).position).encode()
        newer = position[:-1] + bytes([position[-1] + 1])
        good = value(redis_url, name)
        assert good.count(position) == 1
        put(redis_url, name, good.replace(position, newer))
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_record_sealed_under_another_secret_is_not_believed(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        entry = first.cached._sealer.open(name.decode(), value(redis_url, name))
        assert entry is not None
        stranger = Sealer(Secrets(["a secret that somebody else has made"]))
        put(redis_url, name, stranger.seal(name.decode(), entry))
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)


def test_a_record_kept_from_before_the_ending_revives_nobody(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        token = cookie(login)
        await first.checks_and_notes(token)
        (name,) = entries(redis_url)
        kept = value(redis_url, name)
        site.end(login)
        for server in (first, second):
            await server.sync()
        put(redis_url, name, kept)
        for server in (first, second):
            server.forget()
            with pytest.raises(SessionEnded):
                await server.check(token)

    running(redis_url, test)


def test_a_record_kept_from_before_a_role_change_gives_no_roles_back(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        kept = value(redis_url, name)
        change_roles(site)
        await second.sync()
        put(redis_url, name, kept)
        assert (await second.check(token)).principal.roles == frozenset()

    running(redis_url, test)


def test_a_record_put_back_again_and_again_is_not_used_for_longer_than_t(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        kept = value(redis_url, name)
        for _ in range(5):
            site.clock.advance(T / 4)
            await second.sync()
            second.forget()
            put(redis_url, name, kept)
            await second.check(token)
            await settled(second.pipeline)
        assert len(second.asked) == 2

    running(redis_url, test)


def test_a_record_from_an_old_epoch_revives_nobody(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        login = site.log_in()
        await first.checks_and_notes(cookie(login))
        (name,) = entries(redis_url)
        kept = value(redis_url, name)
        site.end(login)
        epoch = site.store.view(lambda tx: tx.log.head()).epoch
        site.store.transact(lambda tx: tx.log.begin_epoch(epoch.successor()))
        site.store.transact(lambda tx: tx.log.forget(up_to=10))
        await second.sync()
        put(redis_url, name, kept)
        with pytest.raises(SessionEnded):
            await second.check(cookie(login))

    running(redis_url, test)


def test_what_lies_in_redis_tells_nothing(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        login = site.log_in()
        token = cookie(login)
        await first.checks_and_notes(token)
        (name,) = entries(redis_url)
        all_of_it = name + value(redis_url, name)
        plain = digest(token)
        for told in (
            token,
            token[4:],
            plain,
            plain.hex().encode(),
            login.session.id.encode(),
            site.user.id.encode(),
            b"editor",
        ):
            assert told not in all_of_it

    running(redis_url, test, servers=1)


def test_two_entries_of_one_record_have_nothing_in_common(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        _, name = await note(site, first, redis_url)
        one = value(redis_url, name)
        entry = first.cached._sealer.open(name.decode(), one)
        assert entry is not None
        other = first.cached._sealer.seal(name.decode(), entry)
        assert one[1:29] != other[1:29]
        assert one[-40:] != other[-40:]

    running(redis_url, test, servers=1)


def test_a_forgery_is_logged_once(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        for _ in range(3):
            put(redis_url, name, b"forged\r\n2030-01-01 CRITICAL all is well")
            second.forget()
            await second.check(token)

    with caplog.at_level(logging.WARNING):
        running(redis_url, test)
    assert caplog.text.count("no server of this installation has made") == 1
    assert "all is well" not in caplog.text


def test_names_with_separators_meet_nobody_elses(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        name = first.cached._sealer.name
        asked = [
            LookUp(session_id="ses_a", kid="b"),
            LookUp(session_id="ses_a:b"),
            LookUp(session_id="ses_a", kid=None),
            LookUp(session_id="ses_a", kid=""),
            LookUp(session_id="*\r\nFLUSHALL\r\n"),
            LookUp(digest=b"ses_a"),
        ]
        names = {name(each) for each in asked}
        assert len(names) == len(asked)
        assert all(each.replace("coatcheck:record:", "").isalnum() for each in names)

    running(redis_url, test, servers=1)


def test_a_flood_of_wake_ups_is_one_question_at_a_time(redis_url: str) -> None:
    async def test(site: Site, first: Server) -> None:
        rung: list[float] = []
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        bell = RedisBell(lambda: ears_for(read_address(redis_url)), first.pipeline, SECRETS)
        stop = bell.watch(Seldom(lambda: begun.set() or rung.append(loop.time())))  # as an engine does
        await begun.wait()
        began = loop.time()
        with redis_at(redis_url) as there:
            for _ in range(20):
                with there.pipeline(transaction=False) as flood:
                    for _ in range(500):
                        flood.publish(channel_of(SECRETS), b"changed\r\n" * 100)
                    flood.execute()
                await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        seconds = loop.time() - began
        stop()
        assert 2 <= len(rung) <= seconds / 0.005 + 2

    running(redis_url, test, servers=1)


def test_a_record_from_the_future_is_none(redis_url: str) -> None:
    async def test(site: Site, first: Server, second: Server) -> None:
        token, name = await note(site, first, redis_url)
        kept = value(redis_url, name)
        second.ahead = -timedelta(hours=1).total_seconds()
        await second.sync()
        put(redis_url, name, kept)
        await second.check(token)
        assert len(second.asked) == 1

    running(redis_url, test)
