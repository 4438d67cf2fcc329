"""A site in this process for tests of the API: https, a memory store, a clock that stands still, quick hashing.

async with running() as site:
    ann = site.browser()
    await site.register(ann, "ann@example.com")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
from starlette.applications import Starlette

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import CookieNames
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import SessionSettings, Settings
from coatcheck.stores.port import Store
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.web.api import routes
from tests import databases

URL = "https://app.example.com"
API = "/auth/api"
PASSWORD = "three quiet herons wade"
SECRET = "a secret of this test, longer than thirty-two characters"
NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": URL}


@dataclass
class Site:
    """One running installation, and clients for it."""

    auth: Auth
    clock: ManualClock
    app: Any
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, address: str = "203.0.113.7", **headers: str) -> httpx2.AsyncClient:
        """A client that says nothing of itself, such as a command line; it keeps cookies all the same."""
        transport = httpx2.ASGITransport(self.app, client=(address, 40_000))
        made = httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers)
        self.clients.append(made)
        return made

    def browser(self, address: str = "203.0.113.7") -> httpx2.AsyncClient:
        """A browser with one of our own pages open."""
        return self.client(address, **SAME_ORIGIN)

    async def register(self, client: httpx2.AsyncClient, email: str = "ann@example.com", **more: Any) -> dict[str, Any]:
        """Register over the API and return what was answered."""
        answer = await client.post(f"{API}/register", json={"email": email, "password": PASSWORD, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def log_in(self, client: httpx2.AsyncClient, email: str = "ann@example.com", **more: Any) -> dict[str, Any]:
        """Log in over the API and return what was answered."""
        answer = await client.post(f"{API}/login", json={"email": email, "password": PASSWORD, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def administrator(self, email: str = "root@example.com") -> httpx2.AsyncClient:
        """A browser in which an administrator has just logged in."""
        await self.auth.create_user(email, PASSWORD, roles=(ADMINISTRATOR,))
        browser = self.browser()
        await self.log_in(browser, email)
        return browser


@asynccontextmanager
async def running(store: Store | None = None, **settings: Any) -> AsyncIterator[Site]:
    """Start a site; ``settings`` are further fields of Settings."""
    clock = ManualClock()
    chosen = {
        **databases.settings,
        "url": URL,
        "secrets": (SECRET,),
        "passwords": fast_passwords(),
        "sessions": SessionSettings(renew_after=timedelta(hours=1)),
        **settings,
    }
    auth = Auth(Settings(**chosen), store=store, clock=clock, name="this test")
    site = Site(auth, clock, Starlette(routes=routes(auth)))
    async with auth:
        yield site
        for client in site.clients:
            await client.aclose()


def bearer(token: str) -> dict[str, str]:
    """The header that carries ``token``."""
    return {"authorization": f"Bearer {token}"}


def code_of(answer: httpx2.Response) -> str:
    """The stable code of an error."""
    return str(answer.json()["code"])


def set_cookies(answer: httpx2.Response) -> dict[str, str]:
    """The ``Set-Cookie`` lines of an answer by cookie name."""
    lines = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line for line in lines}
