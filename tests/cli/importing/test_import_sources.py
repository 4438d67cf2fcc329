"""Importing from what other applications keep: the databases and dumps in this folder were made by those."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from coatcheck import Auth, Settings
from coatcheck.cli.importing.accounts import FORMS
from coatcheck.cli.importing.databases import PostgresTable
from coatcheck.model.user import User, UserStatus
from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import FOLDER, database

ROLES = ("--superuser-role", "coatcheck:admin", "--staff-role", "staff")


@pytest.fixture
def empty(run: CommandLine) -> CommandLine:
    run.make_database()
    return run


def users_of(run: CommandLine) -> dict[str, User]:
    """Every account, by its e-mail address."""

    async def read() -> dict[str, User]:
        async with Auth(Settings(database=f"sqlite:///{run.database}")) as auth:
            return {user.email: user for user in await auth.find_users(limit=10_000)}

    return asyncio.run(read())


def source(folder: Path, kind: str) -> str:
    """Django's accounts as they may come."""
    if kind == "SQLite":
        return str(database(folder, "django"))
    dumped = (FOLDER / "django.json").read_text(encoding="utf-8")
    if kind == "one line each":
        dumped = "\n".join(map(json.dumps, json.loads(dumped)))
    elif kind == "indented":
        dumped = json.dumps(json.loads(dumped), indent=2)
    (folder / "dump").write_text(dumped, encoding="utf-8")
    return str(folder / "dump")


@pytest.mark.parametrize("kind", ["SQLite", "dumpdata", "one line each", "indented"])
def test_the_accounts_of_django_come_with_what_is_known_of_them(empty: CommandLine, kind: str) -> None:
    empty("users", "import", source(empty.folder, kind), "--format", "django", *ROLES, "--json")
    done = json.loads(empty.out)
    assert (empty.code, done["read"], done["imported"], done["existing"], done["refused"]) == (1, 10, 7, 1, 2)
    assert [(each["field"], each["email"]) for each in done["errors"]] == [
        ("password", None),
        ("email", "ANN@example.com"),
        ("email", None),
    ]
    assert (done["errors"][0]["place"] in {"id 6", "record 6", "line 6"}, done["without_password"]) == (True, 1)
    users = users_of(empty)
    ann, cleo, dora, eve, gus, hal = (
        users[f"{name}@example.com"] if name != "cleo" else users["Cleo@Example.com"]
        for name in ("ann", "cleo", "dora", "eve", "gus", "hal")
    )
    assert (cleo.name, cleo.email_key) == ("Cleo Núñez", "cleo@example.com")
    assert ann.data == {"django": {"id": 1, "username": "ann"}}
    assert abs((ann.created_at - datetime(2023, 1, 1, 9, 30, 0, 123456, tzinfo=UTC)).total_seconds()) < 0.001
    assert (dora.status, ann.status) == (UserStatus.SUSPENDED, UserStatus.ACTIVE)
    assert eve.password_hash is None
    assert (ann.roles, gus.roles, hal.roles) == ((), ("staff",), ("coatcheck:admin", "staff"))


def test_who_has_an_unsupported_hash_can_come_without_a_password(empty: CommandLine) -> None:
    path = source(empty.folder, "SQLite")
    empty("users", "import", path, "--format", "django", "--without-unsupported-hashes", "--json")
    assert json.loads(empty.out)["without_password"] == 2
    assert users_of(empty)["fay@example.com"].password_hash is None


def test_nobody_gets_a_role_that_was_not_asked_for(empty: CommandLine) -> None:
    empty("users", "import", source(empty.folder, "SQLite"), "--format", "django")
    assert {user.roles for user in users_of(empty).values()} == {()}


def test_the_accounts_of_fastapi_users_come_from_sqlite(empty: CommandLine) -> None:
    path = str(database(empty.folder, "fastapi_users"))
    done = empty.document("users", "import", path, "--format", "fastapi-users", *ROLES[:2])
    assert (done["imported"], done["schemes"]) == (4, {"argon2id$65536$3$4": 3, "bcrypt$12": 1})
    users = users_of(empty)
    ann, cleo, hal = (users[f"{name}@example.com"] for name in ("ann", "cleo", "hal"))
    kept = {"id": "00123456-789a-bcde-f012-3456789abcde", "is_verified": True}
    assert ann.data == {"fastapi_users": kept}
    assert (cleo.status, hal.roles) == (UserStatus.SUSPENDED, ("coatcheck:admin",))


def test_a_table_that_grew_is_gone_through_again_for_the_new_ones(empty: CommandLine) -> None:
    path = database(empty.folder, "fastapi_users")
    words = ("users", "import", str(path), "--format", "fastapi-users", "--again")
    assert empty.document(*words)["made"] == 4
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO user SELECT '0000', 'dan@example.com', hashed_password, 1, 0, 1 FROM user LIMIT 1"
        )
    done = empty.document(*words)
    assert (done["imported"], done["made"], done["existing"]) == (5, 1, 0)


