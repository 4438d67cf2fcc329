"""Somebody tries to find out who has an account here.

EN-01, EN-02, EN-07, EN-08, EN-10, LG-30 (OWASP ASVS 6.3.8). Time is compared by what is done, not by a clock: the same
reads, writes and hashes in the same order.
"""

from typing import Any

import pytest

from coatcheck.settings import AttemptSettings
from tests.site import API, PASSWORD, Site, running

pytestmark = pytest.mark.anyio

STRANGERS = ["nobody@example.com", "known@example.com", "nopassword@example.com", "suspended@example.com"]


async def _people(site: Site) -> None:
    await site.auth.create_user("known@example.com", PASSWORD)
    await site.auth.create_user("nopassword@example.com")
    suspended = await site.auth.create_user("suspended@example.com", PASSWORD)
    await site.auth.suspend(suspended.id)


def _watch(site: Site) -> list[str]:
    done: list[str] = []
    store, pool, hasher = site.auth.store, site.auth._ready.pool, site.auth._ready.hasher

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def write(self, work: Any, **how: Any) -> Any:
            done.append("write")
            return await store.write(work, **how)

        async def commit(self, work: Any, **how: Any) -> Any:
            done.append("write")
            return await store.commit(work, **how)

        async def read(self, work: Any, **how: Any) -> Any:
            done.append("read")
            return await store.read(work, **how)

    run, verify = pool.run, hasher.verify

    async def running(work: Any, *arguments: Any, **how: Any) -> Any:
        done.append(f"queue {sorted(how)}")
        return await run(work, *arguments, **how)

    def verifying(*arguments: Any) -> bool:
        done.append("verify")
        return verify(*arguments)

    object.__setattr__(site.auth._ready, "store", Watched())
    pool.run, hasher.verify = running, verifying
    return done


async def test_status_headers_and_body_are_the_same_for_everybody():
    async with running() as site:
        await _people(site)
        answers = [
            await site.client().post(f"{API}/login", json={"email": email, "password": "wrong password here"})
            for email in STRANGERS
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.content for answer in answers}) == 1
        assert len({tuple(answer.headers.multi_items()) for answer in answers}) == 1


async def test_the_same_work_is_done_for_everybody():
    async with running() as site:
        await _people(site)
        done = _watch(site)
        work = []
        for email in STRANGERS:
            done.clear()
            await site.client().post(f"{API}/login", json={"email": email, "password": "wrong password here"})
            work.append(list(done))
        assert work == [work[0]] * len(STRANGERS)
        assert work[0].count("verify") == 1


async def test_limits_are_the_same_for_everybody():
    async with running(attempts=AttemptSettings(per_account=3)) as site:
        await _people(site)
        for number in range(5):
            answers = [
                await site.client(f"198.51.100.{number}").post(
                    f"{API}/login", json={"email": email, "password": "wrong password here"}
                )
                for email in STRANGERS
            ]
            assert {answer.status_code for answer in answers} == {401 if number < 3 else 429}
            assert len({(answer.content, answer.headers.get("retry-after")) for answer in answers}) == 1


async def test_a_limit_that_is_reached_says_nothing_about_the_right_password_either():
    async with running(attempts=AttemptSettings(per_account=1)) as site:
        await _people(site)
        answers = [
            await site.client().post(f"{API}/login", json={"email": "known@example.com", "password": password})
            for password in ("wrong password here", "wrong password here", PASSWORD)
        ]
        assert answers[1].content == answers[2].content
        assert answers[1].status_code == answers[2].status_code == 429
