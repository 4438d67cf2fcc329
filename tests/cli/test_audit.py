"""``coatcheck audit``: the trail for people and, whole and line by line, for other programs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coatcheck.model.audit import AuditEntry, Outcome
from tests.cli.conftest import CommandLine


def write_down(run: CommandLine, *entries: AuditEntry) -> None:
    """Put entries into the trail, as a server would."""
    import asyncio

    from coatcheck.stores.open import store_for

    async def work() -> None:
        store = store_for(run.environment["COATCHECK_DATABASE_URL"])
        await store.open()
        try:
            await store.write(lambda tx: [tx.audit.add(entry) for entry in entries])
        finally:
            await store.close()

    asyncio.run(work())


def exported(run: CommandLine, *words: str) -> list[dict[str, Any]]:
    text = run("audit", "export", *words)
    assert run.code == 0, run.err
    return [json.loads(line) for line in text.splitlines()]


def test_what_was_done_is_listed_newest_first_with_who_and_why(run: CommandLine) -> None:
    ann = run.add_user("ann@example.com", "--role", "editor")
    run("users", "suspend", "ann@example.com", "--yes")
    newest, oldest = (line.split("\t") for line in run("audit", "list").splitlines()[1:])
    assert newest[1:3] == ["The account was suspended", "ann@example.com"]
    assert newest[3].startswith("the command line (")
    assert oldest[1] == "The account was made"
    assert oldest[5] == "roles: editor"
    document = run.document("audit", "list", "--user", "ann@example.com", "--limit", "1")
    assert [(each["kind"], each["user_id"], each["outcome"]) for each in document] == [
        ("user.suspended", ann, "succeeded")
    ]


def test_the_trail_is_narrowed_by_user_kind_and_time(run: CommandLine) -> None:
    ann = run.add_user("ann@example.com")
    run.add_user("bob@example.com")
    old = AuditEntry(at=datetime.now(UTC) - timedelta(days=9), kind="login.failed", outcome=Outcome.REFUSED)
    write_down(run, old)
    assert [each["user_id"] for each in run.document("audit", "list", "--user", ann)] == [ann]
    assert [each["id"] for each in run.document("audit", "list", "--kind", "login.failed")] == [old.id]
    assert [each["kind"] for each in run.document("audit", "list", "--from", "7d")] == ["user.registered"] * 2
    until = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert [each["id"] for each in run.document("audit", "list", "--until", until)] == [old.id]
    assert exported(run, "--until", "1d", "--from", "10d")[0]["id"] == old.id
    assert run("audit", "list", "--user", "usr_aaaaaaaaaaaaaaaaaaaaaaaaaa") == ""
    assert run.err == "Nothing of this is in the audit trail.\n"


@pytest.mark.parametrize("when", ["yesterday", "7", "7y", "-7d", "2026-13-01", "999999d", ""])
def test_what_is_no_time_is_refused(run: CommandLine, when: str) -> None:
    run.make_database()
    run("audit", "list", "--from", when)
    assert run.code == 2


def test_a_limit_that_no_database_counts_to_is_refused(run: CommandLine) -> None:
    run.make_database()
    for command in ("audit", "users"):
        run(command, "list", "--limit", "9" * 20)
        assert run.code == 2


def test_everything_is_exported_oldest_first_and_goes_on_where_it_stopped(run: CommandLine) -> None:
    run.make_database()
    now = datetime.now(UTC)
    entries = [AuditEntry(at=now, kind="login.succeeded", detail={"device": str(number)}) for number in range(2345)]
    write_down(run, *entries)
    whole = exported(run)
    assert [each["id"] for each in whole] == [entry.id for entry in entries]
    assert whole[0] == {
        "id": entries[0].id,
        "at": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "kind": "login.succeeded",
        "outcome": "succeeded",
        "user_id": None,
        "actor_id": None,
        "session_id": None,
        "address": "",
        "factors": [],
        "detail": {"device": "0"},
    }
    assert exported(run, "--after", whole[1999]["id"]) == whole[2000:]
    assert exported(run, "--after", whole[-1]["id"]) == []


def test_there_is_no_going_on_from_an_entry_that_is_gone(run: CommandLine) -> None:
    run.make_database()
    run("audit", "export", "--after", "aud_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert (run.code, run.out) == (1, "")
    assert "--from" in run.err
