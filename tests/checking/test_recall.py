"""What each policy does when memory can't tell (rule 8)."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from coatcheck.authority import Found, LookUp
from coatcheck.checking.recall import Policy
from coatcheck.errors import CheckingStale, SessionEnded, StoreUnavailable, TokenInvalid
from coatcheck.model.login import Login
from coatcheck.model.position import Position
from coatcheck.model.session import Carry
from tests.checking.builders import Site, cookie, jwt


def checked(site: Site, token: bytes) -> str:
    return asyncio.run(site.recall.check(token)).session_id


def cut_off(policy: Policy) -> tuple[Site, bytes]:
    """A process that knew a cookie, and has lost both the store and the lease."""
    site = Site(policy)
    asyncio.run(site.sync())
    token = cookie(site.log_in())
    checked(site, token)
    site.clock.advance(timedelta(seconds=6))
    site.is_reachable = False
    return site, token


def test_online_asks_for_a_read_of_its_own_without_a_lease() -> None:
    site, token = cut_off(Policy.ONLINE)
    site.is_reachable = True
    checked(site, token)
    assert site.asked[-1][1] is True


def test_online_refuses_what_the_store_knows_to_be_over() -> None:
    site = Site()
    login = site.log_in()
    site.end(login)
    with pytest.raises(SessionEnded):
        checked(site, cookie(login))


def test_online_never_says_yes_when_the_store_is_away() -> None:
    site, token = cut_off(Policy.ONLINE)
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_deny_does_not_ask_without_a_lease() -> None:
    site, token = cut_off(Policy.DENY)
    site.is_reachable = True
    with pytest.raises(CheckingStale):
        checked(site, token)
    assert len(site.asked) == 1


def test_deny_asks_about_what_it_does_not_know_under_the_lease() -> None:
    site = Site(Policy.DENY)
    asyncio.run(site.sync())
    assert checked(site, cookie(site.log_in()))


def test_accept_goes_on_for_its_span_and_then_asks() -> None:
    site, token = cut_off(Policy.ACCEPT)
    assert checked(site, token)
    site.clock.advance(timedelta(seconds=60))
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_accept_accepts_only_what_was_known() -> None:
    site, _ = cut_off(Policy.ACCEPT)
    with pytest.raises(StoreUnavailable):
        checked(site, cookie(site.log_in()))


def test_accept_refuses_what_is_known_to_be_over() -> None:
    site = Site(Policy.ACCEPT)
    asyncio.run(site.sync())
    login = site.log_in()
    checked(site, cookie(login))
    site.heed_end(login)
    site.clock.advance(timedelta(seconds=6))
    site.is_reachable = False
    with pytest.raises(SessionEnded):
        checked(site, cookie(login))


def test_accept_needs_a_lease_once_held_by_this_registration() -> None:
    site, token = cut_off(Policy.ACCEPT)
    site.subscriber.registered("reg_other")
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_a_standby_that_lags_counts_as_away() -> None:
    site, token = cut_off(Policy.ONLINE)
    site.is_reachable = True
    position = site.replica.position
    assert position is not None
    site.replica.position = Position(position.epoch, position.seq + 1)
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_an_answer_that_took_as_long_as_a_lease_is_too_old() -> None:
    site, token = cut_off(Policy.ONLINE)
    site.is_reachable = True
    real = site.recall._look_up

    async def slow(asked: LookUp, fresh: bool) -> Found:
        found = await real(asked, fresh)
        site.clock.advance(timedelta(seconds=5))
        return found

    site.recall._look_up = slow
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_what_an_answer_was_old_already_counts_as_if_it_had_taken_as_long() -> None:
    site, token = cut_off(Policy.ONLINE)
    site.is_reachable = True
    real, age_ms = site.recall._look_up, 2_900

    async def from_memory(asked: LookUp, fresh: bool) -> Found:
        found = await real(asked, fresh)
        site.clock.advance(timedelta(seconds=2))
        return structs.replace(found, age_ms=age_ms)

    site.recall._look_up = from_memory
    checked(site, token)
    age_ms = 3_000
    with pytest.raises(StoreUnavailable):
        checked(site, token)


def test_a_shared_answer_from_before_an_ending_is_not_believed() -> None:
    site = Site()
    asyncio.run(site.sync())
    login = site.log_in()
    real = site.recall._look_up

    async def late(asked: LookUp, fresh: bool) -> Found:
        found = await real(asked, fresh)
        if not fresh:
            site.heed_end(login)
        return found

    site.recall._look_up = late
    with pytest.raises(SessionEnded):
        checked(site, cookie(login))


def test_a_shared_answer_that_is_older_than_what_is_known_is_asked_for_again() -> None:
    site = Site()
    site.log_in()
    asyncio.run(site.sync())
    login = site.log_in()
    real = site.recall._look_up

    async def old(asked: LookUp, fresh: bool) -> Found:
        found = await real(asked, fresh)
        below = Position(found.position.epoch, found.position.seq - 1)
        return found if fresh else structs.replace(found, position=below, record=None)

    site.recall._look_up = old
    assert checked(site, cookie(login)) == login.session.id


def ends_meanwhile(site: Site, login: Login) -> None:
    """While an answer is on its way ``login`` ends, and that is known here before the answer is."""
    real = site.recall._look_up

    async def behind(asked: LookUp, fresh: bool) -> Found:
        found = await real(asked, fresh)
        if not fresh:
            site.end(login)
            await site.sync()
        return found

    site.recall._look_up = behind


def test_a_shared_answer_from_a_server_that_is_a_moment_behind_is_good_if_it_passes_what_is_known_here() -> None:
    site = Site()
    other = site.log_in()
    asyncio.run(site.sync())
    login = site.log_in()
    ends_meanwhile(site, other)
    assert checked(site, cookie(login)) == login.session.id
    assert [fresh for _, fresh in site.asked] == [False], "it was not asked again"


def test_a_shared_answer_from_before_the_credential_was_ended_is_refused_by_what_is_known_here() -> None:
    site = Site()
    asyncio.run(site.sync())
    login = site.log_in()
    ends_meanwhile(site, login)
    with pytest.raises(SessionEnded):
        checked(site, cookie(login))
    assert [fresh for _, fresh in site.asked] == [False], "it was known here"


def test_an_unknown_key_is_learned_with_one_sync() -> None:
    site = Site()
    assert checked(site, jwt(site.log_in(Carry.TOKENS)))
    assert site.asked == []


def test_an_unknown_key_is_no_reason_to_say_no_while_nothing_can_be_learned() -> None:
    site = Site()
    token = jwt(site.log_in(Carry.TOKENS))
    site.is_reachable = False
    with pytest.raises(CheckingStale):
        checked(site, token)


def test_a_key_that_nobody_has_is_refused_after_one_sync() -> None:
    site, stranger = Site(), Site()
    asyncio.run(site.sync())
    with pytest.raises(TokenInvalid):
        checked(site, jwt(stranger.log_in(Carry.TOKENS)))
