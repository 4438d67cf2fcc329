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
from tests.site import running

pytestmark = pytest.mark.anyio


class Away(MemoryStore):
    """A store that can't be opened."""

    async def open(self) -> None:
        raise StoreUnavailable


async def test_a_running_site_is_alive_and_ready():
    async with running() as site:
        client = site.client()
        assert (await client.get("/auth/healthz")).json() == {"status": "ok"}
        assert (await client.get("/auth/readyz")).json() == {"status": "ready"}


async def test_without_its_store_a_process_is_alive_and_not_ready():
    auth = Auth(Settings(database="memory:", passwords=fast_passwords()), store=Away())
    transport = httpx2.ASGITransport(Starlette(routes=routes(auth)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        assert (await client.get("/auth/healthz")).status_code == 200
        answer = await client.get("/auth/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "store.unavailable")
        assert int(answer.headers["retry-after"]) >= 1
