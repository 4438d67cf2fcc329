"""``coatcheck sessions`` and ``coatcheck keys``, with and without a server that checks."""

import time
from pathlib import Path

from tests.cli.conftest import CommandLine
from tests.serving import Serving


def test_endings_are_confirmed_by_the_servers_that_run(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    with Serving(tmp_path, workers=1, COATCHECK_REVOCATION_LEASE="1s") as serving:
        tokens = [serving.register("ann@example.com", carry="header").body["session_token"]]
        tokens += [serving.log_in("ann@example.com", carry="tokens").body["access_token"] for _ in range(2)]
        assert [serving.me(token).status for token in tokens] == [200, 200, 200]
        listed = run.document("sessions", "list", "ann@example.com")
        assert len(listed) == 3

        oldest = listed[-1]["id"]
        said = run("sessions", "end", oldest, "--yes")
        assert said.startswith("Ended 1 session. 1 of 1 checker confirmed in "), said
        assert serving.me(tokens[0]).status == 401

        said = run("sessions", "end-all", "ann@example.com", "--yes")
        assert said.startswith("Ended 2 sessions. 1 of 1 checker confirmed in "), said
        assert [serving.me(token).status for token in tokens] == [401, 401, 401]

        token = serving.log_in("ann@example.com", carry="tokens").body["access_token"]
        done = run.document("sessions", "end-everything", "--reason", "a drill", "--yes")
        assert done["ended"] == 1
        assert len(done["receipt"]["confirmed"]) == 1
        assert serving.me(token).status == 401
        assert run("sessions", "list", "ann@example.com") == ""

        login = serving.log_in("ann@example.com", carry="tokens").body
        current = next(key["kid"] for key in run.document("keys", "list") if key["status"] == "current")
        said = run("keys", "revoke", current, "--reason", "a drill", "--yes")
        assert said.startswith(f"Revoked {current}. 1 of 1 checker confirmed"), said
        assert serving.me(login["access_token"]).status == 401
        refresh = f"grant_type=refresh_token&refresh_token={login['refresh_token']}"
        renewed = serving.call("POST", "token", refresh)
        while renewed.status == 503:  # the upcoming key signs once it is W old, and this store is young
            assert time.monotonic() < serving.started_at + 20, renewed
            renewed = serving.call("POST", "token", refresh)
        assert renewed.status == 200, renewed
        assert serving.me(renewed.body["access_token"]).status == 200


def test_a_session_that_is_not_there(run: CommandLine) -> None:
    run.make_database()
    run("sessions", "end", "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa", "--yes")
    assert run.code == 1
    assert "there is no session" in run.err


def test_purging_says_how_much(run: CommandLine) -> None:
    run.make_database()
    assert run("sessions", "purge") == "Cleared 0 rows away.\n"
    assert run.document("sessions", "purge") == {"cleared": 0}


def test_a_fresh_secret_is_long_and_new_each_time(run: CommandLine) -> None:
    first, second = run("keys", "secret").strip(), run("keys", "secret").strip()
    assert len(first) >= 43
    assert first != second


def test_a_key_takes_over_only_when_it_is_known_everywhere(run: CommandLine) -> None:
    run.make_database()
    first = run.document("keys", "rotate")["current"]["kid"]
    run("keys", "rotate")
    assert run.code == 1
    assert run.err == "error: the upcoming key is not known everywhere yet; try again in a few seconds\n"
    assert first in run("keys", "list")


def test_a_key_that_is_not_there(run: CommandLine) -> None:
    run.make_database()
    run("keys", "revoke", "key_nothing", "--reason", "x", "--yes")
    assert (run.code, run.err) == (1, "error: there is no key key_nothing that is still valid\n")
