"""URLs of Redis: read strictly, and never repeated with what opens it."""

import pytest

from coatcheck import Settings
from coatcheck.cli.environment import settings_from
from coatcheck.cli.knobs import knobs
from coatcheck.errors import Misconfigured
from coatcheck.redis.address import read_address


@pytest.mark.parametrize(
    ("url", "nodes", "said"),
    [
        ("redis://cache", (("cache", 6379),), "redis://cache:6379"),
        ("redis://cache:7000/3", (("cache", 7000),), "redis://cache:7000"),
        ("rediss://[::1]:7000", (("::1", 7000),), "rediss://[::1]:7000"),
        ("redis+sentinel://a,b:1/main", (("a", 26379), ("b", 1)), "redis+sentinel://a:26379,b:1/main"),
        ("rediss+sentinel://a/main?db=2", (("a", 26379),), "rediss+sentinel://a:26379/main"),
        ("redis+cluster://a:1,b:2", (("a", 1), ("b", 2)), "redis+cluster://a:1,b:2"),
        ("rediss+cluster://a", (("a", 6379),), "rediss+cluster://a:6379"),
        ("unix:///run/redis.sock", (), "unix:///run/redis.sock"),
    ],
)
def test_every_form_is_read(url: str, nodes: tuple[tuple[str, int], ...], said: str) -> None:
    address = read_address(url)
    assert address.nodes == nodes
    assert str(address) == said
    assert address.is_tls == url.startswith("rediss")


@pytest.mark.parametrize(
    ("url", "database"),
    [("redis://a/3", 3), ("redis://a?db=4", 4), ("unix:///s?db=5", 5), ("redis+sentinel://a/main?db=6", 6)],
)
def test_a_database_is_chosen(url: str, database: int) -> None:
    assert read_address(url).database == database


def test_who_vouches_for_tls_is_named() -> None:
    assert read_address("rediss://a?ssl_ca_certs=/etc/ca.pem").ca_certs == "/etc/ca.pem"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "redis://",
        "redis:///0",
        "http://cache",
        "redis://a,b",
        "redis://a:port",
        "redis://a:70000",
        "redis://a/x",
        "redis://a/-1",
        "redis://a/0?ssl_cert_reqs=none",
        "rediss://a?ssl_cert_reqs=none",
        "rediss://a?ssl_check_hostname=false",
        "redis://a?ssl_ca_certs=/etc/ca.pem",
        "redis://a#x",
        "redis+sentinel://a",
        "redis+sentinel://a,/main",
        "redis+cluster://a/3",
        "redis+cluster://a?db=3",
        "redis+magic://a",
        "unix://",
        "unix://host/sock",
        "unix:///",
        "redis://[::1",
    ],
)
def test_anything_else_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_address(url.replace("://", "://someone:secretpassword@", 1))
    assert "secretpassword" not in str(refused.value)
    with pytest.raises(Misconfigured):
        read_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://someone:secret%20password@cache",
        "redis://:secret%20password@cache",
        "redis+sentinel://:secret%20password@a,b/main",
        "redis+cluster://:secret%20password@a",
        "unix://:secret%20password@/run/redis.sock",
    ],
)
def test_a_password_is_read_and_never_shown(url: str) -> None:
    address = read_address(url)
    assert address.password == "secret password"
    for said in (
        repr(address),
        str(address),
        repr(Settings(cache=url)),
        *(knob.value for knob in knobs(Settings(cache=url))),
    ):
        assert "secret" not in said.replace("secrets", "")


@pytest.mark.parametrize(
    ("url", "is_exposed"),
    [
        ("redis://localhost", False),
        ("redis://127.0.0.1", False),
        ("redis://[::1]", False),
        ("unix:///s", False),
        ("rediss://cache.example.com", False),
        ("redis://10.0.0.7", True),
        ("redis://cache.example.com", True),
        ("redis+sentinel://localhost,cache.example.com/main", True),
        ("redis+cluster://10.0.0.7", True),
    ],
)
def test_it_is_known_what_others_can_read(url: str, is_exposed: bool) -> None:
    assert read_address(url).is_exposed == is_exposed


def test_the_command_line_reads_it_from_a_variable_or_a_file(tmp_path) -> None:
    file = tmp_path / "cache-url"
    file.write_text("redis://:password@cache/1\n")
    assert settings_from({"COATCHECK_CACHE_URL": "redis://cache"}).cache == "redis://cache"
    assert settings_from({"COATCHECK_CACHE_URL_FILE": str(file)}).cache == "redis://:password@cache/1"
    assert settings_from({}).cache is None
