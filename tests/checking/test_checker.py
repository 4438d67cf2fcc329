"""What is decided from memory, and what is not (rules 8 to 11)."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from coatcheck.checking.cache import Remembered
from coatcheck.checking.doubt import Doubt, Reason
from coatcheck.errors import (
    SessionEnded,
    SessionExpired,
    TokenExpired,
    TokenInvalid,
    TokenOutdated,
    TokenWrongAudience,
)
from coatcheck.model.key import KeyStatus
from coatcheck.model.session import Carry
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import revoke_key
from tests.checking.builders import Site, cookie, jwt


@pytest.fixture
def site() -> Site:
    made = Site()
    asyncio.run(made.sync())
    return made


def remembered(site: Site, token: bytes) -> Remembered:
    return asyncio.run(site.recall.check(token))


def change_roles(site: Site) -> None:
    user = site.store.view(lambda tx: tx.users.get(site.user.id))
    assert user is not None
    changed = structs.replace(user, roles=("reader",))
    site.store.transact(
        lambda tx: change_user(tx, changed, kind="user.roles_changed", at=site.means.now(), actor_id=None)
    )


def test_a_cookie_is_asked_about_once_and_then_known(site: Site) -> None:
    token = cookie(site.log_in())
    first = site.checker.check(token)
    assert isinstance(first, Doubt)
    assert first.reason is Reason.UNKNOWN
    assert remembered(site, token).principal.roles == {"editor"}
    assert isinstance(site.checker.check(token), Remembered)
    assert len(site.asked) == 1


def test_a_token_is_known_without_asking(site: Site) -> None:
    assert isinstance(site.checker.check(jwt(site.log_in(Carry.TOKENS))), Remembered)
    assert site.asked == []


@pytest.mark.parametrize("token", [b"", b"nonsense", b"ccs_" + b"A" * 44, b"eyJ", b"eyJ.e30.", b"\xff" * 50])
def test_what_we_never_made_is_refused_without_asking(site: Site, token: bytes) -> None:
    with pytest.raises(TokenInvalid):
        site.checker.check(token)


@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])
def test_what_was_ended_at_home_is_refused_at_once(site: Site, carry: Carry) -> None:
    login = site.log_in(carry)
    token = cookie(login) or jwt(login)
    remembered(site, token)
    site.heed_end(login)
    with pytest.raises(SessionEnded):
        site.checker.check(token)


def test_what_was_ended_elsewhere_is_refused_after_a_sync(site: Site) -> None:
    login = site.log_in()
    remembered(site, cookie(login))
    site.end(login)
    assert isinstance(site.checker.check(cookie(login)), Remembered)
    asyncio.run(site.sync())
    with pytest.raises(SessionEnded):
        site.checker.check(cookie(login))


def test_a_role_change_makes_a_token_outdated_and_lets_a_cookie_in_with_the_new_roles(site: Site) -> None:
    opaque, token = cookie(site.log_in()), jwt(site.log_in(Carry.TOKENS))
    remembered(site, opaque)
    remembered(site, token)
    change_roles(site)
    asyncio.run(site.sync())
    with pytest.raises(TokenOutdated):
        site.checker.check(token)
    assert remembered(site, opaque).principal.roles == {"reader"}


def test_a_token_of_a_revoked_key_is_invalid_known_or_not(site: Site) -> None:
    known, unknown = jwt(site.log_in(Carry.TOKENS)), jwt(site.log_in(Carry.TOKENS))
    remembered(site, known)
    kid = next(key.kid for key in site.store.view(lambda tx: tx.keys.all()) if key.status is KeyStatus.CURRENT)
    now = site.means.now()
    site.store.transact(lambda tx: revoke_key(tx, kid, expected=KeyStatus.CURRENT, at=now, actor_id=None))
    asyncio.run(site.sync())
    for token in (known, unknown):
        with pytest.raises(TokenInvalid):
            remembered(site, token)


def test_a_token_for_one_audience_is_refused_for_another_though_it_is_remembered(site: Site) -> None:
    token = jwt(site.log_in(Carry.TOKENS, audience="orders"))
    assert isinstance(site.checker.check(token, audience="orders"), Remembered)
    with pytest.raises(TokenWrongAudience):
        site.checker.check(token)
    with pytest.raises(TokenWrongAudience):
        site.checker.check(token, audience="billing")


def test_the_audience_counts_before_the_store_is_asked(site: Site) -> None:
    token = jwt(site.log_in(Carry.TOKENS, audience="orders"))
    site.checker.check(token, audience="orders")
    site.replica.floor = 99
    with pytest.raises(TokenWrongAudience):
        site.checker.check(token)


def test_what_is_stamped_below_the_floor_is_asked_about_and_stamped_anew(site: Site) -> None:
    token = jwt(site.log_in(Carry.TOKENS))
    remembered(site, token)
    site.end(site.log_in())
    asyncio.run(site.sync())
    position = site.replica.position
    assert position is not None
    site.replica.floor = position.seq
    site.replica.state += 1
    doubt = site.checker.check(token)
    assert isinstance(doubt, Doubt)
    assert doubt.reason is Reason.UNSTAMPED
    remembered(site, token)
    assert isinstance(site.checker.check(token), Remembered)
    assert len(site.asked) == 1


def test_without_a_lease_nothing_is_decided(site: Site) -> None:
    token = cookie(site.log_in())
    remembered(site, token)
    site.clock.advance(timedelta(seconds=5))
    doubt = site.checker.check(token)
    assert isinstance(doubt, Doubt)
    assert doubt.reason is Reason.NO_LEASE


def test_a_record_is_asked_about_again_after_its_time(site: Site) -> None:
    token = cookie(site.log_in())
    remembered(site, token)
    site.clock.advance(timedelta(minutes=10))
    asyncio.run(site.sync())
    assert isinstance(site.checker.check(token), Doubt)


def test_an_expired_token_says_so_and_an_expired_session_too(site: Site) -> None:
    opaque, token = cookie(site.log_in()), jwt(site.log_in(Carry.TOKENS))
    remembered(site, opaque)
    remembered(site, token)
    site.clock.advance(timedelta(minutes=10, seconds=31))
    with pytest.raises(TokenExpired):
        site.checker.check(token)
    site.clock.advance(timedelta(hours=12))
    with pytest.raises(SessionExpired):
        site.checker.check(opaque)


def test_idleness_is_never_decided_from_memory(site: Site) -> None:
    login = site.log_in()
    remembered(site, cookie(login))
    site.clock.advance(timedelta(hours=2, seconds=20))
    site.store.transact(lambda tx: tx.sessions.touch({login.session.id: site.clock.now}))
    assert remembered(site, cookie(login)).session_id == login.session.id
    site.clock.advance(timedelta(hours=2, seconds=31))
    with pytest.raises(SessionExpired):
        remembered(site, cookie(login))


def test_a_forked_child_remembers_nothing(site: Site) -> None:
    token = cookie(site.log_in())
    remembered(site, token)
    site.subscriber.leave()
    site.checker.forget_everything()
    doubt = site.checker.check(token)
    assert isinstance(doubt, Doubt)
    assert doubt.reason is Reason.UNKNOWN
    assert not site.checker.is_trusted()


def test_a_doubt_does_not_show_the_token(site: Site) -> None:
    token = cookie(site.log_in())
    assert token.decode() not in repr(site.checker.check(token))
