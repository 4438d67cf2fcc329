"""Requests that are too large, too deep, or larger than they say.

HT-03, HT-05, LG-10.
"""

from collections.abc import AsyncIterator
from gzip import compress
from time import thread_time

import pytest

from tests.site import API, PASSWORD, code_of, running

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
LIMIT = 65_536


async def test_a_body_over_the_limit_is_refused_whoever_counts():
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 4096

    async with running() as site:
        client = site.client()
        announced = await client.post(f"{API}/login", content=b" " * (LIMIT + 1), headers=JSON)
        chunked = await client.post(f"{API}/login", content=chunks(), headers=JSON)
        lying = await client.post(f"{API}/login", content=b"{}", headers={**JSON, "content-length": "999999999999"})
        for answer in (announced, chunked, lying):
            assert (answer.status_code, code_of(answer)) == (413, "request.too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_a_compressed_body_is_not_unpacked(encoding: str):
    async with running() as site:
        bomb = compress(b" " * 10_000_000)
        answer = await site.client().post(f"{API}/login", content=bomb, headers={**JSON, "content-encoding": encoding})
        assert (answer.status_code, code_of(answer)) == (415, "request.media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b",".join(b'"%d":0' % number for number in range(7000)) + b"}",
        b'{"email":' + b"[" * 60_000 + b"}",
        b'{"email":' + b'{"a":' * 12_000 + b"}",
        b'{"email":' + b"9" * 60_000 + b"}",
        b'{"email":-1e' + b"9" * 60_000 + b"}",
        b'{"email":"' + b"\\u0041" * 10_000 + b'","password":"x"}',
        b'{"email":"ann@example.com","password":"' + b"x" * 60_000 + b'"}',
        b'{"email":"' + b"a" * 30_000 + b"@" + b"a." * 15_000 + b'com","password":"x"}',
    ],
    ids=["many members", "deep lists", "deep objects", "long number", "huge exponent", "escapes", "password", "email"],
)
async def test_a_monstrous_body_within_the_limit_is_refused_quickly_and_never_hashed(body: bytes):
    assert len(body) <= LIMIT
    async with running() as site:
        site.auth._ready.pool.run = None  # any hashing would break
        began = thread_time()
        answer = await site.client().post(f"{API}/login", content=body, headers=JSON)
        assert thread_time() - began < 0.5
        assert answer.status_code in (400, 422)


async def test_a_long_form_is_refused_likewise():
    async with running() as site:
        form = {"content-type": "application/x-www-form-urlencoded"}
        for body in (b"&".join(b"a%d=1" % number for number in range(8000)), b"&" * 60_000, b"=" * 60_000):
            answer = await site.client().post(f"{API}/token", content=body, headers=form)
            assert (answer.status_code, answer.json()["error"] != "") == (400, True)


async def test_a_password_of_256_characters_is_fine_and_one_more_is_not():
    async with running() as site:
        password = (PASSWORD + " and ") * 20
        for length, status in ((256, 201), (257, 422)):
            answer = await site.client().post(
                f"{API}/register", json={"email": "ann@example.com", "password": password[:length]}
            )
            assert answer.status_code == status
