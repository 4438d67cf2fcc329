"""ST-17: a file of accounts that somebody else wrote tries to exhaust whoever imports it, to smuggle hashes, roles and
look-alike addresses in, to stop what stands behind it, and to have secrets printed; somebody on the same machine, to
read or to misuse the file that the refused addresses go to."""

import json
import os
import resource
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.cli.importing.json_files import JsonFile
from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import BCRYPT, lines

LAST = {"email": "last@example.com"}
NUL = "\\u0000"


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path)
    command.make_database()
    return command


def account(**more: object) -> str:
    return json.dumps({"email": "ann@example.com", **more})


def refusal(run: CommandLine, line: str | bytes) -> tuple[str | None, str]:
    """Why the second of three lines is refused, the others being imported."""
    lines(run.folder / "users.jsonl", {"email": "first@example.com"}, line, LAST)
    run("users", "import", "users.jsonl", "--json")
    done = json.loads(run.out)
    assert (run.code, done["imported"], done["refused"]) == (1, 2, 1), run.out
    (error,) = done["errors"]
    assert (error["place"], error["email"]) == ("line 2", None)
    return error["field"], error["reason"]


@pytest.mark.parametrize(
    "stored",
    [
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=65536,t=4294967295,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "argon2$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
        "$2b$31$" + "." * 53,
        "pbkdf2_sha256$999999999$salt$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "scrypt$1073741824$salt$8$1$m7KvtAtxcr4KW+CsOQNuL3SI0y03rgGPzkMlxwNN9AI=",
        "md5$abc$900150983cd24fb0d6963f7d28e17f72",
        "letmein, a password in the clear",
        BCRYPT + "\n",
        " " + BCRYPT,
        BCRYPT + "\0",
        "\ud800" + BCRYPT,
    ],
)
def test_a_hash_beyond_the_bounds_or_of_no_known_scheme_is_refused_and_never_shown(
    run: CommandLine, stored: str
) -> None:
    assert refusal(run, account(password_hash=stored))[0] == "password_hash"
    shown = run.out + run.err + run("audit", "export")
    assert not any(part in shown for part in (stored, "letmein", "c2FsdHNhbHQ", BCRYPT))


@pytest.mark.parametrize(
    "line",
    [
        '{"email": "' + "a" * 100_000 + '"}',
        '{"email": "ann@example.com", "data": ' + "[" * 30_000 + "]" * 30_000 + "}",
        "[" * 60_000,
        '{"email": "ann@example.com", "data": {"n": ' + "9" * 5_000 + "}}",
        '{"email": "ann@example.com", "data": {"n": 1e999}}',
        '{"email": "ann@example.com", "data": {"n": NaN}}',
        '{"email": "ann@example.com", "email": "ben@example.com"}',
        b'{"email": "ann@example.com", "name": "\xff\xfe"}',
        '{"email": "ann@example.com"}'.encode("utf-16"),
        b"\0" * 1000,
        b"\xef\xbb\xbf" + account().encode(),
        '"ann@example.com"',
    ],
    ids=lambda line: line[:40],
)
def test_what_is_no_plain_json_object_is_refused_and_stops_nothing(run: CommandLine, line: str | bytes) -> None:
    assert refusal(run, line)[0] is None


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("data", account(data={"a": ["x" + chr(0)]})),
        ("data", account(data={chr(0): 1})),
        ("data", account(data={"a": "\ud800"})),
        ("data", account(data={"a": "x" * 20_000})),
        ("data", account(data=[1])),
        ("name", account(name="Ann" + chr(0))),
        ("name", account(name="Ann\x1b[2J")),
        ("name", account(name="x" * 101)),
        ("name", account(name={"first": "Ann"})),
        ("roles", account(roles=["coatcheck:admin"])),
        ("roles", account(roles="coatcheck:admin")),
        ("roles", account(roles=["a b"])),
        ("roles", account(roles=[str(each) for each in range(50)])),
        ("status", account(status="deleted")),
        ("is_active", account(is_active="no")),
        ("is_active", account(is_active=[])),
        ("created_at", account(created_at="9999-12-31T23:59:59-23:59")),
        ("created_at", account(created_at="yesterday")),
        ("created_at", account(created_at=0)),
        ("created_at", account(created_at="0001-01-01T00:00:00+14:00")),
        ("id", account(id="usr_aaaaaaaaaaaaaaaaaaaaaaaaaa")),
        ("version", account(version=-1)),
        ("?", account(**{BCRYPT: ""})),
    ],
)
def test_a_field_that_is_not_what_it_has_to_be_is_named(run: CommandLine, field: str, line: str) -> None:
    assert refusal(run, line)[0] == field
    assert BCRYPT not in run.out


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@example.com,ben@example.com",
        "\u0430nn@example.com",  # a Cyrillic letter
        "ann\u200b@example.com",
        "ann@example.com\n",
        "ann@example.com\0",
        "\uff41nn@example.com",
        "ann\uff20example.com",
        "ann@" + "a" * 300 + ".com",
        "\ud800@example.com",
        None,
        7,
        ["ann@example.com"],
    ],
)
def test_an_address_that_nobody_could_register_is_refused(run: CommandLine, address: object) -> None:
    assert refusal(run, json.dumps({"email": address}))[0] == "email"


