"""Whoever can make the database fail, or reads the logs, learns from its complaint what they should not.

LO-02, EN-13. Why it can't be reached is in the log, with host, user and database; never in an answer, and never with a
password. An address that was put together wrongly is refused before (``test_password_cut_in_an_address.py``).
"""

import asyncio
from urllib.parse import urlsplit

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.problems import problem
from coatcheck.stores.postgres.store import PostgresStore

PASSWORD = "verysecret"


def opened(url: str) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(PostgresStore(url).open())
    return caught.value


def test_the_log_says_why_and_the_answer_does_not(postgres_url: str) -> None:
    place = urlsplit(postgres_url)
    fault = opened(postgres_url.replace(place.netloc, f"nobody:{PASSWORD}@{place.hostname}:{place.port}"))
    assert 'role "nobody" does not exist' in fault.in_full
    assert PASSWORD not in fault.in_full
    assert "nobody" not in str(problem(fault))
    assert "nobody" not in f"{fault} {fault!r}"


@pytest.mark.parametrize(
    "address",
    [
        f"u:{PASSWORD}@127.0.0.1:1/db",
        f"u:pa%40{PASSWORD}@127.0.0.1:1/db",
        f"u:{PASSWORD}%2Fx@127.0.0.1:1/db",
        f"127.0.0.1:1/db?sslpassword={PASSWORD}",
    ],
)
def test_no_piece_of_a_password_is_in_it(address: str) -> None:
    fault = opened(f"postgresql://{address}")
    assert PASSWORD not in f"{fault} {fault.in_full}"
