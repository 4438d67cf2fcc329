"""FD-07, FD-14: a token is named under one key of the feed and tested against what was learned under the next.

When the server's secret is replaced, sessions and users get other names. Were a credential that was named before tested
against events that were named afterwards, nothing would match it, and what was revoked would pass.
"""

import threading
import time
from typing import Any

from coatcheck import Auth
from coatcheck.model.session import Carry
from coatcheck.tokens.derivation import Secrets
from tests.verify.site import refusal, trusting
from tests.verify.test_cut_off import until

OLD, NEW = "the first secret of this test, long enough 1", "the second secret of this test, long enough 2"


def replace_secret(auth: Auth, secret: str) -> None:
    opened = auth.parts
    opened.fill(opened._there._replace(secrets=Secrets((secret,))))


def test_everything_is_forgotten_and_learned_anew_and_what_ended_stays_ended() -> None:
    with trusting(secrets=(OLD,)) as site:
        verifier = site.verifier()
        ended, held = site.log_in("ann@example.com"), site.log_in("bob@example.com")
        verifier.check(ended.token)
        verifier.check(held.token)
        site.end(ended)
        before = verifier._alive.deciding
        replace_secret(site.auth, NEW)
        until(lambda: verifier._alive.deciding is not before and verifier.state.fresh)
        assert refusal(verifier, ended.token) == "session.ended"
        assert refusal(verifier, held.token) == ""
        until(lambda: sum(row.name == "orders here" for row in site.server.run(site.auth.subscribers())) == 1)
        site.end(held)
        assert refusal(verifier, held.token) == "session.ended"


def test_checks_that_go_on_in_other_threads_meanwhile_never_accept_what_ended() -> None:
    with trusting(secrets=(OLD,)) as site:
        verifier = site.verifier()
        ended = [site.log_in(f"person{turn}@example.com") for turn in range(20)]
        for each in ended:
            verifier.check(each.token)
            site.end(each)
        accepted: list[str] = []
        is_over = threading.Event()

        def check_for_ever() -> None:
            while not is_over.is_set():
                accepted.extend(each.user_id for each in ended if refusal(verifier, each.token) == "")

        threads = [threading.Thread(target=check_for_ever) for _ in range(3)]
        for thread in threads:
            thread.start()
        for secret in (NEW, OLD, NEW):
            before = verifier._alive.deciding
            replace_secret(site.auth, secret)
            until(lambda before=before: verifier._alive.deciding is not before)  # type: ignore[misc]
            time.sleep(0.2)
        is_over.set()
        for thread in threads:
            thread.join(20)
        assert accepted == []


def test_a_check_that_is_overtaken_between_naming_and_testing_does_not_pass() -> None:
    with trusting(secrets=(OLD,)) as site:
        verifier = site.verifier()
        verifier.check(site.log_in("ann@example.com").token)
        ended = site.log_in("bob@example.com")
        site.end(ended)
        before = verifier._alive.deciding
        cache = before.checker._cache
        put, overtaken = cache.put, []

        def overtake(*remembered: Any) -> None:
            if not overtaken:
                overtaken.append(True)
                replace_secret(site.auth, NEW)
                until(lambda: verifier._alive.deciding is not before and verifier.state.fresh)
            put(*remembered)

        cache.put = overtake  # type: ignore[method-assign]
        assert refusal(verifier, ended.token) == "session.ended"
        assert overtaken


def test_a_token_that_was_seen_before_the_first_key_is_not_remembered_under_no_name() -> None:
    with trusting(secrets=(OLD,), audiences=("orders", "issuer")) as site:
        held = site.log_in(carry=Carry.HEADER)
        verifier = site.verifier()
        first = verifier._alive.deciding
        verifier.check(held.token)
        assert verifier._alive.deciding is not first
        assert len(first.checker._cache) == 0
        site.end(held)
        assert refusal(verifier, held.token) == "session.ended"
