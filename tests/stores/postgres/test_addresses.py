"""Names of hosts become addresses before the driver asks the event loop's threads for them."""

import socket

import psycopg
import pytest
from psycopg import conninfo

from coatcheck.stores.postgres import addresses
from coatcheck.stores.postgres.addresses import resolved


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Who is known: ``one`` and ``two``."""
    known = {"one": ["192.0.2.1"], "two": ["192.0.2.2", "2001:db8::2"]}

    def getaddrinfo(host, *_, **__):
        if host not in known:
            raise socket.gaierror
        return [(None, None, None, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)


def said(parameters):
    given = conninfo.conninfo_to_dict(resolved(parameters))
    return given.get("host"), given.get("hostaddr"), str(given.get("port"))


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
    assert said("host=nowhere,one") == ("one", "192.0.2.1", "5432")


def test_when_none_is_known_the_database_is_away():
    with pytest.raises(psycopg.OperationalError):
        resolved("host=nowhere,neither")
