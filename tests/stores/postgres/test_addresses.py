"""Names of hosts become addresses before the driver asks the event loop's threads for them."""

import socket
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import conninfo

from coatcheck.authority import LookUp
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres import addresses
from coatcheck.stores.postgres.addresses import resolved


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Who is known: ``one`` and ``two``, and whom a test adds."""
    known = {"one": ["192.0.2.1"], "two": ["192.0.2.2", "2001:db8::2"]}

    def getaddrinfo(host, *_, **__):
        if host not in known:
            raise socket.gaierror
        return [(None, None, None, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    for name in ("PGPORT", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    return known


def said(parameters):
    given = conninfo.conninfo_to_dict(resolved(parameters))
    return given.get("host"), given.get("hostaddr"), given.get("port")


@pytest.mark.parametrize(
    "parameters", ["host=192.0.2.7 port=5433", "host=/run/postgresql", "dbname=x", "host=one hostaddr=192.0.2.9"]
)
def test_what_needs_no_name_is_left_alone(parameters):
    assert resolved(parameters) == parameters


def test_a_name_becomes_each_of_its_addresses_and_stays_known():
    assert said("host=two port=5433") == ("two,two", "192.0.2.2,2001:db8::2", "5433,5433")


def test_each_of_several_hosts_keeps_its_port():
    assert said("host=one,192.0.2.7,two port=1,2,3") == (
        "one,192.0.2.7,two,two",
        "192.0.2.1,192.0.2.7,192.0.2.2,2001:db8::2",
        "1,2,3,3",
    )


def test_one_port_is_that_of_all():
    assert said("host=one,two port=5433") == ("one,two,two", "192.0.2.1,192.0.2.2,2001:db8::2", "5433,5433,5433")


def test_a_host_that_is_not_known_is_passed_over_while_another_one_is():
    assert said("host=nowhere,one port=1,2") == ("one", "192.0.2.1", "2")


def test_when_none_is_known_the_database_is_away():
    with pytest.raises(psycopg.OperationalError):
        resolved("host=nowhere,neither")


@pytest.mark.parametrize("usual", [None, "5433"])
def test_a_port_that_is_not_given_is_left_to_the_library(monkeypatch, usual):
    """It may be in the environment or in a service file."""
    if usual is not None:
        monkeypatch.setenv("PGPORT", usual)
    assert said("host=two") == ("two,two", "192.0.2.2,2001:db8::2", None)


def test_a_port_that_is_not_given_for_one_of_several_hosts_is_left_to_the_library():
    assert said("host=one,two port=,5433")[2] == ",5433,5433"


def test_of_the_ports_in_the_environment_each_host_has_its_own(monkeypatch):
    monkeypatch.setenv("PGPORT", "1,2")
    assert said("host=two,one")[2] == "1,1,2"
    assert said("host=two,one port=3")[2] == "3,3,3"


def test_ports_that_do_not_fit_the_hosts_are_left_to_the_driver_to_refuse():
    assert resolved("host=one,two port=1,2,3") == "host=one,two port=1,2,3"


def test_an_address_in_the_environment_is_not_looked_up(monkeypatch):
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.9")
    assert resolved("host=nowhere") == "host=nowhere"


@pytest.mark.anyio
async def test_look_ups_ask_the_same_server_as_everybody_else(monkeypatch, names, postgres_url):
    names["the-database"] = ["127.0.0.1"]
    parts = urlsplit(postgres_url)
    monkeypatch.setenv("PGPORT", str(parts.port))
    store = store_for(f"postgresql://{parts.username}@the-database{parts.path}")
    await store.open()
    try:
        assert (await store.look_up(LookUp(session_id="ses_unknown"))).record is None
    finally:
        await store.close()