@pytest.mark.parametrize("other", ["ANN@EXAMPLE.COM", " ann@example.com ", "ann@Example.com", "an\u006e@example.com"])
def test_an_account_is_not_made_twice_by_another_spelling(run: CommandLine, other: str) -> None:
    user_id = run.add_user("ann@example.com")
    lines(run.folder / "users.jsonl", {"email": other, "password_hash": BCRYPT})
    run("users", "import", "users.jsonl")
    assert run.code == 1
    assert [each["id"] for each in run.document("users", "list")] == [user_id]


def test_a_line_without_an_end_takes_no_memory(run: CommandLine) -> None:
    with (run.folder / "users.jsonl").open("wb") as file:
        file.truncate(300_000_000)  # of NULs, which are nowhere on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run("users", "import", "users.jsonl", "--json")
    assert json.loads(run.out)["errors"][0]["reason"] == "This is longer than 65,536 bytes."
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_an_array_element_without_an_end_takes_no_memory(run: CommandLine) -> None:
    with (run.folder / "users.json").open("wb") as file:
        file.write(b'[{"email": "first@example.com"}, {"email": "')
        file.write(b"x\\" * 2_000_001)
        file.write(b'"x"}, {"email": "last@example.com"}')
    run("users", "import", "users.json", "--json")
    done = json.loads(run.out)
    assert [each["place"] for each in done["errors"]] == ["record 2", "the end"]
    assert (done["imported"], done["errors"][0]["reason"]) == (2, "This is longer than 65,536 bytes.")


@pytest.mark.parametrize("text", ['[{"email": "a@example.com"} 7]', "[}", "[{]}, {}]", '[{"a": 1}}]'])
def test_an_array_whose_elements_can_not_be_told_apart_is_refused(run: CommandLine, text: str) -> None:
    (run.folder / "users.json").write_text(text, encoding="ascii")
    run("users", "import", "users.json")
    assert run.code == 1
    assert "Traceback" not in run.err


