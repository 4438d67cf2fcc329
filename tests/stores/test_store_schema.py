"""The tables: created, upgraded, and refused when they are newer."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table

from coatcheck.authority import LookUp
from coatcheck.errors import Misconfigured
from coatcheck.model.principal import Kind
from coatcheck.stores.open import store_for
from coatcheck.stores.sql import migrations, schema
from coatcheck.stores.sql.migrations.neighbours import include_name
from coatcheck.stores.sqlite.connect import connect, driver


def _scripts():
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    return ScriptDirectory.from_config(config)


def _empty(path):
    path.touch()
    return connect(path, query_only=False)


def _dump(connection):
    rows = driver(connection).execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    return [(*row, "".join((sql or "").split())) for *row, sql in rows], [
        driver(connection).execute(f"SELECT * FROM {table}").fetchall()
        for table in (migrations.VERSION_TABLE, migrations.OLDEST_TABLE)
    ]


@pytest.mark.parametrize("part", ["store", "registry"])
def test_the_migrations_lead_to_exactly_the_tables_that_are_created_afresh(tmp_path, part):
    with _empty(tmp_path / "fresh.db") as fresh, _empty(tmp_path / "migrated.db") as migrated:
        schema.bring_up_to_date(fresh, part)
        schema.upgrade(migrated, part)
        assert _dump(fresh) == _dump(migrated)
        assert schema.look(migrated, part) == "current"


def test_the_named_versions_are_the_newest_migrations():
    scripts = _scripts()
    assert set(scripts.get_heads()) == set(migrations.NEWEST.values())
    for part in schema.PARTS:
        assert scripts.get_revision(migrations.NEWEST[part]).module.oldest == migrations.OLDEST[part]


def test_every_migration_says_that_code_works_over_it_from_itself_or_from_where_the_one_before_says():
    scripts = _scripts()
    for revision in scripts.walk_revisions():
        before = revision.down_revision and scripts.get_revision(revision.down_revision).module.oldest
        assert revision.module.oldest in (revision.revision, before)


def test_a_database_of_an_unknown_version_that_says_nothing_of_older_ones_is_refused_and_left_alone(store, path):
    asyncio.run(store.close())
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE coatcheck_alembic_version SET version_num = 'store_9999'")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="newer version"):
        asyncio.run(store_for(f"sqlite:///{path}").open())
    assert path.read_bytes() == before


def _at_first_version(path):
    """A database as the first version left it, with somebody logged in. That version noted no oldest one."""
    statements = f"""
        DROP TABLE {migrations.OLDEST_TABLE};
        INSERT INTO coatcheck_users (id, email, email_key, name, roles, status, version, created_at,
            password_changed_at, data, found_by) VALUES ('usr_a', 'a@b.c', 'a@b.c', 'Ann', '["admin"]', 'active', 3, 1,
            1, '{{}}', 'ann');
        INSERT INTO coatcheck_sessions (id, user_id, carry, generation, step, secret_digest, stepped_at, stepped_with,
            everything_generation, created_at, authenticated_at, seen_at, expires_at, idle_for, remember, amr,
            audiences, device, address) VALUES ('ses_a', 'usr_a', 'cookie', 2, 5, x'abcd', 1, '', 1, 7, 8, 9,
            99000000, 60000000, 0, '["pwd"]', '[]', 'Firefox', '::1');
        INSERT INTO coatcheck_audit (id, at, kind, user_id, address, detail)
            VALUES ('aud_a', 1, 'login.succeeded', 'usr_a', '::1', '{{}}');
    """
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    with connect(path, query_only=False) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "store_0001")
        connection.commit()
        for statement in statements.split(";")[:-1]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(
            "INSERT INTO coatcheck_head VALUES (1, '1-abcdef01', 0, '', 0, 1, 1, 7000, 600000, 0.1, 0)"
        )
        connection.commit()


def test_a_database_of_the_first_version_is_upgraded_with_its_logins_intact(path):
    path.touch()
    _at_first_version(path)
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    session = asyncio.run(store.read(lambda tx: tx.sessions.get("ses_a")))
    assert (session.user_id, session.generation, session.step, session.device) == ("usr_a", 2, 5, "Firefox")
    assert (session.kind, session.name, session.scopes, session.public_key) == (Kind.USER, "", (), None)
    assert asyncio.run(store.read(lambda tx: tx.sessions.live_of("usr_a"))) == [session]
    record = asyncio.run(store.read(lambda tx: tx.sessions.look_up(LookUp(digest=b"\xab\xcd")))).record
    assert (record.session_id, record.roles, record.user_version) == ("ses_a", ("admin",), 3)
    assert [entry.kind for entry in asyncio.run(store.read(lambda tx: tx.audit.page()))] == ["login.succeeded"]
    assert asyncio.run(store.read(lambda tx: tx.services.page())) == []
    assert asyncio.run(store.read(lambda tx: tx.log.head())).longest_lease_ms == 7_000
    asyncio.run(store.close())
    with connect(path, query_only=True) as connection:
        noted = connection.exec_driver_sql(f"SELECT * FROM {migrations.OLDEST_TABLE}").fetchall()
        assert noted == [(migrations.NEWEST["store"], migrations.OLDEST["store"])]


@pytest.mark.parametrize(
    ("given", "known", "wanted", "longest"),
    [(20_000, 5_000, 5_000, 20_000), (20_000, 0, 20_000, 20_000), (5_000, 60_000, 5_000, 60_000)],
)
def test_leases_that_older_code_gave_are_allowed_for(store, path, given, known, wanted, longest):
    asyncio.run(store.close())
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE coatcheck_head SET lease_ms = {given}, longest_lease_ms = {known}")
    raw.close()
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    parameters = {"lease": timedelta(milliseconds=wanted), "token": timedelta(minutes=10), "drift": 0.1}
    asyncio.run(store.write(lambda tx: tx.log.set_parameters(**parameters)))
    head = asyncio.run(store.read(lambda tx: tx.log.head()))
    asyncio.run(store.close())
    assert (head.lease_ms, head.longest_lease_ms) == (wanted, longest)


def test_tables_of_the_application_in_the_same_file_are_left_alone(path):
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        raw.execute("CREATE TABLE alembic_version (version_num TEXT)")
        raw.execute("INSERT INTO alembic_version VALUES ('theirs')")
    raw.close()
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    asyncio.run(store.close())
    with sqlite3.connect(path) as raw:
        names = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert raw.execute("SELECT * FROM alembic_version").fetchall() == [("theirs",)]
    raw.close()
    assert {name for name in names if not name.startswith("coatcheck_")} == {"orders", "alembic_version"}


def test_an_application_with_migrations_of_its_own_does_not_propose_to_drop_ours(store, path):
    theirs = MetaData()
    Table("orders", theirs, Column("id", Integer, primary_key=True))
    with connect(path, query_only=True) as connection:
        heedless = MigrationContext.configure(connection)
        assert "remove_table" in {change[0] for change in compare_metadata(heedless, theirs)}
        heedful = MigrationContext.configure(connection, opts={"include_name": include_name})
        changes = compare_metadata(heedful, theirs)
    assert [(kind, table.name) for kind, table in changes] == [("add_table", "orders")]


def test_opening_what_is_up_to_date_does_not_load_alembic(path):
    script = f"""
import asyncio, sys
from coatcheck.stores.open import store_for
store = store_for("sqlite:///{path}")
asyncio.run(store.open())
asyncio.run(store.close())
assert "sqlalchemy" in sys.modules
assert not any(name.startswith("alembic") for name in sys.modules)
"""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], check=True)
