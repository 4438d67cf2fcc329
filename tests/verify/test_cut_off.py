"""A Verifier whose server can't be reached, or isn't what it should be: no silent yes, and a clear word in the log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.settings import RevocationSettings
from coatcheck.verify import Verifier
from tests.verify.gate import Gate
from tests.verify.site import Held, Site, refusal, trusting

LEASE = timedelta(seconds=1)


@contextmanager
def behind(gate: Gate) -> Iterator[Site]:
    with trusting(make=gate.around(), revocation=RevocationSettings(lease=LEASE)) as site:
        yield site


def until(true: Callable[[], bool], within: float = 20.0) -> float:
    """Wait until something is so; return how long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within
        time.sleep(0.005)
    return time.monotonic() - began


def warm(site: Site, **how: object) -> tuple[Verifier, Held]:
    verifier, held = site.verifier(**how), site.log_in()
    verifier.check(held.token)
    return verifier, held


@pytest.mark.parametrize("mode", ["down", "hang", "another site", "redirect", "nonsense", "deep"])
def test_without_a_server_checks_go_on_for_a_lease_and_are_then_put_off_until_it_is_back(mode: str) -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, held = warm(site)
        gate.mode = mode
        assert until(lambda: not verifier.state.fresh) <= LEASE.total_seconds() * 1.1 + 2
        assert refusal(verifier, held.token) == "store.unavailable"
        state = verifier.state
        assert not state.fresh
        assert state.stale_since is not None
        assert state.behind_by is not None
        assert state.behind_by >= LEASE * 0.9
        gate.mode = ""
        until(lambda: verifier.state.fresh)
        assert refusal(verifier, held.token) == ""


def test_deny_asks_nobody() -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, held = warm(site, policy="deny")
        gate.mode = "down"
        until(lambda: not verifier.state.fresh)
        gate.seen.clear()
        assert refusal(verifier, held.token) == "checking.stale"
        assert not any(path.endswith("introspect") for path, _ in gate.seen)


def test_online_asks_for_that_one_check_when_only_the_feed_is_cut() -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, held = warm(site)
        other = site.log_in("bob@example.com")
        verifier.check(other.token)
        site.server.run(site.auth.services.change(site.service.id, feed=False))
        until(lambda: not verifier.state.fresh)
        assert refusal(verifier, held.token) == ""
        site.server.run(site.auth.end_session(held.user_id, held.session_id))
        assert refusal(verifier, held.token) == "token.invalid"
        assert refusal(verifier, other.token) == ""
        assert refusal(verifier, other.token, policy="deny") == "checking.stale"


def test_accept_goes_on_and_every_receipt_names_it() -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, held = warm(site, policy="accept", accept_for=timedelta(seconds=60))
        gate.mode = "down"
        until(lambda: not verifier.state.fresh)
        assert refusal(verifier, held.token) == ""
        assert refusal(verifier, held.token, policy="deny") == "checking.stale"
        assert refusal(verifier, held.token, policy="online") == "store.unavailable"
        receipt = site.server.run(site.auth.end_session(held.user_id, held.session_id, wait=True))
        assert receipt is not None
        assert receipt.unbound == ("orders here",)
        assert refusal(verifier, held.token) == "", "as it was told to be"
        gate.mode = ""
        until(lambda: verifier.state.fresh)
        assert refusal(verifier, held.token) == "session.ended"


def test_accept_does_not_begin_without_a_lease() -> None:
    gate = Gate()
    with behind(gate) as site:
        held = site.log_in()
        gate.mode = "down"
        assert refusal(site.verifier(policy="accept"), held.token) in ("checking.stale", "store.unavailable")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("down", "status 503"),
        ("another site", "does not answer as a Coatcheck server"),
        ("redirect", "redirect, which is not followed"),
        ("nonsense", "not understood"),
        ("another question", "no answer to what it was asked"),
        ("refused", "refuses this service's credential"),
    ],
)
def test_what_is_wrong_is_logged_once_and_so_is_its_end(mode: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, _ = warm(site)
        caplog.clear()
        gate.mode = mode
        until(lambda: not verifier.state.fresh)
        time.sleep(0.5)
        told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(told) == len(set(told)), told  # on a slow machine it may have been too late, besides
        assert any(said in line for line in told), told
        assert not any(site.secret in line for line in told)
        gate.mode = ""
        until(lambda: verifier.state.fresh)
        assert "followed again" in caplog.records[-1].message


def test_a_redirect_is_not_followed_so_the_credential_goes_nowhere_else() -> None:
    gate = Gate()
    with behind(gate) as site:
        gate.mode = "redirect"
        verifier = site.verifier().start()
        until(lambda: len(gate.seen) >= 3)
        assert {path for path, _ in gate.seen} == {"/auth/api/feed"}
        assert verifier.state.position is None


def test_a_callers_answer_does_not_tell_what_is_wrong_between_the_servers() -> None:
    gate = Gate()
    with behind(gate) as site:
        verifier, held = warm(site)
        gate.mode = "refused"
        until(lambda: not verifier.state.fresh)
        with pytest.raises(StoreUnavailable) as told:
            verifier.check(held.token)
        assert told.value.message == StoreUnavailable().message


def test_how_old_its_knowledge_is_does_not_hide_behind_a_lease_that_became_shorter() -> None:
    gate = Gate()
    with trusting(make=gate.around(), revocation=RevocationSettings(lease=timedelta(seconds=5))) as site:
        verifier, _ = warm(site)
        lease = verifier._alive.subscriber.lease
        site.server.run(
            site.auth.store.write(
                lambda tx: tx.log.set_parameters(lease=LEASE, token=timedelta(minutes=10), drift=0.1),
            )
        )
        until(lambda: lease.length == LEASE.total_seconds())
        gate.mode = "down"
        time.sleep(0.6)
        behind_by = verifier.state.behind_by
        assert behind_by is not None
        assert behind_by >= timedelta(seconds=0.3)
