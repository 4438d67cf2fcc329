"""``coatcheck incident``: what has leaked is ended, and where nothing can be written it is refused (rule 19)."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from coatcheck.model.identifiers import new_identifier
from tests.cli.conftest import CommandLine
from tests.serving import Serving

SOON = 1.0
"""Seconds within which every process heeds the switch."""

STALE = (503, "checking.stale")

WHEN_TOLD = (
    "import sys; from coatcheck.cli import denying, main; sys.argv[0] = 'coatcheck';"
    "print('ready', flush=True); sys.stdin.readline(); main()"
)


def answers(serving: Serving, token: str, count: int = 12) -> set[tuple[int | None, str | None]]:
    """What so many connections are told, so that every worker is asked."""
    asked = [serving.me(token) for _ in range(count)]
    return {(each.status, each.body.get("code")) for each in asked}


def heeded(told: Callable[[], bool]) -> None:
    """Wait until all say so, for as long as it may take; from then on it must stay so."""
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        if told():
            break
        time.sleep(0.02)
    time.sleep(max(0.0, until - time.monotonic()))
    assert told()


@contextmanager
def nothing_can_be_written(serving: Serving) -> Iterator[None]:
    """As on a full disk: every write to a file fails in the processes that serve."""
    for pid in serving.worker_pids():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in serving.worker_pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def at_once(run: CommandLine, *several: tuple[str, ...]) -> None:
    """Run these commands of ``incident``, each in a process that was started before the first of them begins."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WHEN_TOLD, "incident", *words, "--yes"],
                    cwd=run.folder,
                    env=run.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            for words in several
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert [process.wait() for process in processes] == [0] * len(several)


def test_where_nothing_can_be_written_what_is_listed_is_refused_in_every_process_within_a_second(
    tmp_path: Path,
) -> None:
    run = CommandLine(tmp_path)
    with Serving(tmp_path, workers=3) as serving:
        stolen = serving.register("ann@example.com", carry="header").body
        other = serving.log_in("ann@example.com", carry="tokens").body
        bob = serving.register("bob@example.com", carry="header").body["session_token"]
        cookie, jwt = stolen["session_token"], other["access_token"]
        for token in (cookie, jwt, bob):
            assert answers(serving, token) == {(200, None)}
        with nothing_can_be_written(serving):
            assert serving.call("POST", "logout", {"scope": "this"}, token=cookie).status == 503

            run("incident", "deny", stolen["session"]["id"], "--reason", "phone stolen", "--yes")
            assert run.code == 0, run.err
            heeded(lambda: answers(serving, cookie) == {STALE})
            assert answers(serving, jwt) == answers(serving, bob) == {(200, None)}

            run("incident", "deny", "ann@example.com", "--reason", "laptop stolen", "--yes")
            heeded(lambda: answers(serving, jwt) == {STALE})
            assert answers(serving, bob) == {(200, None)}

            run("incident", "allow", "ann@example.com", "--yes")
            heeded(lambda: answers(serving, jwt) == {(200, None)})
            assert answers(serving, cookie) == {STALE}, "the session is still listed by itself"

            (tmp_path / "app.db-deny").write_bytes(b"")
            heeded(lambda: answers(serving, bob) == answers(serving, jwt) == {STALE})
            (tmp_path / "app.db-deny").unlink()
            heeded(lambda: answers(serving, bob) == answers(serving, cookie) == {(200, None)})
        assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=cookie).status == 200
        assert answers(serving, cookie) == {(401, "session.ended")}


def test_a_signal_makes_every_worker_refuse_everything_those_that_start_later_too(tmp_path: Path) -> None:
    with Serving(tmp_path, workers=2, COATCHECK_REVOCATION_LEASE="1s") as serving:
        token = serving.register("ann@example.com", carry="header").body["session_token"]
        assert answers(serving, token) == {(200, None)}
        os.kill(serving.pid, signal.SIGUSR1)
        heeded(lambda: answers(serving, token) == {STALE})
        before = frozenset(serving.registered())
        for pid in serving.worker_pids():
            os.kill(pid, signal.SIGKILL)
        serving.wait_for_registrations(without=before)
        heeded(lambda: answers(serving, token) == {STALE})
        os.kill(serving.pid, signal.SIGUSR2)
        heeded(lambda: answers(serving, token) == {(200, None)})
        assert serving.stop() == 0


