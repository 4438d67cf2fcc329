"""A service without database checks the server's tokens from memory, and refuses what was ended a moment ago."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from coatcheck.errors import Misconfigured, TokenExpired
from coatcheck.model.key import Algorithm
from coatcheck.model.principal import Kind
from coatcheck.settings import TokenSettings
from coatcheck.testing import ManualClock
from tests.verify.site import AUDIENCE, Site, refusal, trusting


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting() as running:
        yield running


def test_a_token_for_this_service_is_accepted_and_says_who_it_is(site: Site) -> None:
    held = site.log_in(roles=["clerk"])
    who = site.verifier().check(held.token)
    assert (who.kind, who.user_id, who.session_id, who.roles) == (
        Kind.USER,
        held.user_id,
        held.session_id,
        frozenset({"clerk"}),
    )


def test_what_is_for_somebody_else_or_no_token_at_all_is_refused(site: Site) -> None:
    verifier = site.verifier()
    assert refusal(verifier, site.log_in(audience=None).token) == "token.wrong_audience"
    held = site.log_in()
    assert refusal(site.verifier(issuer="https://another.example.com/auth"), held.token) == "token.invalid"
    for nonsense in ("", "x", "eyJ.eyJ.x", f"{held.token[:-2]}AA", "ccr_" + "A" * 44, site.secret):
        assert refusal(verifier, nonsense) == "token.invalid", nonsense


def test_when_a_waited_ending_is_answered_the_next_check_refuses_and_the_receipt_names_the_service(site: Site) -> None:
    verifier = site.verifier()
    for turn in range(20):
        held = site.log_in(f"person{turn}@example.com")
        verifier.check(held.token)
        assert "orders here" in site.end(held)
        assert refusal(verifier, held.token) == "session.ended"


def test_an_ending_before_the_first_sight_is_refused_too(site: Site) -> None:
    held = site.log_in()
    site.end(held)
    assert refusal(site.verifier(), held.token) == "session.ended"


def test_a_change_of_roles_outdates_the_token_and_everything_ended_revokes_it() -> None:
    with trusting() as site:
        verifier, held = site.verifier(), site.log_in()
        verifier.check(held.token)
        site.server.run(site.auth.set_roles(held.user_id, ("clerk",), wait=True))
        assert refusal(verifier, held.token) == "token.outdated"
        held = site.log_in("bob@example.com")
        verifier.check(held.token)
        site.server.run(site.auth.end_everything(reason="a drill", wait=True))
        assert refusal(verifier, held.token) == "token.revoked"
        assert refusal(verifier, site.log_in("cyd@example.com").token) == ""


def test_a_revoked_key_signs_nothing_that_is_accepted() -> None:
    with trusting() as site:
        verifier, held = site.verifier(), site.log_in()
        verifier.check(held.token)
        for key in site.server.run(site.auth.keys()):
            if key.status == "current":
                site.server.run(site.auth.revoke_key(key.kid, reason="a drill", wait=True))
        assert refusal(verifier, held.token) == "token.invalid"


def test_a_token_expires_by_this_process_own_clock(site: Site) -> None:
    clock = ManualClock(site.auth._ready.now())
    verifier, held = site.verifier(clock=clock), site.log_in()
    verifier.check(held.token)
    clock.advance(timedelta(minutes=10, seconds=31))
    with pytest.raises(TokenExpired):
        verifier.check(held.token)


def test_a_warm_check_does_no_io(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in()
    verifier.check(held.token)
    here, seen = threading.get_ident(), []

    def hook(event: str, _: object) -> None:
        if watching and threading.get_ident() == here:
            seen.append(event)

    watching = False
    sys.addaudithook(hook)
    watching = True
    for _ in range(100):
        verifier.check(held.token)
    watching = False
    assert seen == []


def test_it_may_be_asked_from_many_threads_and_from_asyncio(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in()
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(refusal(verifier, held.token))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [""] * 16

    async def ask() -> set[str | None]:
        return {(await verifier.check_async(held.token)).user_id for _ in range(3)}

    assert asyncio.run(ask()) == {held.user_id}


def test_asyncio_is_not_held_up_by_a_first_check(site: Site) -> None:
    verifier, held = site.verifier(), site.log_in()

    async def ask() -> str | None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        who = await verifier.check_async(held.token)
        ticking.cancel()
        assert ticks > 5
        return who.user_id

    assert asyncio.run(ask()) == held.user_id


def test_closing_says_goodbye_and_nothing_is_checked_afterwards_until_it_starts_again(site: Site) -> None:
    verifier, held = site.verifier(name="leaving soon"), site.log_in()
    verifier.check(held.token)
    assert _registered(site, "leaving soon") == 1
    verifier.close()
    verifier.close()
    assert _registered(site, "leaving soon") == 0
    with pytest.raises(Misconfigured):
        verifier.check(held.token)
    with verifier:
        verifier.check(held.token)
        assert _registered(site, "leaving soon") == 1


def test_the_state_tells_how_much_is_known(site: Site) -> None:
    verifier = site.verifier()
    assert (verifier.state.fresh, verifier.state.behind_by, verifier.state.position) == (False, None, None)
    verifier.check(site.log_in().token)
    state = verifier.state
    assert state.fresh
    assert state.stale_since is None
    assert state.behind_by is not None
    assert timedelta(0) <= state.behind_by < timedelta(seconds=5)
    assert state.position is not None


def test_one_check_may_be_stricter_than_its_verifier_and_never_laxer(site: Site) -> None:
    held = site.log_in()
    verifier = site.verifier(policy="accept")
    for policy in ("accept", "online", "deny"):
        assert refusal(verifier, held.token, policy=policy) == ""
    with pytest.raises(Misconfigured):
        site.verifier(policy="deny").check(held.token, policy="online")
    with pytest.raises(Misconfigured):
        site.verifier().check(held.token, policy="accept")
    with pytest.raises(Misconfigured):
        site.verifier().check(held.token, policy="whatever")


def test_a_forked_process_registers_anew_and_is_told_of_endings_too(site: Site) -> None:
    verifier, held = site.verifier(name=None), site.log_in()
    verifier.check(held.token)
    ours, theirs = os.pipe(), os.pipe()
    gc.collect()  # nothing of other tests is left to be collected, and to warn, in the child
    child = os.fork()
    if child == 0:
        os.write(ours[1], refusal(verifier, held.token).encode() + b".")
        os.read(theirs[0], 1)
        os.write(ours[1], refusal(verifier, held.token).encode() + b".")
        verifier.close()
        os._exit(0)
    assert os.read(ours[0], 100) == b"."
    names = site.end(held)
    os.write(theirs[1], b"x")
    assert os.read(ours[0], 100) == b"session.ended."
    assert os.waitpid(child, 0)[1] == 0
    assert sum(name.endswith(f":{child}") for name in names) == 1
    assert sum(name.startswith("orders ") and name.endswith(f":{os.getpid()}") for name in names) == 1
    assert refusal(verifier, held.token) == "session.ended"


def test_nothing_secret_is_in_a_repr_or_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    verifier, held = site.verifier(), site.log_in()
    verifier.check(held.token)
    shown = repr(verifier) + repr(verifier._plan) + repr(verifier._alive.deciding) + caplog.text
    assert site.secret not in shown
    assert held.token not in shown


@pytest.mark.parametrize(
    ("url", "how"),
    [
        ("http://auth.example.com", {}),
        ("auth.example.com", {}),
        ("ftp://auth.example.com", {}),
        ("https://user:secret@auth.example.com", {}),
        ("https://auth.example.com/auth?x=1", {}),
        ("https://auth.example.com:port", {}),
        ("https://auth.example.com", {"credential": ""}),
        ("https://auth.example.com", {"credential": "two words"}),
        ("https://auth.example.com", {"credential": "ccx_\nx"}),
        ("https://auth.example.com", {"audience": ""}),
        ("https://auth.example.com", {"policy": "maybe"}),
        ("https://auth.example.com", {"accept_for": timedelta(hours=2)}),
        ("https://auth.example.com", {"leeway": timedelta(minutes=2)}),
        ("https://auth.example.com", {"cache_records": 1}),
        ("https://auth.example.com", {"name": "a\nb"}),
    ],
)
def test_what_does_not_fit_together_is_said_at_construction(site: Site, url: str, how: dict[str, object]) -> None:
    with pytest.raises(Misconfigured) as told:
        site.verifier(url=url, **how)
    assert "secret@" not in str(told.value)


def test_plain_http_to_another_machine_has_to_be_asked_for(site: Site) -> None:
    assert repr(site.verifier(url="http://auth.internal:8000", insecure_http=True, issuer=None))


def test_hs256_is_checked_only_where_the_store_is() -> None:
    with trusting(tokens=TokenSettings(audiences=(AUDIENCE,), algorithm=Algorithm.HS256)) as site:
        assert refusal(site.verifier(), site.log_in().token) == "token.invalid"


def _registered(site: Site, name: str) -> int:
    return sum(row.name == f"orders {name}" for row in site.server.run(site.auth.subscribers()))
