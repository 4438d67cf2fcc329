"""What was committed has reached the disk, whatever the server is told to do by default, then or later."""

import pytest

from coatcheck.stores.postgres.connect import parameters, raw_connection
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


def _shown(connection, name):
    return connection.execute(f"SHOW {name}").fetchone()[0]


@pytest.mark.parametrize(("default", "ours"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_a_default_that_forgets_is_raised_and_any_other_kept(server, default, ours):
    with raw_connection(parameters(f"{server.url}?options=-csynchronous_commit%3D{default}")) as connection:
        assert _shown(connection, "synchronous_commit") == ours


def test_a_default_that_is_made_cheaper_later_reaches_no_connection_of_ours(server):
    with raw_connection(parameters(server.url)) as ours, raw_connection(parameters(server.url)) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_commit = off")
        admin.execute("ALTER SYSTEM SET log_temp_files = 4711")
        admin.execute("SELECT pg_reload_conf()")
        while _shown(ours, "log_temp_files") != "4711kB":
            pass
        assert _shown(ours, "synchronous_commit") == "on"
        admin.execute("ALTER SYSTEM RESET ALL")