def test_a_table_of_another_name_is_read_with_the_columns_it_has(empty: CommandLine) -> None:
    path = empty.folder / "own.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE accounts_person (id INTEGER, email TEXT, password TEXT, name TEXT)")
        connection.execute("INSERT INTO accounts_person VALUES (3, 'ann@example.com', '!', 'Ann')")
    words = ("users", "import", str(path), "--format", "django", "--table", "accounts_person")
    assert empty.document(*words)["imported"] == 1
    assert users_of(empty)["ann@example.com"].name == "Ann"


def test_a_dump_of_another_model_is_named(empty: CommandLine) -> None:
    dump = [{"model": "accounts.person", "pk": 1, "fields": {"email": "ann@example.com", "password": "!"}}]
    (empty.folder / "dump.json").write_text(json.dumps(dump), encoding="utf-8")
    empty("users", "import", "dump.json", "--format", "django")
    assert (empty.code, "record 1: This is no auth.user; --table names another model." in empty.err) == (1, True)
    done = empty.document("users", "import", "dump.json", "--format", "django", "--table", "accounts.person", "--again")
    assert done["imported"] == 1


def test_accounts_in_another_form_are_not_imported_without_their_passwords(empty: CommandLine) -> None:
    empty("users", "import", source(empty.folder, "one line each"), "--format", "fastapi-users", "--table", "auth.user")
    assert empty.code == 1
    assert "record 1" not in empty.out
    assert "line 1: hashed_password: This is missing: is it of another --format?" in empty.err
    assert users_of(empty) == {}


@pytest.mark.parametrize("key", ["serial", "uuid"])
def test_accounts_come_from_postgresql(empty: CommandLine, postgres_url: str, key: str) -> None:
    make = "gen_random_uuid()" if key == "uuid" else "n"
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            f"""CREATE TABLE "user" AS SELECT {make} AS id, 'person' || n || '@example.com' AS email,
            '$2b$04$XoG/IqMGq/fdswRGsIDlUurqEB1hk241pm62iYuK18vovShi75Qxq' AS hashed_password,
            n % 2 = 0 AS is_active, n = 7 AS is_superuser, true AS is_verified,
            timestamptz '2024-01-02 03:04:05.25+02' AS created_at
            FROM generate_series(1, 1200) AS n"""
        )
    done = empty.document("users", "import", postgres_url, "--format", "fastapi-users", "--table", "public.user")
    assert (done["read"], done["imported"]) == (1200, 1200)
    with closing(PostgresTable(postgres_url, "user", FORMS["fastapi-users"].columns)) as table:
        records = list(table.read(""))
        assert list(table.read(records[700].cursor)) == records[701:]
        assert (table.done, table.total) == (1200, 1200)
    person = users_of(empty)["person7@example.com"]
    assert person.created_at == datetime(2024, 1, 2, 1, 4, 5, 250_000, tzinfo=UTC)
    assert (person.status, len(str(person.data["fastapi_users"]["id"]))) == (  # type: ignore[index]
        UserStatus.SUSPENDED,
        36 if key == "uuid" else 1,
    )


def test_what_is_too_long_in_postgresql_is_cut_off_on_its_way(empty: CommandLine, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            """CREATE TABLE "user" AS SELECT 1 AS id, repeat('a', 1000000) || '@example.com' AS email,
            repeat('b', 1000000) AS hashed_password, CAST('1000-01-01 BC' AS timestamptz) AS created_at"""
        )
    with closing(PostgresTable(postgres_url, "user", ("email", "hashed_password"))) as table:
        (record,) = table.read("")
        assert record.fields is not None
        assert {len(record.fields[name]) for name in ("email", "hashed_password")} == {65_537}
    empty("users", "import", postgres_url, "--format", "fastapi-users")
    assert (empty.code, "id 1: email: This is longer than an e-mail address can be." in empty.err) == (1, True)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("""UPDATE "user" SET email = 'ann@example.com', hashed_password = ''""")
    empty("users", "import", postgres_url, "--format", "fastapi-users", "--again")
    assert (empty.code, "id 1: created_at: This must be an instant" in empty.err) == (1, True)


def test_a_postgresql_that_is_away_is_trouble_and_not_an_empty_one(empty: CommandLine, postgres_url: str) -> None:
    empty("users", "import", postgres_url.replace("postgres@", "nobody@"), "--format", "django")
    assert (empty.code, empty.out) == (3, "")
    empty("users", "import", postgres_url, "--format", "django")
    assert (empty.code, empty.err.startswith("error: "), "auth_user" in empty.err) == (1, True, True)
