"""Health."""

import httpx2
import pytest
from starlette.applications import Starlette

from coatcheck.auth import Auth
from coatcheck.errors import StoreUnavailable
from coatcheck.settings import Settings
from coatcheck.stores.memory import MemoryStore
from coatcheck.testing import fast_passwords
from coatcheck.web.api import routes
from tests.away import MayGoAway
from tests.site import Site, running

pytestmark = pytest.mark.anyio


class Away(MemoryStore):
    """A store that can't be opened."""

    async def open(self) -> None:
        raise StoreUnavailable


async def test_a_running_site_is_alive_and_ready():
    async with running() as site:
        client = site.client()
        assert (await client.get("/auth/healthz")).json() == {"status": "ok"}
        assert (await client.get("/auth/readyz")).json() == {"status": "ready", "store": True, "lease": True}


async def test_without_its_store_a_process_is_alive_and_not_ready():
    auth = Auth(Settings(database="memory:", passwords=fast_passwords()), store=Away())
    transport = httpx2.ASGITransport(Starlette(routes=routes(auth)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        assert (await client.get("/auth/healthz")).status_code == 200
        answer = await client.get("/auth/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "store.unavailable")
        assert int(answer.headers["retry-after"]) >= 1


async def ready(site: Site, strict: bool = False) -> tuple[int, str]:
    """The status, and what is said."""
    answer = await site.client().get("/auth/readyz", params={"strict": "true"} if strict else None)
    if answer.status_code != 200:
        assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code, answer.json().get("code", answer.json()["status"])


async def test_who_is_about_to_end_says_so_and_answers_everything_else():
    async with running() as site:
        site.auth.is_draining = True
        assert await ready(site) == (503, "server.draining")
        assert (await site.client().get("/auth/healthz")).status_code == 200
        await site.register(site.client())


async def test_without_a_lease_a_process_stays_ready_unless_it_is_asked_strictly():
    async with running() as site:
        assert await ready(site, strict=True) == (200, "ready")
        site.auth.checker.lease.drop()
        assert await ready(site) == (200, "ready")
        assert (await site.client().get("/auth/readyz")).json() == {"status": "ready", "store": True, "lease": False}
        assert await ready(site, strict=True) == (503, "checking.stale")


async def test_when_the_store_does_not_answer_it_is_that_which_a_strict_question_hears_of():
    store = MayGoAway()
    async with running(store) as site:
        store.is_away = True
        await site.auth.parts.running.follower.sync()
        assert (await site.client().get("/auth/readyz")).json() == {"status": "ready", "store": False, "lease": True}
        assert await ready(site, strict=True) == (503, "store.unavailable")
        store.is_away = False