def test_a_leaked_key_and_a_lost_account_are_ended_with_a_receipt_and_an_entry(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    with Serving(tmp_path, workers=1, COATCHECK_REVOCATION_LEASE="1s") as serving:
        ann = serving.register("ann@example.com", carry="tokens").body
        bob = serving.register("bob@example.com", carry="header").body["session_token"]
        current = next(key["kid"] for key in run.document("keys", "list") if key["status"] == "current")

        leaked = run.document("incident", "key-leaked", "current", "--reason", "was in a log", "--yes")
        assert (leaked["kid"], len(leaked["receipt"]["confirmed"])) == (current, 1)
        assert serving.me(ann["access_token"]).status == 401

        said = run("incident", "account-compromised", "ann@example.com", "--reason", "phished", "--yes")
        assert said.startswith("Locked ann@example.com, ended 1 session and no API keys; set another password")
        assert "1 of 1 checker confirmed" in said
        assert serving.log_in("ann@example.com").status == 401

        assert serving.me(bob).status == 200
        done = run.document("incident", "end-everything", "--reason", "backups stolen", "--yes")
        assert done["ended"] == 1
        assert serving.me(bob).status == 401

        trail = {entry["kind"]: entry for entry in run.document("audit", "list")}
        for kind, reason in (
            ("key.revoked", "was in a log"),
            ("user.compromised", "phished"),
            ("everything.ended", "backups stolen"),
        ):
            assert trail[kind]["detail"]["reason"] == reason
            assert trail[kind]["actor_id"].startswith("cli:")


def test_a_restored_backup_leaves_an_entry_with_the_reason(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    said = run("incident", "backup-restored", "--reason", "disk failed", "--yes", COATCHECK_REVOCATION_LEASE="100ms")
    assert run.code == 0, run.err
    assert said.startswith("Everything issued before has ended.")
    kinds = [(entry["kind"], entry["detail"].get("reason")) for entry in run.document("audit", "list")]
    assert ("backup.restored", "disk failed") in kinds
    assert ("everything.ended", "disk failed") in kinds


@pytest.mark.parametrize(
    "words",
    [
        ("key-leaked", "current", "--reason", "x"),
        ("account-compromised", "ann@example.com", "--reason", "x"),
        ("end-everything", "--reason", "x"),
        ("backup-restored",),
        ("deny", "--everything", "--reason", "x"),
    ],
)
def test_each_says_what_it_will_do_and_does_nothing_unasked(run: CommandLine, words: tuple[str, ...]) -> None:
    run.add_user("ann@example.com")
    run("keys", "rotate")  # makes the first ones
    before = run.document("audit", "list")
    run("incident", *words)
    assert run.code == 2
    assert "This " in run.err
    assert "Add --yes" in run.err
    assert run.document("audit", "list") == before
    assert not (run.folder / "app.db-deny").exists()


def test_what_is_denied_is_shown_kept_and_lifted_one_by_one(run: CommandLine) -> None:
    ann, session = run.add_user("ann@example.com"), new_identifier("ses")
    assert run("incident", "denied").startswith("Nothing is refused")
    denied = run.document("incident", "deny", "ann@example.com", session, "--reason", "stolen\n\x1b[2J", "--yes")
    assert denied == {
        "file": str(run.database) + "-deny",
        "database": str(run.database),
        "identifiers": [ann, session],
        "audited": True,
    }
    assert run.document("incident", "denied")["identifiers"] == sorted([ann, session])
    shown = run("incident", "denied")
    assert [line.split("  #")[0] for line in shown.splitlines()] == [ann, session]
    assert "stolen" in shown
    assert "\x1b" not in shown

    run("incident", "deny", ann, "--reason", "once more", "--yes")
    assert len(run("incident", "denied").splitlines()) == 2
    run("incident", "allow", "ann@example.com", "--yes")
    assert run.document("incident", "denied")["identifiers"] == [session]
    run("incident", "allow", ann, "--yes")
    assert (run.code, "does not list" in run.err) == (1, True)
    run("incident", "allow", session, "--reason", "found again", "--yes")
    assert run("incident", "denied").startswith("Nothing is refused")
    run("incident", "allow", "--everything", "--yes")
    assert run.code == 1

    kinds = [(entry["kind"], entry["detail"]["reason"]) for entry in run.document("audit", "list", "--limit", "1")]
    assert kinds == [("checks.allowed", "found again")]


def test_what_is_refused_and_allowed_by_several_at_once_is_all_heeded(run: CommandLine) -> None:
    run.make_database()
    lifted, wanted = ([new_identifier("ses") for _ in range(count)] for count in (2, 6))
    run("incident", "deny", *lifted, "--reason", "before", "--yes")
    at_once(run, *(("deny", each, "--reason", "x") for each in wanted), *(("allow", each) for each in lifted))
    assert run.document("incident", "denied")["identifiers"] == sorted(wanted)


def test_refusing_one_more_leaves_an_empty_file_meaning_everything(run: CommandLine) -> None:
    run.make_database()
    (run.folder / "app.db-deny").write_text("# all of it\n")
    run("incident", "deny", new_identifier("ses"), "--reason", "x", "--yes")
    assert run.document("incident", "denied")["everything"] is True


def test_what_is_no_text_refuses_everything_until_all_is_allowed(run: CommandLine) -> None:
    run.make_database()
    (run.folder / "app.db-deny").write_bytes(b"\xff\xfe")
    assert "is not understood" in run("incident", "denied")
    run("incident", "allow", "--everything", "--yes")
    assert run.code == 0, run.err
    assert run("incident", "denied").startswith("Nothing is refused")


def test_the_doctor_says_what_is_refused_here(run: CommandLine) -> None:
    run.make_database()
    assert "local switch" not in run("doctor")
    run("incident", "deny", new_identifier("ses"), "--reason", "x", "--yes")
    assert f"what {run.database}-deny lists is refused here for now" in run("doctor")
    run.database.with_name("app.db-deny").write_text("a slip\n")
    assert "everything is refused here: line 1 of" in run("doctor")
    assert run.code == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("deny", "--reason", "x", "--yes"), 2, "Say what to refuse"),
        (("deny", "ann", "--reason", "x", "--yes"), 2, "no id like ses_"),
        (("deny", "ann@example.com", "--reason", "x", "--yes"), 1, "there is no user ann@example.com"),
        (("deny", "everything", "--reason", "x", "--yes"), 2, "no id like ses_"),
        (("allow", "--yes"), 2, "Say what to allow"),
        (("deny", "--everything", "--yes"), 2, "--reason"),
        (("key-leaked", "retired", "--reason", "x", "--yes"), 1, "there is no key"),
    ],
)
def test_what_makes_no_sense_is_said_and_refuses_nothing(
    run: CommandLine, words: tuple[str, ...], code: int, said: str
) -> None:
    run.make_database()
    run("incident", *words)
    assert (run.code, said in run.err) == (code, True), run.err
    assert not (run.folder / "app.db-deny").exists()


def test_where_that_file_cant_be_written_either_it_is_said_with_what_is_left(run: CommandLine) -> None:
    run.make_database()
    place = run.folder / "not there" / "deny"
    run("incident", "deny", "--everything", "--reason", "x", "--yes", COATCHECK_REVOCATION_DENY_LIST=str(place))
    assert run.code == 1
    assert "can't be written" in run.err
    assert "SIGUSR1" in run.err


def test_a_restore_says_how_many_sessions_the_backup_holds(run: CommandLine) -> None:
    run.make_database()
    run("incident", "backup-restored")
    assert "This logs everybody out (no sessions) and replaces the signing keys." in run.err


def test_the_list_may_be_on_another_disk_and_needs_no_database(run: CommandLine) -> None:
    place = run.folder / "elsewhere"
    denied = run.document(
        "incident", "deny", "--everything", "--reason", "x", "--yes", COATCHECK_REVOCATION_DENY_LIST=str(place)
    )
    assert (denied["file"], denied["identifiers"], denied["audited"]) == (str(place), ["everything"], False)
    assert "not in the audit trail" in run.err
    assert place.read_text().startswith("everything  # ")
    assert not run.database.exists()