def test_a_database_with_other_values_than_its_columns_promise_is_refused_by_row(run: CommandLine) -> None:
    with closing(sqlite3.connect(run.folder / "app.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE user (id, email, hashed_password, is_active, is_superuser)")
        hostile = [
            ("first@example.com", BCRYPT, 1, 0),
            (b"ann@example.com", BCRYPT, 1, 0),
            ("ann@example.com", b"\xff", 1, 0),
            ("ann@example.com", "$2b$31$" + "." * 53, 1, 0),
            ("ann@example.com", BCRYPT, 2, 0),
            ("ann@example.com", BCRYPT, 1, 0.5),
            ("x" * 200_000, BCRYPT, 1, 0),
            (None, BCRYPT, 1, 0),
            ("ann@example.com", "x" * 30_000_000, 1, 0),
            ("last@example.com", BCRYPT, 1, 0),
        ]
        rows = [(number, *row) for number, row in enumerate(hostile)]
        connection.executemany("INSERT INTO user VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("UPDATE user SET email = CAST(x'ff40612e6465' AS TEXT) WHERE id = 2")
    run("users", "import", "app.sqlite3", "--format", "fastapi-users", "--json")
    done = json.loads(run.out)
    fields = [each["field"] for each in done["errors"]]
    wrong_hash = "hashed_password"
    assert fields == ["email", "email", wrong_hash, "is_active", "is_superuser", "email", "email", wrong_hash]
    assert (done["imported"], run.code) == (2, 1)


@pytest.mark.parametrize("key", [None, b"\0", "x" * 1000, "\ud800", "a\nb", 1.5])
def test_a_key_that_reading_could_not_go_on_from_stops_it(run: CommandLine, key: object) -> None:
    with closing(sqlite3.connect(run.folder / "app.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE user (id, email, hashed_password)")
        raw = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
        given = "CAST(? AS TEXT)" if isinstance(key, str) else "?"
        connection.execute(f"INSERT INTO user VALUES ({given}, 'ann@example.com', '')", [raw])
    run("users", "import", "app.sqlite3", "--format", "fastapi-users")
    assert (run.code, run.err) == (1, "error: the column id holds something that is no number and no short text\n")


def test_a_file_that_only_begins_like_a_database_is_none(run: CommandLine) -> None:
    (run.folder / "app.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    run("users", "import", "app.sqlite3", "--format", "django")
    assert (run.code, run.err) == (1, "error: app.sqlite3 can't be read as a SQLite database: file is not a database\n")


@given(st.lists(st.dictionaries(st.text(), st.text() | st.lists(st.text()), max_size=3), max_size=8), st.data())
def test_an_array_is_taken_apart_as_a_parser_would(tmp_path_factory: pytest.TempPathFactory, elements, data) -> None:
    indent = data.draw(st.sampled_from([None, 0, 3]))
    path = tmp_path_factory.mktemp("array") / "users.json"
    path.write_text(json.dumps(elements, indent=indent, ensure_ascii=data.draw(st.booleans())), "utf-8", "ignore")
    expected = json.loads(path.read_text("utf-8"))
    file = JsonFile(path)
    records = list(file.read(""))
    assert [record.fields for record in records] == expected
    for number, record in enumerate(records):
        assert [each.fields for each in file.read(record.cursor)] == expected[number + 1 :]
    file.close()
    path.unlink()


def refused_one(run: CommandLine, *more: str) -> Path:
    """Import a line that is refused, and say so in a file."""
    lines(run.folder / "users.jsonl", {"email": "ann@example.com", "password_hash": "of no kind"})
    run("users", "import", "users.jsonl", "--errors", "errors.jsonl", *more)
    assert run.code == 1
    return run.folder / "errors.jsonl"


def test_addresses_go_into_no_file_that_others_may_read(run: CommandLine) -> None:
    errors = run.folder / "errors.jsonl"
    errors.touch()
    errors.chmod(0o666)
    refused_one(run)
    assert (stat.S_IMODE(errors.stat().st_mode), errors.stat().st_size > 0) == (0o600, True)
    errors.chmod(0o644)
    refused_one(run, "--again")
    assert stat.S_IMODE(errors.stat().st_mode) == 0o600


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_in_the_place_of_the_errors_leads_nowhere(run: CommandLine, is_there: bool) -> None:
    other = run.folder / "other"
    if is_there:
        other.touch(0o644)
    (run.folder / "errors.jsonl").symlink_to(other)
    refused_one(run)
    assert "errors.jsonl is a symbolic link" in run.err
    assert not is_there or (other.stat().st_size, stat.S_IMODE(other.stat().st_mode)) == (0, 0o644)
    assert other.exists() == is_there


def test_a_file_of_another_import_keeps_its_mode(run: CommandLine) -> None:
    errors = refused_one(run)
    errors.write_bytes(errors.read_bytes().replace(b'{"import": "', b'{"import": "0'))
    errors.chmod(0o644)
    refused_one(run, "--again")
    assert stat.S_IMODE(errors.stat().st_mode) == 0o644


def test_a_pipe_in_the_place_of_the_errors_is_not_waited_for(run: CommandLine) -> None:
    os.mkfifo(run.folder / "errors.jsonl")
    refused_one(run)
    assert run.err == "error: errors.jsonl is no plain file of yours: name another one\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_somebody_else_may_read_as_its_owner_is_refused(run: CommandLine) -> None:
    errors = run.folder / "errors.jsonl"
    errors.touch()
    os.chown(errors, 65_534, 65_534)
    refused_one(run)
    assert run.err == "error: errors.jsonl is no plain file of yours: name another one\n"
    assert errors.stat().st_size == 0
