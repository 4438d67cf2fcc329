"""What the local switch refuses, whatever the log says: from memory, from tokens and from the store (rule 19)."""

import asyncio
from datetime import timedelta

import pytest

from coatcheck.checking.cache import Remembered
from coatcheck.checking.doubt import Doubt, Reason
from coatcheck.checking.recall import Policy
from coatcheck.errors import CheckingStale, SessionEnded
from coatcheck.model.key import KeyStatus
from coatcheck.model.login import Login
from coatcheck.model.session import Carry
from tests.checking.builders import Site, cookie, jwt

LOGINS = pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])


def token_of(login: Login) -> bytes:
    return cookie(login) or jwt(login)


def passes(site: Site, login: Login) -> bool:
    """Ask as everybody does; what is refused must say "try again" and nothing else."""
    try:
        asyncio.run(site.recall.check(token_of(login)))
    except CheckingStale:
        return False
    return True


def following(policy: Policy = Policy.ONLINE) -> Site:
    site = Site(policy)
    asyncio.run(site.sync())
    return site


@LOGINS
def test_a_listed_session_is_refused_and_its_neighbour_is_not(carry: Carry) -> None:
    site = following()
    listed, other = site.log_in(carry), site.log_in(carry)
    assert passes(site, listed)
    assert passes(site, other)
    site.checker.deny(identifiers=[listed.session.id])
    assert not passes(site, listed)
    assert passes(site, other)


@LOGINS
def test_a_listed_user_is_refused_with_every_session(carry: Carry) -> None:
    site = following()
    logins = [site.log_in(carry), site.log_in(carry)]
    site.checker.deny(identifiers=[site.user.id])
    assert not any(passes(site, login) for login in logins)


def test_what_a_listed_key_signed_is_refused_and_cookies_are_not() -> None:
    site = following()
    token, browser = site.log_in(Carry.TOKENS), site.log_in(Carry.COOKIE)
    kid = next(key.kid for key in site.store.view(lambda tx: tx.keys.all()) if key.status is KeyStatus.CURRENT)
    site.checker.deny(identifiers=[kid])
    assert not passes(site, token)
    assert passes(site, browser)


@LOGINS
def test_everything_is_refused_and_again_accepted_when_it_is_lifted(carry: Carry) -> None:
    site = following()
    login = site.log_in(carry)
    site.checker.deny(everything=True)
    assert not passes(site, login)
    site.checker.deny()
    assert passes(site, login)


def test_a_remembered_credential_is_refused_from_memory_alone() -> None:
    site = following()
    login = site.log_in()
    assert passes(site, login)
    site.checker.deny(identifiers=[login.session.id])
    asked = len(site.asked)
    decided = site.checker.check(cookie(login))
    assert isinstance(decided, Doubt)
    assert decided.reason is Reason.DENIED
    assert not passes(site, login)
    assert len(site.asked) == asked


def test_what_was_decided_before_no_longer_stands() -> None:
    site = following()
    remembered = asyncio.run(site.recall.check(token_of(site.log_in())))
    assert site.checker.look_again(remembered)
    site.checker.deny(everything=True)
    assert not site.checker.look_again(remembered)


@pytest.mark.parametrize("has_lease", [True, False])
def test_the_answer_of_the_store_does_not_help(has_lease: bool) -> None:
    site = following() if has_lease else Site()
    login = site.log_in()
    site.checker.deny(identifiers=[login.session.id])
    assert not passes(site, login)
    assert site.asked
    site.checker.deny()
    assert passes(site, login)


def test_accepting_without_a_lease_ends_with_it() -> None:
    site = following(Policy.ACCEPT)
    login = site.log_in()
    assert passes(site, login)
    site.clock.advance(timedelta(seconds=6))
    site.is_reachable = False
    assert passes(site, login)
    site.checker.deny(identifiers=[login.session.id])
    assert not passes(site, login)


def test_a_doubt_that_was_settled_under_accept_is_refused_when_the_switch_came_in_between() -> None:
    site = following(Policy.ACCEPT)
    login = site.log_in()
    assert passes(site, login)
    site.clock.advance(timedelta(seconds=6))
    doubt = site.checker.check(cookie(login))
    assert isinstance(doubt, Doubt)
    site.checker.deny(everything=True)
    with pytest.raises(CheckingStale):
        asyncio.run(site.recall.settle(doubt))


def test_what_has_ended_stays_ended_and_says_so() -> None:
    site = following()
    login = site.log_in()
    assert passes(site, login)
    site.heed_end(login)
    site.checker.deny(everything=True)
    with pytest.raises(SessionEnded):
        site.checker.check(cookie(login))


def test_refusing_for_now_ends_nothing() -> None:
    site = following()
    login = site.log_in()
    assert passes(site, login)
    position = site.replica.position
    site.checker.deny(identifiers=[login.session.id])
    assert not passes(site, login)
    assert site.replica.position == position
    site.checker.deny()
    assert isinstance(site.checker.check(cookie(login)), Remembered)


def test_what_is_no_identifier_changes_nothing() -> None:
    site = following()
    login = site.log_in()
    site.checker.deny(identifiers=[login.session.id])
    with pytest.raises(ValueError, match="not an identifier"):
        site.checker.deny(identifiers=["ann"])
    assert not passes(site, login)
