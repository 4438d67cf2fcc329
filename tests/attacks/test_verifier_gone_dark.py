"""FD-14, FD-15, FD-17, FD-18: a Verifier that knows nothing yet, or no longer, is made to say yes all the same.

By a credential that was revoked, by stopping the process for a while, by moving its clocks, by starting it where its
server can't be reached: it decides alone only under a lease, and without one a check is put off.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.settings import RevocationSettings
from coatcheck.testing import ManualClock
from tests.verify.gate import Gate
from tests.verify.site import Site, refusal, trusting
from tests.verify.test_cut_off import until

SHORT = RevocationSettings(lease=timedelta(seconds=1))
PUT_OFF = {"store.unavailable", "checking.stale"}


def test_with_a_revoked_credential_it_goes_dark_within_the_lease_and_asking_does_not_help() -> None:
    with trusting(revocation=SHORT) as site:
        verifier, held = site.verifier(), site.log_in()
        verifier.check(held.token)
        (credential,) = site.server.run(site.auth.services.credentials_of(site.service.id))
        began = time.monotonic()
        site.server.run(site.auth.services.revoke_credential(site.service.id, credential.id))
        assert until(lambda: not verifier.state.fresh) <= 1.1 + 2
        assert time.monotonic() - began < 5
        assert refusal(verifier, held.token) in PUT_OFF
        site.server.run(site.auth.end_session(held.user_id, held.session_id))
        assert refusal(verifier, held.token) in PUT_OFF


def test_started_where_its_server_is_away_it_accepts_nothing_whatever_the_policy() -> None:
    gate = Gate()
    with trusting(make=gate.around(), revocation=SHORT) as site:
        held = site.log_in()
        gate.mode = "down"
        for policy in ("online", "deny", "accept"):
            assert refusal(site.verifier(policy=policy), held.token) in PUT_OFF


@pytest.mark.parametrize("hours", [1, -1])
def test_a_wall_clock_that_jumps_drops_the_lease_and_does_not_stretch_it(hours: int) -> None:
    gate = Gate()
    with trusting(make=gate.around(), revocation=SHORT) as site:
        clock = ManualClock(site.auth._ready.now())
        verifier, held = site.verifier(clock=clock, policy="deny"), site.log_in()
        verifier.check(held.token)
        gate.mode = "down"
        clock.set(clock.now + timedelta(hours=hours))
        assert refusal(verifier, held.token) in {*PUT_OFF, "token.expired"}
        assert not verifier.state.fresh


def test_after_a_long_pause_the_first_decision_is_not_made_from_what_was_known_before() -> None:
    with trusting(revocation=SHORT) as site:
        held = site.log_in()
        with Process(site, held.token) as process:
            assert process.ask() == ""
            os.kill(process.pid, signal.SIGSTOP)
            receipt = site.server.run(site.auth.end_session(held.user_id, held.session_id, wait=True))
            assert receipt is not None
            assert [name for name in receipt.waited_out if name.endswith(f":{process.pid}")]
            os.kill(process.pid, signal.SIGCONT)
            assert process.ask() != ""


class Process:
    """Another process with a Verifier, which checks one token whenever it is asked."""

    def __init__(self, site: Site, token: str) -> None:
        program = f"""
            import sys
            from coatcheck.verify import Verifier
            from tests.verify.site import refusal
            verifier = Verifier({site.server.url!r}, audience="orders", credential={site.secret!r},
                                issuer={site.auth.settings.issuer!r})
            for _ in sys.stdin:
                print(refusal(verifier, {token!r}), flush=True)
        """
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self.pid = self._process.pid

    def ask(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)
