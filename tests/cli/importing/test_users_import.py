"""``coatcheck users import`` of JSON Lines: what becomes of each line, and what is said at the end."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import BCRYPT, lines, many

ANN = {
    "email": "Ann@Example.com",
    "name": "Ann  Droid",
    "password_hash": BCRYPT,
    "roles": ["editor", "author"],
    "created_at": "2024-01-02T05:04:05+02:00",
    "data": {"id": 7, "colours": ["red"]},
}
BEN = {"email": "ben@example.com", "is_active": False}
MIXED = (ANN, {"email": "ann@EXAMPLE.com"}, BEN, "{", {"email": "cleo@example.com", "password": "x"}, "")


@pytest.fixture
def empty(run: CommandLine) -> CommandLine:
    run.make_database()
    return run


def faults(path: Path) -> list[tuple[str, str | None]]:
    return [(each["place"], each["field"]) for each in map(json.loads, path.read_text(encoding="ascii").splitlines())]


def test_a_line_becomes_an_account_with_everything_it_says(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", ANN, BEN)
    done = empty.document("users", "import", "users.jsonl")
    assert (done["read"], done["imported"], done["made"], done["without_password"]) == (2, 2, 2, 1)
    assert done["schemes"] == {"bcrypt$04": 1}
    ann, ben = (empty.document("users", "show", each) for each in ("ann@example.com", "ben@example.com"))
    assert (ann["email"], ann["name"], ann["roles"]) == ("Ann@Example.com", "Ann Droid", ["author", "editor"])
    assert (ann["created_at"], ann["status"], ben["status"]) == ("2024-01-02T03:04:05Z", "active", "suspended")


def test_what_is_wrong_is_said_by_line_and_stops_nothing_else(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", *MIXED)
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl")
    assert empty.code == 1
    assert empty.out.startswith(
        "Imported 2 accounts of 5 records.\n"
        "Not imported: 1 whose e-mail address is taken. Nothing was changed there.\n"
        "Not imported: 2 that are not acceptable.\n"
        "The reasons are in errors.jsonl.\n"
    )
    written = empty.folder / "errors.jsonl"
    assert faults(written) == [("line 2", "email"), ("line 4", None), ("line 5", "password")]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_each_line_of_the_file_names_the_import(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", *MIXED)
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl", "--json")
    written = [json.loads(each) for each in (empty.folder / "errors.jsonl").read_text(encoding="ascii").splitlines()]
    assert [list(each) for each in written] == [["import", "place", "field", "reason", "email"]] * 3
    assert {each["import"] for each in written} == {json.loads(empty.out)["import"]}


def test_without_a_file_for_them_the_first_errors_are_shown(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", *["7"] * 30)
    empty("users", "import", "users.jsonl")
    assert (empty.code, empty.err.count("\n")) == (1, 20)
    assert empty.err.startswith("line 1: This is not acceptable as JSON: not a JSON object.\nline 2: ")
    assert "10 more reasons are not shown: --errors FILE takes them all." in empty.out


def test_an_account_that_is_there_is_not_changed(empty: CommandLine) -> None:
    user_id = empty.add_user("ann@example.com", "--name", "The first")
    lines(empty.folder / "users.jsonl", ANN)
    empty("users", "import", "users.jsonl")
    assert empty.code == 1
    assert "line 1: Ann@Example.com: There is already an account with this e-mail address." in empty.err
    there = empty.document("users", "show", user_id)
    assert (there["name"], there["roles"]) == ("The first", [])


def test_a_finished_import_is_not_done_twice(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", BEN)
    empty("users", "import", "users.jsonl")
    empty("users", "delete", "ben@example.com", "--yes")
    empty("users", "import", "users.jsonl")
    assert (empty.code, empty.out.splitlines()[:2]) == (
        0,
        ["This was imported before: 1 account of 1 records.", "Nothing was done. --again goes through it once more."],
    )
    assert empty.document("users", "list") == []


def test_an_import_that_is_gone_through_again_knows_its_accounts(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", BEN, {"email": "cleo@example.com", "password_hash": "md5$no"})
    empty("users", "import", "users.jsonl")
    assert empty.code == 1
    done = empty.document("users", "import", "users.jsonl", "--again", "--without-unsupported-hashes")
    assert (done["imported"], done["made"], done["existing"], done["refused"]) == (2, 1, 0, 0)


def test_accounts_are_imported_into_postgresql_just_so(run: CommandLine, postgres_url: str) -> None:
    run.environment |= {
        "COATCHECK_DATABASE_URL": postgres_url,
        "COATCHECK_SECRETS": "the secret of this test has 40 letters or so",
    }
    run.make_database()
    many(run.folder / "users.jsonl", 300)
    for more, made in (((), 296), (("--again",), 0)):
        run("users", "import", "users.jsonl", *more, "--json")
        done = json.loads(run.out)
        assert (run.code, done["read"], done["imported"], done["made"]) == (1, 300, 296, made)
    run("users", "import", "users.jsonl", "--dry-run", "--json")
    assert json.loads(run.out)["imported"] == 296
    assert len(run.document("audit", "list", "--kind", "user.imported", "--limit", "1000")) == 296


def test_a_rehearsal_changes_nothing_and_says_what_would_be_done(empty: CommandLine) -> None:
    empty.add_user("ben@example.com")
    lines(empty.folder / "users.jsonl", *MIXED)
    empty("users", "import", "users.jsonl", "--dry-run", "--errors", "errors.jsonl")
    assert empty.code == 1
    assert empty.out.startswith("This would import 1 account of 5 records.\nNot imported: 2 whose e-mail")
    assert faults(empty.folder / "errors.jsonl")[:2] == [("line 2", "email"), ("line 3", "email")]
    assert [each["email"] for each in empty.document("users", "list")] == ["ben@example.com"]
    assert empty.document("audit", "list", "--kind", "import.advanced") == []


def test_each_account_and_the_import_are_in_the_audit_trail(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", ANN, "{")
    empty("users", "import", "users.jsonl")
    (imported,) = empty.document("audit", "list", "--kind", "user.imported")
    (advanced,) = empty.document("audit", "list", "--kind", "import.advanced")
    assert imported["actor_id"] == advanced["actor_id"]
    assert imported["actor_id"].startswith("cli:")
    assert imported["user_id"] == empty.document("users", "show", "ann@example.com")["id"]
    assert imported["detail"] == {
        "import": advanced["detail"]["import"],
        "place": "line 1",
        "roles": "author editor",
    }
    assert advanced["detail"] | {"import": ""} == {
        "import": "",
        "source": "users.jsonl",
        "cursor": f"{(empty.folder / 'users.jsonl').stat().st_size}:2",
        "read": "2",
        "imported": "1",
        "existing": "0",
        "refused": "1",
        "without_password": "0",
        "schemes": "bcrypt$04=1",
        "finished": "yes",
    }


def test_the_setting_that_makes_times_equal_is_named_with_what_it_has(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", ANN)
    with_one = {"COATCHECK_PASSWORDS_IMPORTED_SCHEMES": "scrypt$1024$8$1"}
    empty("users", "import", "users.jsonl", **with_one)
    assert "\n  COATCHECK_PASSWORDS_IMPORTED_SCHEMES='scrypt$1024$8$1,bcrypt$04'\n" in empty.out
    empty("users", "import", "users.jsonl", "--again", COATCHECK_PASSWORDS_IMPORTED_SCHEMES="bcrypt$04")
    assert "COATCHECK" not in empty.out


def test_a_hash_of_todays_kind_is_nobodys_to_replace(empty: CommandLine) -> None:
    ours = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43
    lines(empty.folder / "users.jsonl", {"email": "ann@example.com", "password_hash": ours})
    assert empty.document("users", "import", "users.jsonl")["schemes"] == {}


@pytest.mark.parametrize(
    "text",
    [
        b'[{"email": "ann@example.com"},\n {"email": "ben@example.com"}]',
        b'\xef\xbb\xbf{"email": "ann@example.com"}\r\n\r\n{"email": "ben@example.com"}',
    ],
    ids=["an array", "a byte-order mark, CRLF and no end of line"],
)
def test_json_is_read_as_others_write_it(empty: CommandLine, text: bytes) -> None:
    (empty.folder / "users.json").write_bytes(text)
    assert empty.document("users", "import", "users.json")["imported"] == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.jsonl"], 1, "nowhere.jsonl can't be read: No such file or directory"),
        (["."], 1, "can't be read: Is a directory"),
        (["users.jsonl", "--errors", "no/where"], 1, "no/where can't be written: No such file or directory"),
        (["users.jsonl", "--errors", "users.jsonl"], 1, "users.jsonl is no file of errors: name another one"),
        (["users.jsonl", "--errors", "/dev/null"], 1, "/dev/null is no plain file of yours: name another one"),
        (["users.jsonl", "--superuser-role", "a b"], 1, "Up to 32 roles"),
        (["postgresql://shop@localhost/shop"], 2, "--format fastapi-users or --format django"),
        (["postgresql://shop:secret@localhost/shop", "--format", "django"], 1, "leave the password out"),
        (["app.db", "--format", "django"], 1, "there is no table auth_user; name another one with --table"),
        (["app.db", "--format", "django", "--table", "x; DROP"], 1, "a table is named by letters"),
        (["app.db", "--format", "django", "--table", "coatcheck_users"], 1, "has no column password: is it of another"),
    ],
)
def test_what_can_not_be_read_or_written_is_said(empty: CommandLine, words: list[str], code: int, said: str) -> None:
    file = lines(empty.folder / "users.jsonl", ANN)
    before = file.read_bytes()
    empty("users", "import", *words)
    assert (empty.code, empty.out) == (code, "")
    assert said in empty.err
    assert "secret" not in empty.err
    assert file.read_bytes() == before


def test_what_can_be_read_only_once_is_no_file(empty: CommandLine) -> None:
    theirs, ours = os.pipe()
    try:
        empty("users", "import", f"/dev/fd/{theirs}")
    finally:
        os.close(theirs)
        os.close(ours)
    assert empty.code == 1
    assert f"/dev/fd/{theirs} is no file, and can be read only once" in empty.err


@pytest.mark.parametrize("more", [(), ("--again",), ("--dry-run",), ("--dry-run", "--again")], ids=" ".join)
@pytest.mark.parametrize("was_done_before", [False, True])
def test_an_error_file_of_another_import_is_not_overwritten(
    empty: CommandLine, more: tuple[str, ...], was_done_before: bool
) -> None:
    lines(empty.folder / "one.jsonl", "7", "7", "7")
    lines(empty.folder / "two.jsonl", "7", "7")
    empty("users", "import", "one.jsonl", "--errors", "errors.jsonl")
    before = (empty.folder / "errors.jsonl").read_bytes()
    if was_done_before:
        empty("users", "import", "two.jsonl")
    empty("users", "import", "two.jsonl", "--errors", "errors.jsonl", *more)
    is_refused = bool(more) or not was_done_before
    refusal = "error: errors.jsonl is of another import: remove it, or name another file\n"
    assert (empty.code, empty.err) == (1, refusal if is_refused else "")
    assert (empty.folder / "errors.jsonl").read_bytes() == before


def test_an_import_that_is_gone_through_again_writes_its_own_error_file_anew(empty: CommandLine) -> None:
    lines(empty.folder / "users.jsonl", *MIXED)
    errors = empty.folder / "errors.jsonl"
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl")
    before = errors.read_bytes()
    errors.write_bytes(before + before)
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl", "--again")
    assert (empty.code, errors.read_bytes()) == (1, before)


@pytest.mark.parametrize("share", [0, 4, 20, 60])
def test_half_a_line_that_a_crash_left_is_no_other_import(empty: CommandLine, share: int) -> None:
    lines(empty.folder / "users.jsonl", "7")
    errors = empty.folder / "errors.jsonl"
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl")
    before = errors.read_bytes()
    errors.write_bytes(before[:share])
    empty("users", "import", "users.jsonl", "--errors", "errors.jsonl", "--again")
    assert (empty.code, errors.read_bytes()) == (1, before)
