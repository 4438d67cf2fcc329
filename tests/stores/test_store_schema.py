"""The tables: created, upgraded, and refused when they are newer."""

import asyncio
import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table

from coatcheck.errors import Misconfigured
from coatcheck.stores.open import store_for
from coatcheck.stores.sql import migrations, schema
from coatcheck.stores.sql.connect import connect, driver
from coatcheck.stores.sql.migrations.neighbours import include_name


def _empty(path):
    path.touch()
    return connect(path, query_only=False)


def _dump(connection):
    rows = driver(connection).execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    return [(*row, "".join((sql or "").split())) for *row, sql in rows], driver(connection).execute(
        f"SELECT * FROM {migrations.VERSION_TABLE}"
    ).fetchall()


@pytest.mark.parametrize("part", ["store", "registry"])
def test_the_migrations_lead_to_exactly_the_tables_that_are_created_afresh(tmp_path, part):
    with _empty(tmp_path / "fresh.db") as fresh, _empty(tmp_path / "migrated.db") as migrated:
        schema.bring_up_to_date(fresh, part)
        schema.upgrade(migrated, part, set())
        assert _dump(fresh) == _dump(migrated)
        assert schema.is_up_to_date(migrated, part)


def test_the_named_versions_are_the_newest_migrations():
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    assert set(ScriptDirectory.from_config(config).get_heads()) == set(migrations.NEWEST.values())


def test_a_database_of_a_newer_version_is_refused_and_left_alone(store, path):
    asyncio.run(store.close())
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE coatcheck_alembic_version SET version_num = 'store_9999'")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="newer version"):
        asyncio.run(store_for(f"sqlite:///{path}").open())
    assert path.read_bytes() == before


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
